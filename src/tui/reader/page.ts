/** A page as plain lines. */
import { UNICODE_GLYPHS } from '../draw/glyphs.ts';
import { PLAIN_THEME } from '../draw/theme.ts';
import { Ticker } from '../draw/times.ts';
import { sheetOf } from '../overlays/pages.ts';
import type { Scene } from '../screen/scene.ts';
import { statusRows } from '../sheets/status.ts';
import type { Controller } from '../state/controller.ts';
import type { Mode } from '../state/view.ts';

const WIDTH = 100;

export function spokenPage(controller: Controller, mode: Extract<Mode, { kind: 'sheet' }>): string[] {
  const scene: Scene = {
    controller,
    columns: WIDTH,
    rows: 50,
    theme: PLAIN_THEME,
    glyphs: UNICODE_GLYPHS,
    ticker: new Ticker(controller.slices.now),
  };
  if (mode.sheet === 'status')
    return ['Status:', ...statusRows(scene).map((row) => `${row.name}: ${row.value}`)];
  const sheet = sheetOf(scene, mode, WIDTH, 0);
  return [
    `${sheet.title}:`,
    ...sheet.lines.map((line) =>
      line
        .map((part) => part.text)
        .join('')
        .trimEnd(),
    ),
  ].filter((line) => line !== '');
}
