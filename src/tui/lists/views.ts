/** Lists that open over the panes: outbox, configuration, queue of a session, gateways; and the log, as pane and past. */

import type { LogLine, OutboxView } from '../../gateway/model.ts';
import type { ConfigValue, QueueEntry } from '../../gateway/operator/operator.ts';
import { clean, cut, fillTo, wrap } from '../draw/cells.ts';
import { cutLine, type Line, lineWidth, type Span, span, spread } from '../draw/line.ts';
import type { Glyphs, Style } from '../draw/theme.ts';
import { clockTime, momentOf } from '../draw/times.ts';
import type { ContextView, LogEntry } from '../state/slices.ts';
import { ALL_GATEWAYS, gatewayOf, type ListDefinition, originSpans, platformCell } from './list.ts';

export const outboxList: ListDefinition<OutboxView> = {
  title: 'Outbox',
  rows: ({ slices }) => slices.outbox,
  key: (row) => row.id,
  haystack: (row) =>
    `${row.chat.platform} ${row.chat.chatId} ${row.kind} ${row.state} ${row.preview} ${row.error ?? ''}`,
  columns: {
    state: (row) => row.state,
    platform: (row) => row.chat.platform,
    tries: (row) => row.attempts,
    kind: (row) => row.kind,
    gateway: (row) => gatewayOf(row.id),
  },
  empty: () => ['Everything is delivered.', 'Pending and failed deliveries appear here.'],
  draw(row, { width, glyphs, ticker, pending, ...context }) {
    const failed = row.state === 'failed';
    const left: Span[] = [
      failed ? span(glyphs.bad, 'bad') : span(glyphs.wait, 'warn'),
      span(' '),
      ...originSpans(row.id, glyphs.ellipsis),
      span(fillTo(row.state, 8), failed ? 'bad' : 'warn'),
      span(' '),
      platformCell(row.chat.platform, context),
      span(' '),
      span(`${clean(row.chat.chatId, 40)} `, 'strong'),
      ...(row.error === undefined ? [] : [span(`${clean(row.error, 200)} `, 'warn')]),
      span(clean(row.preview, 200), 'dim'),
    ];
    const tries = row.attempts === 1 ? '1 try' : `${row.attempts} tries`;
    const right = pending.has(row.id)
      ? [span(`working${glyphs.ellipsis}`, 'dim')]
      : [
          span(tries, 'dim'),
          ...(row.nextTryAt !== undefined && row.nextTryAt > ticker.now
            ? [span(`, next in ${ticker.left(row.nextTryAt)}`, 'dim')]
            : []),
        ];
    return [spread(left, right, width, glyphs.ellipsis, 24)];
  },
};

/** A configuration value as one line of text. */
export function configText(value: unknown): string {
  if (typeof value === 'string') return value === '' ? '""' : clean(value);
  return clean(JSON.stringify(value) ?? 'not set');
}

export const configList: ListDefinition<ConfigValue> = {
  title: 'Configuration',
  rows: ({ loaded }) => loaded.config,
  key: (row) => row.key,
  haystack: (row) => `${row.key} ${configText(row.value)} ${row.source} ${row.help}`,
  columns: { key: (row) => row.key, source: (row) => row.source },
  empty: () => ['Loading the configuration.'],
  draw(row, { width, glyphs }) {
    const keyWidth = Math.min(34, Math.floor(width / 2));
    const changed = row.source !== 'default' || row.later !== undefined;
    const left: Span[] = [
      span(fillTo(clean(row.key, 80), keyWidth, 'left', glyphs.ellipsis), changed ? 'strong' : 'text'),
      span(' '),
      span(configText(row.value), changed ? 'accent' : 'dim'),
    ];
    const after = row.later === undefined ? '' : 'changed, after a restart ';
    return [spread(left, [span(after, 'warn'), span(row.source, 'dim')], width, glyphs.ellipsis, 20)];
  },
};

export const queueList: ListDefinition<QueueEntry> = {
  title: 'Queued messages',
  rows: ({ loaded }) => loaded.queue,
  key: (row) => row.messageId,
  haystack: (row) => `${row.senderName} ${row.text}`,
  empty: () => ['No message is queued in this session.'],
  draw(row, { width, glyphs, ticker }) {
    const left: Span[] = [span(`${clean(row.senderName, 60)} `, 'strong'), span(clean(row.text, 300))];
    return [spread(left, [span(`${ticker.age(row.at)} ago`, 'dim')], width, glyphs.ellipsis)];
  },
};

const LEVELS: Readonly<Record<LogLine['level'], { words: string; style: Style }>> = {
  debug: { words: 'debug', style: 'dim' },
  info: { words: 'info ', style: 'accent' },
  warn: { words: 'WARN ', style: 'warn' },
  error: { words: 'ERROR', style: 'bad' },
};

export function levelWords(level: LogLine['level']): Span {
  const { words, style } = LEVELS[level];
  return span(words, style);
}

