/**
 * What a frame is drawn from, where things open over the panes, and text fields in it. And the mouse: what is under a cell
 * of the screen by the same layout that drew it, and what a click or the wheel does there.
 */

import { cellWidth } from '../draw/cells.ts';
import { exact, frame, type Line, type Span, span } from '../draw/line.ts';
import { type Glyphs, type Style, type Theme, UNICODE_GLYPHS } from '../draw/theme.ts';
import type { Ticker } from '../draw/times.ts';
import type { Field } from '../forms/form.ts';
import type { ListId, PaneId } from '../lists/list.ts';
import { rowHeight } from '../lists/lists.ts';
import type { Controller } from '../state/controller.ts';
import { type Layout, layoutOf } from './layout.ts';

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

/** Reports of a mouse, as terminals send them in mode 1006 (SGR). Ink swallows them: they are no keys. */
export interface MouseEvent {
  readonly kind: 'press' | 'wheel-up' | 'wheel-down' | 'other';
  /** Cells from the left and from the top, beginning with 0. */
  readonly x: number;
  readonly y: number;
}

const REPORTS = /\u001b\[<(\d{1,3});(\d{1,5});(\d{1,5})([Mm])/gu;

/** The reports in what a terminal sent. */
export function mouseEvents(input: string): MouseEvent[] {
  return Array.from(input.matchAll(REPORTS), ([, button, x, y, end]) => ({
    kind: kindOf(Number(button), end === 'M'),
    x: Number(x) - 1,
    y: Number(y) - 1,
  }));
}

function kindOf(code: number, pressed: boolean): MouseEvent['kind'] {
  // Bits 2 to 4 are Shift, Meta and Ctrl; they change nothing here.
  const button = code & ~0b1_1100;
  if (!pressed) return 'other';
  if (button === 0) return 'press';
  return button === 64 ? 'wheel-up' : button === 65 ? 'wheel-down' : 'other';
}

type Hit =
  | { readonly kind: 'pane'; readonly pane: PaneId; readonly row: number | undefined }
  | { readonly kind: 'list'; readonly list: ListId; readonly row: number | undefined }
  | { readonly kind: 'page' }
  | { readonly kind: 'nothing' };

interface Pointed {
  readonly columns: number;
  readonly rows: number;
  readonly x: number;
  readonly y: number;
}

/** The layout of what the console shows now. */
export function layoutFor(controller: Controller, columns: number, rows: number): Layout {
  const { focus, zoom } = controller.view;
  const lines = (pane: PaneId, width: number): number =>
    controller.rows(pane).length * rowHeight(pane, Math.max(1, width - 4));
  return layoutOf({ columns, rows, focus, zoom, lines });
}

function hitAt(controller: Controller, at: Pointed): Hit {
  const { view } = controller;
  const { columns, rows, x, y } = at;
  const top = view.modes.at(-1);
  if (top?.kind === 'page') return { kind: 'page' };
  if (top?.kind === 'list') {
    const { x: left, y: from, width, height } = pagePlace({ columns, rows });
    const inside = x > left && x < left + width - 1;
    return {
      kind: 'list',
      list: top.list,
      row: inside ? rowAt(controller, top.list, y - from, width, height) : undefined,
    };
  }
  // Dialogs, fields and forms are for the keyboard: a click next to one must not answer it.
  if (top !== undefined) return { kind: 'nothing' };
  const layout = layoutFor(controller, columns, rows);
  if (layout.kind === 'notice') return { kind: 'nothing' };
  const box = layout.boxes.find(
    (each) => x >= each.x && x < each.x + each.width && y >= each.y && y < each.y + each.height,
  );
  if (box === undefined || box.pane === 'preview') return { kind: 'nothing' };
  const row = box.collapsed ? undefined : rowAt(controller, box.pane, y - box.y, box.width, box.height);
  return { kind: 'pane', pane: box.pane, row };
}

/** Index of the row on line `line` of the frame; undefined on the border and below the last row. */
function rowAt(
  controller: Controller,
  list: ListId,
  line: number,
  width: number,
  height: number,
): number | undefined {
  if (line < 1 || line > height - 2) return undefined;
  const { first } = controller.lists.viewports.get(list);
  const row = first + Math.floor((line - 1) / rowHeight(list, Math.max(1, width - 4)));
  return row < controller.rows(list).length ? row : undefined;
}

/** Rows that one notch of the wheel moves. */
const WHEEL_ROWS = 3;

/** What the mouse does: a click goes to a pane and its row, a click on the selected row opens it, the wheel scrolls. */
export function pointAt(controller: Controller, event: MouseEvent, columns: number, rows: number): void {
  if (event.kind === 'other') return;
  const hit = hitAt(controller, { columns, rows, x: event.x, y: event.y });
  if (event.kind === 'press') press(controller, hit);
  else wheel(controller, hit, event.kind === 'wheel-up' ? -WHEEL_ROWS : WHEEL_ROWS);
}

function press(controller: Controller, hit: Hit): void {
  if (hit.kind === 'pane') {
    const there = controller.view.focus === hit.pane;
    controller.update((view) => ({ ...view, focus: hit.pane }));
    if (hit.row !== undefined) choose(controller, hit.pane, hit.row, there);
  } else if (hit.kind === 'list' && hit.row !== undefined) choose(controller, hit.list, hit.row, true);
}

/** Where the cursor was already, a second click opens the row as Enter does. */
function choose(controller: Controller, list: ListId, row: number, there: boolean): void {
  if (there && controller.lists.cursor(list) === row) controller.key('enter');
  else controller.lists.selectAt(list, row);
}

function wheel(controller: Controller, hit: Hit, rows: number): void {
  if (hit.kind === 'page') controller.move({ kind: 'rows', rows });
  else if (hit.kind === 'pane') controller.lists.select(hit.pane, { kind: 'rows', rows });
  else if (hit.kind === 'list') controller.lists.select(hit.list, { kind: 'rows', rows });
}
