/** A line of the console before it is painted: pieces of text with a style each. */
import { cellWidth, cut } from './cells.ts';
import { openSgr, type Style, type Theme } from './theme.ts';

export interface Span {
  readonly text: string;
  readonly style?: Style;
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

/** Paints a line on exactly `width` cells. With `over`, that style covers the whole width (a selection). */
export function paint(line: Line, width: number, theme: Theme, ellipsis: string, over?: Style): string {
  if (width <= 0) return '';
  const { line: parts, used } = cutLine(line, width, ellipsis);
  const cover = over === undefined ? '' : openSgr(theme.sgr[over]);
  const solid = over !== undefined && theme.sgr[over].length > 0;
  let out = '';
  for (const part of parts) {
    if (part.text === '') continue;
    const codes = theme.sgr[part.style ?? 'text'];
    // Under a coloured selection only bold survives: a foreground of its own would be unreadable there.
    const kept = solid ? codes.filter((code) => code === 1 || code === 4) : codes;
    const open = openSgr(kept) + cover;
    out += open === '' ? part.text : `${open}${part.text}\u001b[0m`;
  }
  const blanks = ' '.repeat(Math.max(0, width - used));
  if (blanks === '') return out;
  return out + (cover === '' ? blanks : `${cover}${blanks}\u001b[0m`);
}
