/** The first line: is it running, where, how long, what needs the operator. */
import { clean } from '../draw/cells.ts';
import { sparkline } from '../draw/frame.ts';
import { cutLine, type Line, lineWidth, type Span, span } from '../draw/line.ts';
import { clockTime } from '../draw/times.ts';
import { isOpenTask } from '../state/orders.ts';
import type { LinkSlice } from '../state/slices.ts';
import type { Scene } from './scene.ts';

interface Piece {
  readonly line: Line;
  /** The least important pieces go first when the line is short. */
  readonly weight: number;
}

export function headerLine(scene: Scene): Line {
  const pieces = headerPieces(scene).filter((piece) => lineWidth(piece.line) > 0);
  const room = scene.columns - 1;
  const width = (kept: readonly Piece[]): number =>
    kept.reduce((sum, piece) => sum + lineWidth(piece.line) + 2, -2);
  let kept = pieces;
  while (kept.length > 1 && width(kept) > room) {
    const least = Math.min(...kept.map((piece) => piece.weight));
    kept = kept.filter((piece) => piece.weight !== least);
  }
  const line: Span[] = [span(' ')];
  for (const [index, piece] of kept.entries()) line.push(...(index > 0 ? [span('  ')] : []), ...piece.line);
  return cutLine(line, scene.columns, scene.glyphs.ellipsis).line;
}

function headerPieces({ controller, glyphs, ticker }: Scene): Piece[] {
  const { gateway, link, adapters, pairing, dialogs, traffic, tasks, outbox } = controller.slices;
  if (traffic.nextChangeAt !== undefined) ticker.at(traffic.nextChangeAt);
  const up = adapters.filter((row) => row.state === 'connected').length;
  const wanted = adapters.filter((row) => row.state !== 'disabled').length;
  const troubled = adapters.some((row) => row.state === 'parked' || row.state === 'reconnecting');
  const failed = outbox.filter((row) => row.state === 'failed').length;
  const open = tasks.filter(isOpenTask).length;
  const { agent } = gateway;
  return [
    { weight: 90, line: [span('pi-gateway', 'title')] },
    { weight: 99, line: stateWords(knownState(gateway.state, link), glyphs.on, glyphs.off) },
    ...(gateway.demo ? [{ weight: 45, line: [span('demo', 'mark')] }] : []),
    {
      weight: 50,
      line: [
        span(
          link.kind === 'remote' ? clean(link.url ?? '', 80) : `${clean(gateway.host, 60)}:${gateway.port}`,
        ),
      ],
    },
    { weight: 30, line: [span('up ', 'dim'), span(ticker.uptime(gateway.startedAt))] },
    {
      weight: agent.ok ? 40 : 96,
      line: [
        span('agent ', 'dim'),
        span(`${clean(agent.backend, 20)} `, agent.ok ? 'text' : 'bad'),
        agent.ok ? span(`${agent.running}/${agent.maxConcurrent}`) : span(glyphs.alert, 'bad'),
      ],
    },
    {
      weight: 60,
      line: [
        span('adapters ', 'dim'),
        span(`${up}/${wanted}`, troubled ? 'warn' : 'text'),
        ...(troubled ? [span(` ${glyphs.alert}`, 'warn')] : []),
      ],
    },
    ...(pairing.length > 0
      ? [{ weight: 98, line: [span(` pairing ${pairing.length} ! `, 'badge')] }]
      : [{ weight: 20, line: [span('pairing ', 'dim'), span('0')] }]),
    ...(dialogs.length > 0 ? [{ weight: 98, line: [span(` questions ${dialogs.length} ! `, 'badge')] }] : []),
    ...(failed > 0 ? [{ weight: 70, line: [span(`${failed} undelivered`, 'bad')] }] : []),
    ...(open > 0 ? [{ weight: 25, line: [span('tasks ', 'dim'), span(String(open))] }] : []),
    {
      weight: 35,
      line: [
        span(`${traffic.perMinute} msg/min`, 'dim'),
        ...(traffic.perMinute > 0 ? [span(` ${sparkline(traffic.history, glyphs)}`, 'accent')] : []),
      ],
    },
    ...gateway.badges.map((badge) => ({ weight: 97, line: [span(` ${clean(badge, 60)} `, 'badge')] })),
  ];
}

/** A remote gateway that does not answer is neither running nor stopped, as far as we know. */
function knownState(state: string, { connected, asOf }: LinkSlice): string {
  if (asOf !== undefined) return `no answer, as of ${clockTime(asOf)}`;
  return connected ? state : 'no answer';
}

function stateWords(state: string, on: string, off: string): Line {
  if (state === 'running') return [span(`${on} running`, 'ok')];
  return [span(`${off} ${state}`, state === 'starting' ? 'warn' : 'bad')];
}
