/** What a frame is drawn from. */
import type { Glyphs } from '../draw/glyphs.ts';
import { type Line, paint } from '../draw/line.ts';
import type { Style, Theme } from '../draw/theme.ts';
import type { Ticker } from '../draw/times.ts';
import type { Controller } from '../state/controller.ts';

export interface Scene {
  readonly controller: Controller;
  readonly columns: number;
  readonly rows: number;
  readonly theme: Theme;
  readonly glyphs: Glyphs;
  readonly ticker: Ticker;
}

/** Lines placed over the panes. */
export interface Block {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly lines: readonly string[];
}

export function painted(scene: Scene, line: Line, width: number, over?: Style): string {
  return paint(line, width, scene.theme, scene.glyphs.ellipsis, over);
}
