/** Looking for words in a page of text. */
import { cellWidth } from '../draw/cells.ts';
import { type Line, type Span, span } from '../draw/line.ts';
import type { Mode } from './view.ts';
import type { Window } from './viewport.ts';

function textOf(line: Line): string {
  return line.map((part) => part.text).join('');
}

/** Indexes of the lines that hold the words, whatever their case. */
export function foundLines(lines: readonly Line[], words: string): number[] {
  const wanted = words.trim().toLowerCase();
  if (wanted === '') return [];
  return lines.flatMap((line, index) => (textOf(line).toLowerCase().includes(wanted) ? [index] : []));
}

/** The line with every place of the words covered by the style of a selection. */
export function withFound(line: Line, words: string): Line {
  const wanted = words.trim().toLowerCase();
  if (wanted === '') return line;
  return line.flatMap((part): readonly Span[] => {
    const lower = part.text.toLowerCase();
    // A case that changes the length of a text would shift every place behind it.
    if (lower.length !== part.text.length || cellWidth(lower) !== cellWidth(part.text)) return [part];
    const spans: Span[] = [];
    let from = 0;
    for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
      if (at > from) spans.push({ ...part, text: part.text.slice(from, at) });
      spans.push({ ...span(part.text.slice(at, at + wanted.length), part.style), over: 'select' });
      from = at + wanted.length;
    }
    return [...spans, { ...part, text: part.text.slice(from) }];
  });
}

/** The top line that shows line `at` of `count`, a third down the window. */
export function topFor(at: number, size: number, count: number): number {
  return Math.max(0, Math.min(count - size, at - Math.floor(size / 3)));
}

export type PageMode = Extract<Mode, { kind: 'page' }>;

/** Where the entries of a transcript begin: the number of an entry, and its first line. */
export type Starts = readonly { readonly number: number; readonly line: number }[];

/** The page tied to the entry at its top: lines that come or fold above it do not move it. */
export function anchored(mode: PageMode, starts: Starts): PageMode {
  const { anchor: _old, ...rest } = mode;
  const { top } = mode;
  if (mode.page !== 'session' || top === undefined) return rest;
  const at = starts.findLast(({ line }) => line <= top) ?? starts[0];
  return at === undefined ? rest : { ...rest, anchor: { number: at.number, line: top - at.line } };
}

/** The page where it stands among its lines of now. */
export function standing(mode: PageMode, starts: Starts): PageMode {
  const { anchor, top: before, foundAt } = mode;
  const at = anchor === undefined ? undefined : starts.find(({ number }) => number >= anchor.number);
  if (before === undefined || anchor === undefined || at === undefined) return mode;
  const top = at.number === anchor.number ? at.line + anchor.line : at.line;
  return { ...mode, top, ...(foundAt === undefined ? {} : { foundAt: foundAt + top - before }) };
}

/** The page at the next or previous place, round and round; undefined when there is none. */
export function atNextPlace(
  mode: PageMode,
  found: readonly number[],
  { first, size, count }: Window,
  step: 1 | -1,
): PageMode | undefined {
  const from = mode.foundAt ?? (step > 0 && mode.top !== undefined ? first - 1 : count);
  const next =
    step > 0
      ? (found.find((line) => line > from) ?? found[0])
      : (found.findLast((line) => line < from) ?? found.at(-1));
  // A transcript that follows its end is searched from there.
  const at = mode.foundAt === undefined && mode.top === undefined ? found.at(-1) : next;
  return at === undefined ? undefined : { ...mode, foundAt: at, top: topFor(at, size, count) };
}
