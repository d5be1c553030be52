import type { LogLine } from '../../gateway/model.ts';
import { clean, cut, fillTo, wrap } from '../draw/cells.ts';
import { type Line, lineWidth, type Span, span } from '../draw/line.ts';
import type { Style } from '../draw/theme.ts';
import { momentOf } from '../draw/times.ts';
import type { LogEntry } from '../state/slices.ts';
import { type ListDefinition, oneLine } from './list.ts';

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
  height: oneLine,
  count: (rows) => String(rows.length),
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
