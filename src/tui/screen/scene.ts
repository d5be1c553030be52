/** What a frame is drawn from, where things open over the panes, and text fields in it. */

import { cellWidth } from '../draw/cells.ts';
import { exact, frame, type Line, type Span, span } from '../draw/line.ts';
import { type Glyphs, type Style, type Theme, UNICODE_GLYPHS } from '../draw/theme.ts';
import type { Ticker } from '../draw/times.ts';
import type { Field } from '../forms/form.ts';
import type { Controller } from '../state/controller.ts';

export interface Scene {
  readonly controller: Controller;
  readonly columns: number;
  readonly rows: number;
  readonly theme: Theme;
  readonly glyphs: Glyphs;
  readonly ticker: Ticker;
}

/** Lines placed over the panes, all of one width. */
export interface Block {
  readonly x: number;
  readonly y: number;
  readonly lines: readonly Line[];
}

/** A line of exactly `width` cells. */
export function row(scene: Scene, line: Line, width: number, over?: Style): Line {
  return exact(line, width, scene.glyphs.ellipsis, over);
}

/** Where things open over the panes. Every line is padded to its full width, so that nothing shines through. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Pages and list views: nearly everything on a large screen, everything between header and hints on a small one. */
export function pagePlace({ columns, rows }: Pick<Scene, 'columns' | 'rows'>): Place {
  if (columns >= 100 && rows >= 30) return { x: 4, y: 2, width: columns - 8, height: rows - 4 };
  return { x: 0, y: 1, width: columns, height: Math.max(1, rows - 2) };
}

/** Dialogs, palette and fields: in the middle, at most `width` cells wide. */
export function middlePlace(scene: Pick<Scene, 'columns' | 'rows'>, width: number, height: number): Place {
  const fitted = Math.min(width, scene.columns - 2);
  const tall = Math.min(height, scene.rows - 2);
  return {
    x: Math.max(0, Math.floor((scene.columns - fitted) / 2)),
    y: Math.max(1, Math.floor((scene.rows - tall) / 3)),
    width: fitted,
    height: tall,
  };
}

export function framed(
  { glyphs }: Scene,
  { x, y, width, height }: Place,
  title: Line,
  inner: readonly Line[],
  note: Line = [],
): Block {
  return { x, y, lines: frame(inner, { width, height, title, note, focused: true, glyphs }) };
}

/** The field as it is shown of a secret: how much was typed, not what. */
export function masked(field: Field, { glyphs }: Pick<Scene, 'glyphs'>): Field {
  const bullet = glyphs === UNICODE_GLYPHS ? '•' : '*';
  return { ...field, chars: field.chars.map(() => bullet) };
}

/** A text field as spans: the part around the cursor that fits, the cursor itself inverted. */
export function fieldSpans(field: Field, width: number): Span[] {
  const { chars, cursor } = field;
  const at = chars[cursor] ?? ' ';
  // Walk back from the cursor while it fits, then forward.
  let from = cursor;
  let used = cellWidth(at);
  while (from > 0) {
    const cells = cellWidth(chars[from - 1] ?? '');
    if (used + cells > width) break;
    used += cells;
    from -= 1;
  }
  let to = cursor + 1;
  while (to < chars.length) {
    const cells = cellWidth(chars[to] ?? '');
    if (used + cells > width) break;
    used += cells;
    to += 1;
  }
  return [
    span(chars.slice(from, cursor).join('')),
    span(at, 'caret'),
    span(chars.slice(cursor + 1, to).join('')),
  ];
}
