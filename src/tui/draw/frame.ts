/** A bordered pane as painted lines: the title sits in the border, so a pane costs two rows and two columns. */
import { cellWidth } from './cells.ts';
import type { Glyphs } from './glyphs.ts';
import { cutLine, type Line, lineWidth, paint, type Span, span } from './line.ts';
import type { Theme } from './theme.ts';

export interface FrameOptions {
  readonly width: number;
  readonly height: number;
  readonly title: Line;
  /** At the right end of the top border. */
  readonly note?: Line;
  /** In the bottom border. */
  readonly footer?: Line;
  readonly focused: boolean;
  readonly theme: Theme;
  readonly glyphs: Glyphs;
}

/** The lines inside are painted already, each exactly `width - 2` cells. Missing ones are blank. */
export function frame(inner: readonly string[], options: FrameOptions): string[] {
  const { width, height, theme, glyphs, focused } = options;
  if (width < 2 || height < 1) return [];
  const style = focused ? 'borderFocus' : 'border';
  const ellipsis = glyphs.ellipsis;
  const side = paint([span(glyphs.box.v, style)], 1, theme, ellipsis);
  const lines = [paint(edge('top', options), width, theme, ellipsis)];
  const blank = ' '.repeat(width - 2);
  for (let row = 0; row < height - 2; row += 1) lines.push(`${side}${inner[row] ?? blank}${side}`);
  if (height > 1) lines.push(paint(edge('bottom', options), width, theme, ellipsis));
  return lines;
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
