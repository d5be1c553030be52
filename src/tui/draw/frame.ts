/** A bordered pane: the title sits in the border, so a pane costs two rows and two columns. */
import { cellWidth } from './cells.ts';
import type { Glyphs } from './glyphs.ts';
import { cutLine, exact, type Line, lineWidth, type Span, span } from './line.ts';
import type { Style } from './theme.ts';

export interface FrameOptions {
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

/** The lines inside are exactly `width - 2` cells each; missing ones are blank. */
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
