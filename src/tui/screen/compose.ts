/** The whole screen as lines: a pure function of slices, view and size. Components only put it on the terminal. */

import { type Line, overlay, paint, span } from '../draw/line.ts';
import { PANES, type PaneId } from '../lists/list.ts';
import { formBlock } from '../overlays/form.ts';
import { dialogBlock, paletteBlock, textBlock } from '../overlays/fronts.ts';
import { listPage, pageWindow, sheetPage } from '../overlays/pages.ts';
import { framed, type Place, pagePlace } from '../overlays/place.ts';
import { setupBlock } from '../overlays/setup.ts';
import { type StatusRow, statusRows } from '../sheets/status.ts';
import type { Mode } from '../state/view.ts';
import { headerLine } from './header.ts';
import { hintLine } from './hints.ts';
import { layoutOf, MIN_COLUMNS, MIN_ROWS, type PaneBox } from './layout.ts';
import { listPane } from './list-pane.ts';
import { type Block, row, type Scene } from './scene.ts';
import { summaryLine } from './summary.ts';

export interface StatusTable extends Place {
  readonly rows: readonly StatusRow[];
}

export interface Screen {
  /** All rows, painted, each exactly as wide as the terminal. */
  readonly lines: readonly string[];
  /** The status page is drawn by a table component into this place. */
  readonly table: StatusTable | undefined;
}

export function compose(scene: Scene): Screen {
  const { lines, table } = composeLines(scene);
  return { lines: lines.map((line) => paint(line, scene.theme)), table };
}

/**
 * One line for each row of the terminal, panes and pages merged: a row that Ink measures otherwise than the terminal
 * (some Indic clusters) still comes out as it was laid out here.
 */
function composeLines(scene: Scene): { readonly lines: readonly Line[]; readonly table?: StatusTable } {
  const { columns, rows, controller } = scene;
  const { view } = controller;
  const { drawn } = controller.lists;
  drawn.begin();
  const layout = layoutOf(columns, rows, view.focus, view.zoom);
  if (layout.kind === 'notice') return { lines: notice(scene) };
  const page = view.modes.findLast((mode) => mode.kind === 'sheet' || mode.kind === 'list');
  // Under a page that covers everything no pane is drawn at all.
  const covered = page !== undefined && pagePlace(scene).x === 0;
  const body = covered
    ? Array.from({ length: rows - 2 }, () => row(scene, [], columns))
    : layout.bands.flatMap((band) => bandLines(scene, band, page === undefined));
  const { block, table } = pageOf(scene, page);
  if (page?.kind === 'sheet') drawn.sheet(page.subject);
  const front = view.modes.at(-1);
  if (front !== undefined) drawn.front(front);
  const over = front === undefined ? undefined : frontBlock(scene, front);
  // Nobody knows what has changed since: nothing of it looks like the present.
  const old = controller.slices.link.asOf !== undefined;
  let lines = body;
  for (const opened of [block, over]) if (opened !== undefined) lines = place(lines.map(faded), opened, 1);
  const header = row(scene, headerLine(scene), columns);
  if (old) lines = lines.map(faded);
  lines = [old ? faded(header) : header, ...lines, row(scene, hintLine(scene), columns)];
  // The table is drawn on top of everything: it waits until nothing stands before it.
  return over === undefined && table !== undefined ? { lines, table } : { lines };
}

/** What lies behind something that opened steps back. */
function faded(line: Line): Line {
  return line.map(({ text }) => ({ text, style: 'dim' }));
}

/** `lines` begin at row `top` of the screen. */
function place(lines: readonly Line[], block: Block, top: number): Line[] {
  return lines.map((line, index) => {
    const over = block.lines[index + top - block.y];
    return over === undefined ? line : overlay(line, over, block.x);
  });
}

function pageOf(scene: Scene, page: Mode | undefined): { block?: Block; table?: StatusTable } {
  if (page?.kind === 'list') return { block: listPage(scene, page) };
  if (page?.kind !== 'sheet') return {};
  if (page.sheet !== 'status') return { block: sheetPage(scene, page) };
  const place = pagePlace(scene);
  const all = statusRows(scene);
  // A table row and the rule under it, a head of three lines.
  const size = Math.max(1, Math.floor((place.height - 2 - 4) / 2));
  const top = pageWindow(scene, page, all.length, size);
  const note: Line =
    all.length <= size
      ? []
      : [span(`${top + 1}-${Math.min(all.length, top + size)} of ${all.length}`, 'dim')];
  return {
    block: framed(scene, place, [span('Status', 'title')], [], note),
    table: {
      x: place.x + 1,
      y: place.y + 1,
      width: place.width - 2,
      height: place.height - 2,
      rows: all.slice(top, top + size),
    },
  };
}

function frontBlock(scene: Scene, mode: Mode): Block | undefined {
  switch (mode.kind) {
    case 'dialog':
      return dialogBlock(scene, mode);
    case 'text':
      return textBlock(scene, mode);
    case 'palette':
      return paletteBlock(scene, mode);
    case 'form':
      return formBlock(scene, mode.form);
    case 'setup':
      return setupBlock(scene, mode);
    case 'filter':
    case 'search':
    case 'sheet':
    case 'list':
      return undefined;
  }
}

function bandLines(scene: Scene, band: readonly PaneBox[], active: boolean): Line[] {
  const columns = band.map((box) => paneLines(scene, box, active));
  const height = band[0]?.height ?? 0;
  return Array.from({ length: height }, (_, index) => columns.flatMap((lines) => lines[index] ?? []));
}

function paneLines(scene: Scene, box: PaneBox, active: boolean): readonly Line[] {
  const { pane, width, height, collapsed } = box;
  const digit = digitOf(pane);
  if (collapsed) return [row(scene, summaryLine(scene, pane, digit, width), width)];
  const focused = active && scene.controller.view.focus === pane;
  return listPane(scene, pane, { width, height, focused, digit });
}

function digitOf(pane: PaneId): number {
  return PANES.indexOf(pane) + 1;
}

/** Too small to work in: what is needed, cut to what there is. */
function notice(scene: Scene): Line[] {
  const { columns, rows, controller } = scene;
  const waiting = controller.slices.pairing.length;
  const texts = [
    `Too small: ${columns}x${rows}`,
    `Needs ${MIN_COLUMNS}x${MIN_ROWS}`,
    waiting > 0 ? `${waiting} pairing waiting` : '',
    'q quits',
  ];
  return Array.from({ length: rows }, (_, index) => row(scene, [span(texts[index] ?? '')], columns));
}
