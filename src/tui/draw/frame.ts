/** A bordered pane: the title sits in the border, so a pane costs two rows and two columns. */
import { cellWidth } from './cells.ts';
import type { Glyphs } from './glyphs.ts';
import { cutLine, exact, type Line, lineWidth, type Span, span } from './line.ts';

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
  const side = span(glyphs.box.v, focused ? 'borderFocus' : 'border');
  const blank = [span(' '.repeat(Math.max(0, width - 2)))];
  const rows = Array.from({ length: Math.max(0, height - 2) }, (_, row) =>
    exact([side, ...(inner[row] ?? blank), side], width, ellipsis),
  );
  const top = exact(edge('top', options), width, ellipsis);
  return height === 1 ? [top] : [top, ...rows, exact(edge('bottom', options), width, ellipsis)];
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
  if (rightWidth > 0 && rightWidth + 3 <= rest) {
    parts.push(span(box.h.repeat(rest - rightWidth - 3), style), span(' '), ...right, span(' '));
    parts.push(span(box.h, style));
  } else {
    parts.push(span(box.h.repeat(Math.max(0, rest)), style));
  }
  parts.push(span(to, style));
  return parts;
}

/** A line of blanks, of a given width. */
export function blankLine(width: number): string {
  return ' '.repeat(Math.max(0, width));
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
