/**
 * What happened lately, as charts: what each platform did, and how long each step of the last messages of a session
 * took.
 */

import type { AdapterView } from '../../gateway/model.ts';
import type { StepKind, Timeline, TimelineStep } from '../../gateway/operator/operator.ts';
import { clean } from '../draw/cells.ts';
import { BLANK, chart, exact, frame, type Line, type Page, paragraph, span } from '../draw/line.ts';
import type { Glyphs, Style } from '../draw/theme.ts';
import { clockTime, shortDuration } from '../draw/times.ts';
import { adapterPhrase, adapterSign } from '../lists/adapters.ts';
import type { Scene } from '../screen/scene.ts';
import { type PlatformPulse, PULSE_BUCKETS } from '../state/slices.ts';

/** A card has a border, and at least one row for each chart. */
const LEAST = 6;
const LABEL = 8;
const VALUE = 8;

const ZERO = Array.from({ length: PULSE_BUCKETS }, () => 0);
const QUIET: PlatformPulse = {
  in: ZERO,
  out: ZERO,
  errors: ZERO,
  latency: ZERO,
  answers: 0,
  meanMs: 0,
  slowestMs: 0,
  inPerMinute: 0,
  outPerMinute: 0,
};

/** What each platform did lately, as charts: messages in and out, time to an answer, errors. */
export function pulsePage(scene: Scene, width: number, height: number): Page {
  const { adapters, pulse } = scene.controller.slices;
  const title = 'Pulse';
  const shown = adapters.filter(
    (row) => row.state !== 'disabled' || pulse.platforms[row.platform] !== undefined,
  );
  if (shown.length === 0)
    return {
      title,
      lines: paragraph('No platform is connected. e on an adapter (pane 1) sets one up.', width),
    };
  if (pulse.nextChangeAt !== undefined) scene.ticker.at(pulse.nextChangeAt);
  const quiet = pulse.nextChangeAt === undefined;
  const columns = width >= 150 ? 3 : width >= 72 ? 2 : 1;
  const rows = Math.ceil(shown.length / columns);
  // Blank lines between the cards cost too much of a small screen.
  const tall = quiet ? LEAST : Math.min(14, Math.max(LEAST, Math.floor(height / rows)));
  const wide = Math.floor((width - (columns - 1)) / columns);
  const lines: Line[] = [];
  for (let index = 0; index < shown.length; index += columns) {
    const cards = shown.slice(index, index + columns).map((row) => card(scene, row, wide, tall));
    for (let at = 0; at < tall; at += 1)
      lines.push(
        cards.flatMap((each, column) => [...(column > 0 ? [span(' ')] : []), ...(each[at] ?? BLANK)]),
      );
  }
  return { title, lines, note: [span('last 10 minutes', 'dim')] };
}

/** Rows of each chart: every second one that is to be shared goes to messages, the others to answers and to what is sent. */
function shares(spare: number): { readonly in: number; readonly out: number; readonly latency: number } {
  const latency = Math.min(2, Math.floor(spare / 3));
  const out = Math.min(2, Math.floor(Math.max(0, spare - 1) / 3));
  return { in: 1 + Math.max(0, spare - latency - out), out: 1 + out, latency: 1 + latency };
}

function card(scene: Scene, row: AdapterView, width: number, height: number): Line[] {
  const { glyphs, controller } = scene;
  const pulse = controller.slices.pulse.platforms[row.platform] ?? QUIET;
  const rows = shares(height - LEAST);
  const errors = pulse.errors.reduce((sum, value) => sum + value, 0);
  const inner = width - 2;
  const room = inner - 2 - LABEL - VALUE;
  const draw = (
    values: readonly number[],
    style: Style,
    tall: number,
    label: string,
    value: string,
  ): Line[] =>
    labelled(
      chart(
        merged(values, room, label === 'answer' ? Math.max : sum),
        { width: room, height: tall, style },
        glyphs,
      ),
      {
        label,
        value,
        style,
        width: inner,
        ellipsis: glyphs.ellipsis,
      },
    );
  const lines = [
    ...draw(pulse.in, 'accent', rows.in, 'in', `${pulse.inPerMinute}/min`),
    ...draw(pulse.out, 'ok', rows.out, 'out', `${pulse.outPerMinute}/min`),
    ...draw(
      pulse.latency,
      'warn',
      rows.latency,
      'answer',
      pulse.answers === 0 ? '' : answerTime(pulse.meanMs),
    ),
    ...draw(pulse.errors, 'bad', 1, 'errors', errors === 0 ? '' : String(errors)),
  ];
  const title: Line = [
    adapterSign(row.state, glyphs),
    span(` ${row.platform}`, 'title'),
    span(`  ${clean(adapterPhrase(row), 80)}`, row.state === 'connected' ? 'dim' : 'warn'),
  ];
  return frame(lines, { width, height, title, focused: false, glyphs });
}

function sum(...values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** All values in at most `width` columns: neighbors are put together, the newest with the newest. */
function merged(
  values: readonly number[],
  width: number,
  together: (...values: readonly number[]) => number,
): number[] {
  const each = Math.ceil(values.length / Math.max(1, width));
  const columns: number[] = [];
  for (let end = values.length; end > 0; end -= each)
    columns.unshift(together(...values.slice(Math.max(0, end - each), end)));
  return columns;
}

interface Labels {
  readonly label: string;
  readonly value: string;
  readonly style: Style;
  readonly width: number;
  readonly ellipsis: string;
}

/** The name of a chart at its left, the figure of now at its right, both on the ground line. */
function labelled(lines: readonly Line[], { label, value, style, width, ellipsis }: Labels): Line[] {
  return lines.map((line, index) => {
    const last = index === lines.length - 1;
    return exact(
      [
        span(' '),
        span((last ? label : '').padEnd(LABEL), 'dim'),
        ...line,
        span((last ? value : '').padStart(VALUE), value.startsWith('0') ? 'dim' : style),
      ],
      width,
      ellipsis,
    );
  });
}

/** "0.8s", "4.2s", "20s", "3m". */
function answerTime(ms: number): string {
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)}s` : shortDuration(ms);
}

const STEP_LABEL = 18;
const STEP_VALUE = 9;

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

/** How long each step of the last messages of a session took, as bars on a common time line for each message. */
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
  const room = Math.max(1, width - STEP_LABEL - STEP_VALUE - 2);
  const until = to ?? end;
  const cell = (ms: number): number => (end <= 0 ? 0 : Math.round((Math.min(ms, end) / end) * room));
  const start = Math.min(cell(from), room - 1);
  const length = Math.max(1, Math.min(room - start, cell(until) - start));
  const style = ok === false ? 'bad' : STYLES[kind];
  const label = `${LABELS[kind]}${name === undefined ? '' : clean(name, STEP_LABEL - 3)}`;
  return [
    span(label.padEnd(STEP_LABEL), ok === false ? 'bad' : 'text'),
    span(' '.repeat(start)),
    span(glyphs.full.repeat(length), style),
    span(' '.repeat(room - start - length)),
    span(
      ` ${to === undefined ? `${duration(until - from)}${glyphs.ellipsis}` : duration(until - from)}`.padStart(
        STEP_VALUE,
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
