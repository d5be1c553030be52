/** The log with its lines wrapped: rows of different heights, so the window is walked instead of computed. */
import { type Line, span } from '../draw/line.ts';
import { wrappedLog } from '../lists/log.ts';
import type { LogEntry } from '../state/slices.ts';
import { row, type Scene } from './scene.ts';

export interface WrapBox {
  readonly height: number;
  readonly focused: boolean;
}

export function wrappedLogLines(
  scene: Scene,
  rows: readonly LogEntry[],
  box: WrapBox,
  inner: number,
): Line[] {
  const { controller, glyphs } = scene;
  const room = Math.max(1, box.height - 2);
  const width = Math.max(1, inner - 2);
  const cursor = controller.lists.cursor('log');
  const heights = new Map<number, readonly Line[]>();
  const linesOf = (index: number): readonly Line[] => {
    const entry = rows[index];
    const known = heights.get(index);
    if (entry === undefined || known !== undefined) return known ?? [];
    // A line of 100 kB must not fill the pane for ever.
    const lines = wrappedLog(entry, width).slice(0, room);
    heights.set(index, lines);
    return lines;
  };
  const last = cursor ?? rows.length - 1;
  // The first row from which on the last one still fits.
  let least = last;
  for (let used = linesOf(last).length; least > 0; least -= 1) {
    used += linesOf(least - 1).length;
    if (used > room) break;
  }
  const before = controller.lists.viewports.get('log').first;
  const first = cursor === undefined ? least : Math.min(cursor, Math.max(least, before));
  const lines: Line[] = [];
  let shown = 0;
  for (let index = first; index < rows.length && lines.length < room; index += 1, shown += 1) {
    const selected = index === cursor;
    for (const [at, line] of linesOf(index).entries()) {
      const gutter = selected && at === 0 ? span(glyphs.cursor, 'key') : span(' ');
      lines.push(row(scene, [gutter, ...line], inner, selected && box.focused ? 'select' : undefined));
    }
  }
  controller.lists.viewports.set('log', { first, size: Math.max(1, shown), count: rows.length });
  return lines.slice(0, room);
}
