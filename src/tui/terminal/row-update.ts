/**
 * Writes of a changed row only the cells that changed. Ink writes from the first one to the end of the line: with a page
 * next to the lists that would be the whole page again for every row of the list.
 */
import { cellWidth } from '../draw/cells.ts';
import { FILLER } from '../draw/placeholders.ts';
import { paintedCells } from './frame-cache.ts';

const ESC = '\u001b';
const SGR = /\u001b\[[\d;]*m/gu;
const LOW_SURROGATE = /^[\udc00-\udfff]/u;

export type LineUpdate = (previous: string, next: string, columns: number | undefined) => string;

/** `original` for everything but two rows that the console has painted over the whole width. */
export function withRowUpdates(original: LineUpdate): LineUpdate {
  return (previous, next, columns) => {
    const whole =
      columns !== undefined && paintedCells(previous) === columns && paintedCells(next) === columns;
    return (whole ? rowUpdate(previous, next, columns) : undefined) ?? original(previous, next, columns);
  };
}

/** Undefined where the rows have too little in common. */
export function rowUpdate(previous: string, next: string, columns: number): string | undefined {
  const from = startOfChange(previous, next);
  const kept = commonEnd(previous, next, from);
  const end = next.length - kept;
  const before = activeAfter([], next, 0, from);
  const after = kept === 0 ? [] : activeAfter(before, next, from, end);
  // What stays at the right must have the attributes that it had.
  if (kept > 0 && written(after) !== written(activeAfter(before, previous, from, previous.length - kept)))
    return undefined;
  const column = cellWidth(next.slice(0, from).replaceAll(SGR, ''));
  if (column >= columns) return undefined;
  const change = written(before) + next.slice(from, end);
  return `${ESC}[${column + 1}G${change}${after.length === 0 ? '' : `${ESC}[0m`}`;
}

/**
 * The greatest length up to `most` that is the same. Whole texts are compared instead of characters: on a quiet console
 * this code runs too seldom to be compiled, and a loop over some hundred characters was a tenth of a frame.
 */
function longest(most: number, isSame: (length: number) => boolean): number {
  let low = 0;
  let high = most;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (isSame(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Where the rows begin to differ: not within a sequence, and not within a character. */
function startOfChange(previous: string, next: string): number {
  const most = Math.min(previous.length, next.length);
  let at = longest(most, (length) => previous.startsWith(next.slice(0, length)));
  const sequence = next.lastIndexOf(ESC, at - 1);
  if (sequence >= 0 && !next.slice(sequence, at).includes('m')) at = sequence;
  while (at > 0 && isInside(previous, next, at)) at -= 1;
  return at;
}

function isInside(previous: string, next: string, at: number): boolean {
  const [a, b] = [previous[at] ?? '', next[at] ?? ''];
  return a === FILLER || b === FILLER || LOW_SURROGATE.test(a) || LOW_SURROGATE.test(b);
}

/** How many characters at the end are the same; begins with a whole character outside of sequences. */
function commonEnd(previous: string, next: string, from: number): number {
  const most = Math.min(previous.length, next.length) - from;
  let kept = longest(most, (length) => previous.endsWith(next.slice(next.length - length)));
  for (;;) {
    const first = next[next.length - kept] ?? '';
    if (kept === 0) return 0;
    const cut = Math.max(
      cutSequence(previous, previous.length - kept),
      cutSequence(next, next.length - kept),
    );
    if (cut > 0) kept -= Math.min(kept, cut);
    else if (first === FILLER || LOW_SURROGATE.test(first)) kept -= 1;
    else return kept;
  }
}

/** How far the sequence goes on that began before `at`; 0 outside of one. */
function cutSequence(row: string, at: number): number {
  const sequence = row.lastIndexOf(ESC, at - 1);
  if (sequence < 0) return 0;
  const end = row.indexOf('m', sequence);
  return end >= at ? end + 1 - at : 0;
}

/** An attribute that is on: its code, and the code that ends it. */
interface Attribute {
  readonly code: string;
  readonly ends: string;
}

function written(attributes: readonly Attribute[]): string {
  return attributes.map(({ code }) => `${ESC}[${code}m`).join('');
}

/** The attributes that are on after a part of a row. */
function activeAfter(on: readonly Attribute[], row: string, from: number, to: number): readonly Attribute[] {
  let active = on;
  for (let at = row.indexOf(ESC, from); at >= 0 && at < to; at = row.indexOf(ESC, at + 1)) {
    const code = row.slice(at + 2, row.indexOf('m', at));
    if (code === '' || code === '0') active = [];
    else if (ENDS.has(code)) active = active.filter(({ ends }) => ends !== code);
    else {
      const ends = endOf(code);
      // Bold and dim share their end and can be on together.
      const others = active.filter((each) => (ends === '22' ? each.code !== code : each.ends !== ends));
      active = [...others, { code, ends }];
    }
  }
  return active;
}

const ENDS: ReadonlySet<string> = new Set(['22', '24', '27', '39', '49']);

function endOf(code: string): string {
  if (code === '1' || code === '2') return '22';
  if (code === '4') return '24';
  if (code === '7') return '27';
  return /^(?:4\d|10\d)(?:;|$)/u.test(code) ? '49' : '39';
}
