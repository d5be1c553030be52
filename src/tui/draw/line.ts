/** A line of the console before it is painted: pieces of text with a style each. */
import { cellWidth, cut, graphemes } from './cells.ts';
import { transition } from './sgr.ts';
import type { Style, Theme } from './theme.ts';

export interface Span {
  readonly text: string;
  readonly style?: Style;
  /** A style that covers it: the selection. */
  readonly over?: Style;
}

export type Line = readonly Span[];

/** `text` must be clean; foreign text goes through `clean` where a row is made. */
export function span(text: string, style: Style = 'text'): Span {
  return { text, style };
}

export function lineWidth(line: Line): number {
  let width = 0;
  for (const part of line) width += cellWidth(part.text);
  return width;
}

/** Cuts to `width` cells. Returns the pieces and how many cells are used. */
export function cutLine(line: Line, width: number, ellipsis: string): { line: Span[]; used: number } {
  const out: Span[] = [];
  let used = 0;
  for (const [index, part] of line.entries()) {
    const cells = cellWidth(part.text);
    if (used + cells <= width) {
      out.push(part);
      used += cells;
      continue;
    }
    const more = line.slice(index + 1).some((rest) => rest.text !== '');
    const text = cut(more ? `${part.text} ` : part.text, width - used, ellipsis);
    out.push({ ...part, text });
    used += cellWidth(text);
    break;
  }
  return { line: out, used };
}

/**
 * `left` and `right` on one line of `width` cells. The right part keeps its place while at least `minLeft` cells
 * remain for the left one; else it is dropped.
 */
export function spread(left: Line, right: Line, width: number, ellipsis: string, minLeft = 12): Line {
  const rightWidth = lineWidth(right);
  if (rightWidth === 0 || width - rightWidth - 1 < Math.min(minLeft, lineWidth(left)))
    return cutLine(left, width, ellipsis).line;
  const room = width - rightWidth - 1;
  const { line, used } = cutLine(left, room, ellipsis);
  return [...line, span(' '.repeat(width - rightWidth - used)), ...right];
}

/** Cut or filled to exactly `width` cells. With `over`, that style covers the whole width (a selection). */
export function exact(line: Line, width: number, ellipsis: string, over?: Style): Line {
  if (width <= 0) return [];
  const { line: parts, used } = cutLine(line, width, ellipsis);
  const filled = used < width ? [...parts, span(' '.repeat(width - used))] : parts;
  return over === undefined ? filled : filled.map((part) => ({ ...part, over }));
}

/** The cells from `from` up to `to`; a wide character that is cut in half leaves a blank. */
function slice(line: Line, from: number, to: number): Line {
  const out: Span[] = [];
  let at = 0;
  for (const part of line) {
    const width = cellWidth(part.text);
    const end = at + width;
    if (at >= from && end <= to) out.push(part);
    else if (end > from && at < to) out.push({ ...part, text: sliceText(part.text, from - at, to - at) });
    at = end;
    if (at >= to) break;
  }
  return out;
}

function sliceText(text: string, from: number, to: number): string {
  let out = '';
  let at = 0;
  for (const character of graphemes(text)) {
    const end = at + cellWidth(character);
    if (at >= from && end <= to) out += character;
    else if (end > from && at < to) out += ' '.repeat(Math.min(end, to) - Math.max(at, from));
    at = end;
  }
  return out;
}

/** `over` laid on `line` from cell `x` on; both exact. */
export function overlay(line: Line, over: Line, x: number): Line {
  const width = lineWidth(line);
  return [...slice(line, 0, x), ...over, ...slice(line, x + lineWidth(over), width)];
}

const NOTHING: readonly number[] = [];
/** Attributes under a cover, made once for each pair: `transition` tells sets apart by identity. */
const COVERED = new WeakMap<readonly number[], WeakMap<readonly number[], readonly number[]>>();

/** The line with its attributes as a terminal takes them. */
export function paint(line: Line, theme: Theme): string {
  let on = NOTHING;
  let out = '';
  for (const { text, style = 'text', over } of line) {
    if (text === '') continue;
    const change = transition(on, codesOf(theme, style, over));
    on = change.on;
    out += change.text + text;
  }
  return out + transition(on, NOTHING).text;
}

/** Under a colored selection only bold and underline survive: a color of its own would be unreadable there. */
function codesOf(theme: Theme, style: Style, over: Style | undefined): readonly number[] {
  const codes = theme.sgr[style];
  if (over === undefined) return codes;
  const cover = theme.sgr[over];
  if (cover.length === 0) return codes;
  const covered = COVERED.get(cover) ?? new WeakMap<readonly number[], readonly number[]>();
  COVERED.set(cover, covered);
  const made = covered.get(codes) ?? [...codes.filter((code) => code === 1 || code === 4), ...cover];
  covered.set(codes, made);
  return made;
}
