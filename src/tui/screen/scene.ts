/** What a frame is drawn from. */

import { exact, type Line } from '../draw/line.ts';
import type { Glyphs, Style, Theme } from '../draw/theme.ts';
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
