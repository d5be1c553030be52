/**
 * Lines of the console before they are painted: pieces of text with a style each. Frames around lines, bars and charts
 * made of them, and what pages are made of.
 */

import { encode } from 'uqr';
import { cellWidth, clean, cut, graphemes, wrap } from './cells.ts';
import { type Glyphs, type Style, type Theme, transition } from './theme.ts';

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

interface FrameOptions {
  readonly width: number;
  readonly height: number;
  readonly title: Line;
  /** At the right end of the top border. */
  readonly note?: Line;
  /** In the bottom border. */
  readonly footer?: Line;
  readonly focused: boolean;
  readonly glyphs: Glyphs;
}

/**
 * A bordered pane: the title sits in the border, so a pane costs two rows and two columns. The lines inside are exactly
 * `width - 2` cells each; missing ones are blank.
 */
export function frame(inner: readonly Line[], options: FrameOptions): Line[] {
  const { width, height, glyphs, focused } = options;
  if (width < 1 || height < 1) return [];
  const { ellipsis } = glyphs;
  const side = sideOf(glyphs.box.v, focused ? 'borderFocus' : 'border');
  const blank = blankOf(Math.max(0, width - 2));
  const rows = Array.from({ length: Math.max(0, height - 2) }, (_, row) =>
    between(side, inner[row] ?? blank, width, ellipsis),
  );
  const top = exact(edge('top', options), width, ellipsis);
  return height === 1 ? [top] : [top, ...rows, exact(edge('bottom', options), width, ellipsis)];
}

const sides = new Map<string, Span>();

/** The same object for the same side: rows between sides are remembered. */
function sideOf(text: string, style: Style): Span {
  const key = `${text} ${style}`;
  const side = sides.get(key) ?? span(text, style);
  sides.set(key, side);
  return side;
}

let blank: { readonly width: number; readonly line: Line } = { width: 0, line: [] };

function blankOf(width: number): Line {
  if (blank.width !== width) blank = { width, line: [span(' '.repeat(width))] };
  return blank.line;
}

interface Sided {
  readonly side: Span;
  readonly width: number;
  readonly line: Line;
}

/** A line that did not change stays the same object with its sides: it is not laid out and painted again. */
const sided = new WeakMap<Line, Sided>();

function between(side: Span, inner: Line, width: number, ellipsis: string): Line {
  const known = sided.get(inner);
  if (known?.side === side && known.width === width) return known.line;
  const line = exact([side, ...inner, side], width, ellipsis);
  sided.set(inner, { side, width, line });
  return line;
}

function edge(which: 'top' | 'bottom', options: FrameOptions): Line {
  const { width, glyphs, focused } = options;
  const { box, ellipsis } = glyphs;
  const style = focused ? 'borderFocus' : 'border';
  const [from, to] = which === 'top' ? [box.tl, box.tr] : [box.bl, box.br];
  const room = width - 4;
  if (room < 3) return [span(from + box.h.repeat(Math.max(0, width - 2)) + to, style)];
  const left = which === 'top' ? options.title : (options.footer ?? []);
  const right = which === 'top' ? (options.note ?? []) : [];
  const parts: Span[] = [span(from, style)];
  let used = 1;
  if (left.length > 0) {
    const { line, used: cells } = cutLine(left, room - 1, ellipsis);
    parts.push(span(' '), ...line, span(' '));
    used += cells + 2;
  }
  const rightWidth = lineWidth(right);
  const rest = width - used - 1;
  // At least a piece of the border between them: else they read as one.
  if (rightWidth > 0 && rightWidth + 4 <= rest) {
    parts.push(span(box.h.repeat(rest - rightWidth - 3), style), span(' '), ...right, span(' '));
    parts.push(span(box.h, style));
  } else {
    parts.push(span(box.h.repeat(Math.max(0, rest)), style));
  }
  parts.push(span(to, style));
  return parts;
}

/** A bar of `width` cells. */
export function bar(fraction: number, width: number, glyphs: Glyphs): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * width);
  return glyphs.full.repeat(full) + glyphs.empty.repeat(width - full);
}

/** One sign for each value, scaled to the highest. */
export function sparkline(values: readonly number[], glyphs: Glyphs): string {
  const top = Math.max(...values, 1);
  const levels = glyphs.spark.length;
  return values
    .map((value) => glyphs.spark[Math.min(levels - 1, Math.ceil((value / top) * (levels - 1)))] ?? '')
    .join('');
}

