/** The status page, as rows of a table, and the page of one adapter. */

import { type AdapterView, hostState } from '../../gateway/model.ts';
import { clean, wrap } from '../draw/cells.ts';
import { BLANK, fact, heading, type Line, type Page, paragraph, qrLines, span } from '../draw/line.ts';
import { clockTime } from '../draw/times.ts';
import { adapterSign, stateWord } from '../lists/adapters.ts';
import type { Scene } from '../screen/scene.ts';
import { isOpenTask } from '../state/slices.ts';

export interface StatusRow {
  readonly name: string;
  readonly value: string;
}

function adapterState(row: AdapterView): string {
  const word = stateWord(row.state);
  return row.detail.startsWith(word) ? row.detail : `${word}, ${row.detail}`;
}

/** The facts of the status page, as rows of a table. */
export function statusRows({ controller, ticker }: Scene): StatusRow[] {
  const {
    gateway,
    link,
    adapters,
    sessions,
    tasks,
    pairing,
    dialogs,
    allowlist,
    refusals,
    outbox,
    schedules,
    traffic,
    events,
  } = controller.slices;
  const { agent } = gateway;
  const row = (name: string, value: string | number): StatusRow => ({
    name,
    value: clean(String(value), 200),
  });
  const working = sessions.filter((entry) => entry.state === 'running').length;
  return [
    row('Gateway', `${gateway.state}, version ${gateway.version}${gateway.demo ? ', demo' : ''}`),
    row('Listens on', `${gateway.host}:${gateway.port}`),
    row(
      'Connection',
      link.kind === 'local'
        ? 'same process'
        : `${link.url ?? ''} ${link.connected ? 'connected' : 'NO ANSWER'}`,
    ),
    row('Up', ticker.uptime(gateway.startedAt)),
    row('Data directory', gateway.dataDir),
    row('Agent', `${agent.backend}, ${agent.running} of ${agent.maxConcurrent} running: ${agent.detail}`),
    ...(agent.hint === undefined ? [] : [row('Next step', agent.hint)]),
    ...(agent.hosts ?? []).map((host) =>
      row(
        `Host ${host.name}`,
        `${hostState(host)}, ${host.running} of ${host.maxConcurrent} running: ${host.hint ?? host.detail}`,
      ),
    ),
    row('Clients', gateway.clients),
    ...adapters.map((entry) =>
      row(entry.platform, `${adapterState(entry)}, ${entry.received} in, ${entry.sent} out`),
    ),
    row('Sessions', `${sessions.length}, ${working} running`),
    row('Tasks', `${tasks.filter(isOpenTask).length} open of ${tasks.length}`),
    row('Pairing', `${pairing.length} waiting, ${gateway.turnedAway} rejected`),
    row('Questions', dialogs.length),
    row('Allowlist', allowlist.length),
    row('Rejected', refusals.length),
    row('Schedules', schedules.filter(({ state }) => state === 'active').length),
    row('Outbox', outbox.length),
    row(
      'Messages',
      `${traffic.in} in, ${traffic.out} out since the console opened; ${traffic.perMinute} a minute`,
    ),
    row('Events', events),
    ...gateway.badges.map((badge) => row('WARNING', badge)),
  ];
}

/** Blank cells on either side of a text in the table. */
export const STATUS_PADDING = 1;

/** Cells of each column: rules and blanks around them are not theirs. */
export function statusWidths(width: number, beside: 1 | 2): number[] {
  const columns = 2 * beside;
  const room = width - (columns + 1) - 2 * STATUS_PADDING * columns;
  const name = Math.min(14, Math.max(6, Math.floor(room / beside) - 8));
  if (beside === 1) return [name, Math.max(4, room - name)];
  // The titles tell the columns apart: no two of the same words may be of one width.
  const values = room - 2 * name - 1;
  const first = Math.floor((values - 1) / 2);
  return [name, first, name + 1, values - first];
}

/** From this width on the table may have two columns of facts. */
const DENSE = 88;

interface StatusLayout {
  /** Rows whose values are whole. */
  readonly rows: readonly StatusRow[];
  readonly beside: 1 | 2;
  /** So many of them fit at once, wherever the first one is. */
  readonly most: number;
}

/** One fact next to the other only when they do not fit under each other. */
export function statusLayout(facts: readonly StatusRow[], width: number, height: number): StatusLayout {
  const single = wrapped(facts, statusWidths(width, 1)[1] ?? 0);
  if (width < DENSE || single.length <= height) return { rows: single, beside: 1, most: height };
  const rows = wrapped(facts, statusWidths(width, 2)[1] ?? 0);
  if (columnBreak(rows, height) !== undefined) return { rows, beside: 2, most: rows.length };
  let tallest = 0;
  let tall = 0;
  for (const { name } of rows) {
    tall = name === '' ? tall + 1 : 1;
    tallest = Math.max(tallest, tall);
  }
  return { rows, beside: 2, most: Math.max(height, 2 * height - tallest + 1) };
}