/** What a line begins with: time, level and source, as far as there is room. */
function head(row: LogEntry, width: number, now: number): Span[] {
  return [
    ...(width >= 30 ? [span(momentOf(row.at, now), 'dim'), span(' ')] : []),
    levelWords(row.level),
    span(' '),
    ...(width >= 50 ? [span(fillTo(clean(row.source, 40), 10), 'dim'), span(' ')] : []),
  ];
}

function styleOf(row: LogEntry): Style {
  return row.level === 'debug' ? 'dim' : row.level === 'error' ? 'strong' : 'text';
}

/** The whole line, wrapped under where its text begins. */
export function wrappedLog(row: LogEntry, width: number, now: number): Line[] {
  const first = head(row, width, now);
  const indent = lineWidth(first);
  return wrap(clean(row.text, 20_000), Math.max(4, width - indent)).map((text, at) => [
    ...(at === 0 ? first : [span(' '.repeat(indent))]),
    span(text, styleOf(row)),
  ]);
}

export const logList: ListDefinition<LogEntry> = {
  title: 'Log',
  rows: ({ slices }) => slices.log,
  key: (row) => String(row.seq),
  haystack: (row) => `${row.level} ${row.source} ${row.text}`,
  // In the order of time only: it follows its end.
  columns: { level: (row) => row.level, source: (row) => row.source },
  empty: () => ['Nothing was logged yet.', 'Connections, decisions and errors appear here as they happen.'],
  draw(row, { width, glyphs, ticker, shift = 0 }) {
    const text = clean(row.text, 2_000);
    const shown = shift > 0 ? glyphs.ellipsis + dropCells(text, shift + 1) : text;
    return [[...head(row, width, ticker.now), span(shown, styleOf(row))]];
  },
};

/** The log from a time on, read from its file. */
export const pastList: ListDefinition<LogEntry> = {
  ...logList,
  title: 'Log since',
  rows: ({ loaded }) => loaded.past,
  empty: () => ['Nothing was logged in that time.'],
};

function dropCells(text: string, cells: number): string {
  const head = cut(text, cells, '');
  return text.slice(head.length);
}

function sign(state: ContextView['state'], glyphs: Glyphs): Span {
  switch (state) {
    case 'connected':
      return span(glyphs.on, 'ok');
    case 'unopened':
      return span(glyphs.off, 'dim');
    case 'waiting':
    case 'silent':
      return span(glyphs.busy, 'warn');
  }
}

/** Since when it does not answer, and when it is tried again. */
function waitingWords({ since, nextAt }: NonNullable<ContextView['waiting']>): string {
  const next = nextAt === undefined ? 'trying now' : `next try at ${clockTime(nextAt)}`;
  return `waiting since ${clockTime(since)}, ${next}`;
}

function stateWords({ state, waiting, pairing, questions, failures }: ContextView): Line {
  if (waiting !== undefined) return [span(waitingWords(waiting), 'warn')];
  if (state === 'unopened') return [span('not connected yet', 'dim')];
  if (state === 'silent') return [span('no answer', 'warn')];
  const counts = [
    `${pairing} pairing`,
    `${questions} ${questions === 1 ? 'question' : 'questions'}`,
    `${failures} failed`,
  ];
  return [span(counts.join(', '), pairing + questions + failures > 0 ? 'mark' : 'dim')];
}

export const contextsList: ListDefinition<ContextView> = {
  title: 'Gateways',
  rows: ({ slices }) => slices.contexts,
  key: (row) => row.name,
  haystack: (row) => `${row.name} ${row.address} ${row.state}`,
  columns: {
    name: (row) => row.name,
    state: (row) => row.state,
    pairing: (row) => row.pairing,
    questions: (row) => row.questions,
    failures: (row) => row.failures,
  },
  height: () => 2,
  count: (rows) => String(rows.filter(({ name }) => name !== ALL_GATEWAYS).length),
  empty: () => [
    'This console has one gateway.',
    'To add others, name them under "contexts" in config.json and start the console again:',
    '{ "contexts": [{ "name": "work", "url": "https://work.example.com", "token": "$WORK_TOKEN" }] }',
  ],
  draw(row, { width, glyphs }) {
    const left: Span[] = [
      sign(row.state, glyphs),
      span(' '),
      span(
        fillTo(clean(row.name, 24), Math.min(16, Math.floor(width / 4)), 'left', glyphs.ellipsis),
        'strong',
      ),
      span(' '),
      ...stateWords(row),
    ];
    const right = row.shown ? [span('on screen', 'mark')] : [];
    const reason = row.waiting === undefined ? '' : `: ${clean(row.waiting.reason, 300)}`;
    return [
      spread(left, right, width, glyphs.ellipsis, 20),
      cutLine([span(`  ${clean(row.address, 200)}${reason}`, 'dim')], width, glyphs.ellipsis).line,
    ];
  },
};
