/** What lies under a cell of the screen, by the same layout that drew it. */

import type { ListId, PaneId } from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';
import { pagePlace } from '../overlays/place.ts';
import type { Controller } from '../state/controller.ts';
import { type Layout, layoutOf } from './layout.ts';

export type Hit =
  | { readonly kind: 'pane'; readonly pane: PaneId; readonly row: number | undefined }
  | { readonly kind: 'list'; readonly list: ListId; readonly row: number | undefined }
  | { readonly kind: 'page' }
  | { readonly kind: 'nothing' };

export interface Pointed {
  readonly columns: number;
  readonly rows: number;
  readonly x: number;
  readonly y: number;
}

/** The layout of what the console shows now. */
export function layoutFor(controller: Controller, columns: number, rows: number): Layout {
  const { focus, zoom } = controller.view;
  const lines = (pane: PaneId, width: number): number =>
    controller.rows(pane).length * LISTS[pane].height(Math.max(1, width - 4));
  return layoutOf({ columns, rows, focus, zoom, lines });
}

export function hitAt(controller: Controller, at: Pointed): Hit {
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
  const row = first + Math.floor((line - 1) / LISTS[list].height(Math.max(1, width - 4)));
  return row < controller.rows(list).length ? row : undefined;
}
