/** The whole screen as painted lines: a pure function of slices, view and size. Components only put it on the terminal. */

import { type Line, span } from '../draw/line.ts';
import { PANES, type PaneId } from '../lists/list.ts';
import { dialogBlock, paletteBlock, textBlock } from '../overlays/fronts.ts';
import { listPage, pageWindow, sheetPage } from '../overlays/pages.ts';
import { framed, type Place, pagePlace } from '../overlays/place.ts';
import { type StatusRow, statusRows } from '../sheets/status.ts';
import type { Mode } from '../state/view.ts';
import { headerLine } from './header.ts';
import { hintLine } from './hints.ts';
import { layoutOf, MIN_COLUMNS, MIN_ROWS, type PaneBox } from './layout.ts';
import { listPane } from './list-pane.ts';
import { type Block, painted, type Scene } from './scene.ts';
import { summaryLine } from './summary.ts';

export interface StatusTable extends Place {
  readonly rows: readonly StatusRow[];
}

export interface Screen {
  readonly header: string | undefined;
  /** Everything between header and hints. */
  readonly body: readonly string[];
  readonly hint: string | undefined;
  /** The sheet or list view over the panes. */
  readonly page: Block | undefined;
  /** The status page is drawn by a table component into this place. */
  readonly table: StatusTable | undefined;
  /** Dialog, palette or field in front of everything. */
  readonly front: Block | undefined;
}

export function compose(scene: Scene): Screen {
  const { columns, rows, controller } = scene;
  const { view } = controller;
  const layout = layoutOf(columns, rows, view.focus, view.zoom);
  if (layout.kind === 'notice')
    return {
      header: undefined,
      body: notice(scene),
      hint: undefined,
      page: undefined,
      table: undefined,
      front: undefined,
    };
  const page = view.modes.findLast((mode) => mode.kind === 'sheet' || mode.kind === 'list');
  const front = view.modes.at(-1);
  const covered = page !== undefined && pagePlace(scene).x === 0;
  // Under a page that covers everything no pane is drawn at all.
  const body = covered
    ? Array.from({ length: rows - 2 }, () => ' '.repeat(columns))
    : layout.bands.flatMap((band) => bandLines(scene, band, page === undefined));
  const { block, table } = pageOf(scene, page);
  return {
    header: painted(scene, headerLine(scene), columns),
    body,
    hint: painted(scene, hintLine(scene), columns),
    page: block,
    table,
    front: front === undefined ? undefined : frontBlock(scene, front),
  };
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
    case 'filter':
    case 'sheet':
    case 'list':
      return undefined;
  }
}

function bandLines(scene: Scene, band: readonly PaneBox[], active: boolean): string[] {
  const columns = band.map((box) => paneLines(scene, box, active));
  const height = band[0]?.height ?? 0;
  return Array.from({ length: height }, (_, row) => columns.map((lines) => lines[row] ?? '').join(''));
}

function digitOf(pane: PaneId): number {
  return PANES.indexOf(pane) + 1;
}

function paneLines(scene: Scene, box: PaneBox, active: boolean): string[] {
  const { pane, width, height } = box;
  const digit = digitOf(pane);
  if (box.collapsed) return [painted(scene, summaryLine(scene, pane, digit, width), width)];
  const focused = active && scene.controller.view.focus === pane;
  return listPane(scene, pane, { width, height, focused, digit });
}

/** Too small to work in: what is needed, cut to what there is. */
function notice(scene: Scene): string[] {
  const { columns, rows, controller } = scene;
  const waiting = controller.slices.pairing.length;
  const texts = [
    `Too small: ${columns}x${rows}`,
    `Needs ${MIN_COLUMNS}x${MIN_ROWS}`,
    waiting > 0 ? `${waiting} pairing waiting` : '',
    'q quits',
  ];
  const lines = texts.slice(0, rows).map((text) => painted(scene, [span(text)], columns));
  while (lines.length < rows) lines.push(' '.repeat(columns));
  return lines;
}