/** The columns that stand next to each other, `height` rows at most: no fact is torn apart between two of them. */
export function statusColumns(
  rows: readonly StatusRow[],
  beside: 1 | 2,
  height: number,
): readonly (readonly StatusRow[])[] {
  if (beside === 1) return [rows];
  const at = columnBreak(rows, height) ?? Math.min(height, rows.length);
  return [rows.slice(0, at), rows.slice(at)];
}

/** Where the second column begins: at the name that makes both as equal as can be; undefined where none does. */
function columnBreak(rows: readonly StatusRow[], height: number): number | undefined {
  const longer = (at: number): number => Math.max(at, rows.length - at);
  return [...rows.keys(), rows.length]
    .filter((at) => longer(at) <= height && rows[at]?.name !== '')
    .toSorted((a, b) => longer(a) - longer(b) || b - a)[0];
}

/** What does not fit next to a name goes on under it. */
function wrapped(facts: readonly StatusRow[], width: number): StatusRow[] {
  return facts.flatMap(({ name, value }) =>
    wrap(value, width).map((part, index) => ({ name: index === 0 ? name : '', value: part })),
  );
}

/** Health in three facts, the next step, the QR code where there is one, counters, the last errors. */
export function adapterPage(scene: Scene, row: AdapterView, width: number, height: number): Page {
  const lines: Line[] = [
    [
      adapterSign(row.state, scene.glyphs),
      span(` ${stateWord(row.state)}`, 'strong'),
      span(row.detail === row.state ? '' : `  ${clean(row.detail)}`),
    ],
  ];
  if (row.nextStep !== undefined) lines.push(...paragraph(`Next step: ${row.nextStep}`, width, 'mark'));
  if (row.open) lines.push([span(' everyone has access on this platform ', 'badge')]);
  lines.push(BLANK, ...facts(scene, row, width));
  if (row.qr !== undefined || row.pairingCode !== undefined)
    lines.push(BLANK, ...linking(scene, row, width, height - 2));
  lines.push(BLANK, heading('Last errors'));
  if (row.lastErrors.length === 0) lines.push([span('  none', 'dim')]);
  for (const error of [...row.lastErrors].reverse()) {
    lines.push([span(`  ${clockTime(error.at)}  `, 'dim'), span(`${scene.ticker.age(error.at)} ago`, 'dim')]);
    lines.push(...paragraph(error.text, width, 'text', '    ', 6));
  }
  return { title: `Adapter ${row.platform}`, lines };
}

function facts({ ticker }: Scene, row: AdapterView, width: number): Line[] {
  const { transport, ingress } = row;
  const again =
    transport.nextTryAt !== undefined && transport.nextTryAt > ticker.now
      ? `, again in ${ticker.left(transport.nextTryAt)}`
      : '';
  const attempt = transport.attempt === undefined ? '' : `, try ${transport.attempt}`;
  const seen = (at: number | undefined, none: string): string =>
    at === undefined ? none : `${ticker.age(at)} ago`;
  return [
    ...fact(
      'Transport',
      transport.alive ? 'alive' : `down${attempt}${again}`,
      width,
      transport.alive ? 'ok' : 'bad',
    ),
    ...fact(
      'Ingress',
      `last message ${seen(ingress.lastUpdateAt, 'none yet')}, heartbeat ${seen(ingress.lastHeartbeatAt, 'none yet')}`,
      width,
    ),
    ...fact(
      'Authorization',
      row.authorisation,
      width,
      row.authorisation === 'valid' ? 'ok' : row.authorisation === 'unknown' ? 'dim' : 'bad',
    ),
    ...(row.account === undefined ? [] : fact('Account', accountWords(row.account), width)),
    ...fact('Messages', `${row.received} received, ${row.sent} sent`, width),
  ];
}

function accountWords({ id, name }: NonNullable<AdapterView['account']>): string {
  return id === name ? name : `${name} (${id})`;
}

/** The QR code when it fits whole (half a code cannot be scanned), else the code to type and why. */
function linking(scene: Scene, row: AdapterView, width: number, height: number): Line[] {
  const lines: Line[] = [heading('Link the phone')];
  if (row.pairingCode !== undefined)
    lines.push([span('  Enter this code on the phone: '), span(clean(row.pairingCode, 20), 'code')]);
  if (row.qr === undefined) return lines;
  const code = qrLines(row.qr, scene.theme);
  if (code === undefined) return [...lines, [span('  The QR code is too long to be drawn.', 'warn')]];
  if (code.width > width || code.lines.length > height)
    return [
      ...lines,
      ...paragraph(
        `The QR code needs ${code.width + 4}x${code.lines.length + 6} cells: enlarge the window or make its font smaller${
          row.pairingCode === undefined ? '.' : ', or type the code above.'
        }`,
        width,
        'warn',
        '  ',
      ),
    ];
  return [...lines, [span('  Scan it with the phone (linked devices).', 'dim')], ...code.lines];
}
