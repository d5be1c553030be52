/**
 * Where lists and pages stand: the rows that are shown, a page after a movement, the place of a word that was looked
 * for.
 */

import type { Movement } from '../actions/action.ts';
import { cellWidth } from '../draw/cells.ts';
import { type Line, type Span, span } from '../draw/line.ts';
import type { ListId } from '../lists/list.ts';
import type { Mode } from './view.ts';

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

/** Where a page stands after a movement. */
export function scrolled(mode: PageMode, { first, size, count }: Window, by: Movement): PageMode {
  const last = Math.max(0, count - size);
  const from = mode.top ?? last;
  const top = ((): number => {
    switch (by.kind) {
      case 'rows':
        return from + by.rows;
      case 'pages':
        return from + Math.trunc(by.pages * size);
      case 'first':
        return 0;
      case 'last':
        return last;
    }
  })();
  const follows = mode.page === 'session' && top >= last && (by.kind === 'last' || top > first);
  return { ...mode, top: follows ? undefined : Math.min(last, Math.max(0, top)) };
}

interface Window {
  readonly first: number;
  /** Rows that fit; at least 1. */
  readonly size: number;
  readonly count: number;
}

/** Scrolls `first` as little as possible so that `index` is among `size` rows of `count`. */
export function scrollTo(first: number, index: number, size: number, count: number): number {
  const last = Math.max(0, count - size);
  const wanted = index < first ? index : index >= first + size ? index - size + 1 : first;
  return Math.min(last, Math.max(0, wanted));
}

/** Which rows of a list are shown. Remembered between frames, so that a list scrolls only as far as it must. */
export class Viewports {
  readonly #windows = new Map<ListId | 'page', Window>();

  /**
   * Places the window of a list for this frame. Without an index (the log follows) it shows the end. A list without
   * the focus does not scroll after its selection: its first rows are what matters.
   */
  place(id: ListId, count: number, index: number | undefined, size: number, focused: boolean): Window {
    const fitting = Math.max(1, size);
    const before = this.#windows.get(id)?.first ?? 0;
    const last = Math.max(0, count - fitting);
    const first =
      index === undefined ? last : focused ? scrollTo(before, index, fitting, count) : Math.min(before, last);
    const window = { first, size: fitting, count };
    this.#windows.set(id, window);
    return window;
  }

  /** The list lost rows in front (a full ring): the window moves with its rows. */
  shift(id: ListId, rows: number): void {
    const window = this.#windows.get(id);
    if (window !== undefined) this.#windows.set(id, { ...window, first: Math.max(0, window.first - rows) });
  }

  set(id: ListId | 'page', window: Window): void {
    this.#windows.set(id, window);
  }

  get(id: ListId | 'page'): Window {
    return this.#windows.get(id) ?? { first: 0, size: 1, count: 0 };
  }
}
