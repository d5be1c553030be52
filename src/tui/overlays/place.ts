/** Where things open over the panes. Every line is padded to its full width, so that nothing shines through. */

import type { Line } from '../draw/line.ts';
import { frame } from '../draw/line.ts';
import type { Block, Scene } from '../screen/scene.ts';

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
