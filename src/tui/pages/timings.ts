/** How long each step of the last messages of a session took, as bars on a common time line for each message. */
import type { StepKind, Timeline, TimelineStep } from '../../gateway/operator/operator.ts';
import { clean } from '../draw/cells.ts';
import { type Line, span } from '../draw/line.ts';
import type { Glyphs, Style } from '../draw/theme.ts';
import { clockTime } from '../draw/times.ts';
import type { Scene } from '../screen/scene.ts';
import { BLANK, type Page, paragraph } from './page.ts';

const LABEL = 18;
const VALUE = 9;

const LABELS: Readonly<Record<StepKind, string>> = {
  accept: 'accept',
  queue: 'queue',
  turn: 'agent turn',
  start: '  start',
  model: '  model',
  tool: '  ',
  question: '  question',
  store: 'store answer',
  send: 'send',
};

const STYLES: Readonly<Record<StepKind, Style>> = {
  accept: 'dim',
  queue: 'warn',
  turn: 'text',
  start: 'dim',
  model: 'accent',
  tool: 'ok',
  question: 'warn',
  store: 'dim',
  send: 'ok',
};

export function timingsPage({ glyphs, ticker }: Scene, timelines: readonly Timeline[], width: number): Page {
  const title = 'Durations';
  if (timelines.length === 0)
    return {
      title,
      lines: paragraph(
        'Nothing was measured in this session since the gateway started, or it was too long ago.',
        width,
      ),
    };
  return {
    title,
    note: [span('newest first', 'dim')],
    lines: timelines
      .toReversed()
      .flatMap((timeline, index) => [
        ...(index === 0 ? [] : [BLANK]),
        ...waterfall(timeline, { width, glyphs, now: ticker.now }),
      ]),
  };
}

interface Place {
  readonly width: number;
  readonly glyphs: Glyphs;
  readonly now: number;
}

function waterfall(timeline: Timeline, place: Place): Line[] {
  const { at, steps, outcome, took, host, leftOut } = timeline;
  const known = steps.reduce((most, { from, to }) => Math.max(most, to ?? from), 0);
  // What lasts reaches up to the moment of the frame; clocks of two machines may differ.
  const end = took ?? Math.max(known, place.now - at);
  const facts = [
    outcome === undefined ? 'not ended' : outcome.replaceAll('_', ' '),
    ...(host === undefined ? [] : [`on ${clean(host, 40)}`]),
  ].join(', ');
  return [
    [
      span(clockTime(at), 'strong'),
      span(`  ${duration(end)}`, 'strong'),
      span(`  ${facts}`, outcome === 'answered' ? 'ok' : outcome === undefined ? 'dim' : 'warn'),
    ],
    ...steps.map((step) => stepLine(step, end, place)),
    ...(leftOut === undefined ? [] : [[span(`and ${leftOut} further steps`, 'dim')]]),
  ];
}

function stepLine({ kind, name, from, to, ok }: TimelineStep, end: number, { width, glyphs }: Place): Line {
  const room = Math.max(1, width - LABEL - VALUE - 2);
  const until = to ?? end;
  const cell = (ms: number): number => (end <= 0 ? 0 : Math.round((Math.min(ms, end) / end) * room));
  const start = Math.min(cell(from), room - 1);
  const length = Math.max(1, Math.min(room - start, cell(until) - start));
  const style = ok === false ? 'bad' : STYLES[kind];
  const label = `${LABELS[kind]}${name === undefined ? '' : clean(name, LABEL - 3)}`;
  return [
    span(label.padEnd(LABEL), ok === false ? 'bad' : 'text'),
    span(' '.repeat(start)),
    span(glyphs.full.repeat(length), style),
    span(' '.repeat(room - start - length)),
    span(
      ` ${to === undefined ? `${duration(until - from)}${glyphs.ellipsis}` : duration(until - from)}`.padStart(
        VALUE,
      ),
    ),
    span(ok === false ? ` ${glyphs.bad}` : ' '.repeat(2), 'bad'),
  ];
}

/** "0.4 ms", "12 ms", "1.2 s", "75 s", "12 min". */
function duration(ms: number): string {
  if (ms < 1) return `${Math.max(0, ms).toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 600_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
