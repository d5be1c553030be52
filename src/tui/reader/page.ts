/** A page as plain lines. */
import { PLAIN_THEME, UNICODE_GLYPHS } from '../draw/theme.ts';
import { Ticker } from '../draw/times.ts';
import { pageOf } from '../overlays/pages.ts';
import { statusRows } from '../pages/status.ts';
import type { Scene } from '../screen/scene.ts';
import type { Controller } from '../state/controller.ts';
import type { Mode } from '../state/view.ts';

const WIDTH = 100;

export function spokenPage(controller: Controller, mode: Extract<Mode, { kind: 'page' }>): string[] {
  const scene: Scene = {
    controller,
    columns: WIDTH,
    rows: 50,
    theme: PLAIN_THEME,
    glyphs: UNICODE_GLYPHS,
    ticker: new Ticker(controller.slices.now),
  };
  if (mode.page === 'status')
    return ['Status:', ...statusRows(scene).map((row) => `${row.name}: ${row.value}`)];
  const page = pageOf(scene, mode, WIDTH, 0);
  return [
    `${page.title}:`,
    ...page.lines.map((line) =>
      line
        .map((part) => part.text)
        .join('')
        .trimEnd(),
    ),
  ].filter((line) => line !== '');
}
