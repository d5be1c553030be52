import type { LogLine } from '../../gateway/model.ts';
import { clean, cut, fillTo } from '../draw/cells.ts';
import { type Span, span } from '../draw/line.ts';
import type { Style } from '../draw/theme.ts';
import { clockTime } from '../draw/times.ts';
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

export const logList: ListDefinition<LogEntry> = {
  title: 'Log',
  rows: ({ slices }) => slices.log,
  key: (row) => String(row.seq),
  haystack: (row) => `${row.level} ${row.source} ${row.text}`,
  height: oneLine,
  count: (rows) => String(rows.length),
  empty: () => ['Nothing was logged yet.', 'Connections, decisions and errors appear here as they happen.'],
  draw(row, { width, glyphs, shift = 0 }) {
    const text = clean(row.text, 2_000);
    const shown = shift > 0 ? glyphs.ellipsis + dropCells(text, shift + 1) : text;
    return [
      [
        ...(width >= 30 ? [span(clockTime(row.at), 'dim'), span(' ')] : []),
        levelWords(row.level),
        span(' '),
        ...(width >= 50 ? [span(fillTo(clean(row.source, 40), 10), 'dim'), span(' ')] : []),
        span(shown, row.level === 'debug' ? 'dim' : row.level === 'error' ? 'strong' : 'text'),
      ],
    ];
  },
};

function dropCells(text: string, cells: number): string {
  const head = cut(text, cells, '');
  return text.slice(head.length);
}