/** Widest of some texts. */
export function widest(texts: readonly string[], limit: number): number {
  let width = 0;
  for (const text of texts) width = Math.max(width, cellWidth(text));
  return Math.min(width, limit);
}

/**
 * Values over time as blocks, one column each. The last `width` values, the newest at the right, in `height` rows from
 * top to bottom; scaled to the highest of them. Where nothing was, a dot stands on the ground.
 */
export function chart(
  values: readonly number[],
  { width, height, style }: { readonly width: number; readonly height: number; readonly style: Style },
  glyphs: Glyphs,
): Line[] {
  if (width < 1) return Array.from({ length: height }, () => []);
  const shown = values.slice(-width);
  const blank = ' '.repeat(width - shown.length);
  const top = Math.max(...shown, 0);
  const steps = glyphs.spark.length;
  // Something is never shown as nothing.
  const levels = shown.map((value) =>
    value <= 0 ? 0 : Math.max(1, Math.round((value / top) * height * steps)),
  );
  return Array.from({ length: height }, (_, index) => {
    const ground = (height - 1 - index) * steps;
    const line: Span[] = [span(blank)];
    let text = '';
    let quiet = false;
    const flush = (): void => {
      if (text !== '') line.push(span(text, quiet ? 'dim' : style));
      text = '';
    };
    for (const level of levels) {
      const fill = Math.min(steps, Math.max(0, level - ground));
      const nothing = fill === 0;
      if (nothing !== quiet) flush();
      quiet = nothing;
      text += nothing ? (ground === 0 ? glyphs.dot : ' ') : (glyphs.spark[fill - 1] ?? '');
    }
    flush();
    return line;
  });
}

/** A page: everything about one thing, as lines that scroll. */

export interface Page {
  readonly title: string;
  /** All lines; the window that is shown is cut from them. */
  readonly lines: readonly Line[];
  /** In the top border at the right. */
  readonly note?: Line;
}

const LABEL = 14;

/** "label  value", the value wrapped under itself. */
export function fact(label: string, value: string, width: number, style: Style = 'text'): Line[] {
  const room = Math.max(8, width - LABEL);
  return wrap(clean(value, 8_000), room).map((text, index) => [
    span((index === 0 ? label : '').padEnd(LABEL), 'dim'),
    span(text, style),
  ]);
}

export function heading(text: string): Line {
  return [span(text, 'title')];
}

export const BLANK: Line = [];

/** A longer text with its own line ends, each line wrapped. At most `limit` lines. */
export function paragraph(
  text: string,
  width: number,
  style: Style = 'text',
  indent = '',
  limit = 2_000,
): Line[] {
  const lines: Line[] = [];
  for (const part of text.slice(0, 200_000).split('\n')) {
    for (const line of wrap(clean(part, 20_000), Math.max(4, width - indent.length), limit)) {
      lines.push([span(indent), span(line, style)]);
      if (lines.length >= limit) return lines;
    }
  }
  return lines;
}

interface QrBlock {
  readonly width: number;
  readonly lines: readonly Line[];
}

/**
 * QR codes in half blocks: two modules a cell, dark on light so that a phone reads them on any theme. Undefined when
 * the text does not fit into any QR code.
 */
export function qrLines(text: string, theme: Theme): QrBlock | undefined {
  let modules: readonly (readonly boolean[])[];
  try {
    modules = encode(text, { ecc: 'L', border: 2 }).data;
  } catch {
    // The only failure of the encoder is a text beyond the largest code.
    return undefined;
  }
  // Without colors the light parts are drawn, for the usual light-on-dark terminal.
  const inverted = theme.sgr.qr.length === 0;
  const width = modules.length;
  const lines: Line[] = [];
  for (let row = 0; row < width; row += 2) {
    let cells = '';
    for (let column = 0; column < width; column += 1) {
      const upper = (modules[row]?.[column] ?? false) !== inverted;
      const lower = (modules[row + 1]?.[column] ?? false) !== inverted;
      cells += upper ? (lower ? '█' : '▀') : lower ? '▄' : ' ';
    }
    lines.push([span(cells, 'qr')]);
  }
  return { width, lines };
}
