/** What lies under a cell of the screen, by the same layout that drew it. */

import type { ListId, PaneId } from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';
import { pagePlace } from '../overlays/place.ts';
import type { Controller } from '../state/controller.ts';
import { layoutOf } from './layout.ts';

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
  // Dialogs, fields and forms are for the keyboard: a click beside one must not answer it.
  if (top !== undefined) return { kind: 'nothing' };
  const layout = layoutOf(columns, rows, view.focus, view.zoom);
  if (layout.kind === 'notice') return { kind: 'nothing' };
  let from = 1;
  for (const band of layout.bands) {
    const height = band[0]?.height ?? 0;
    if (y >= from && y < from + height) {
      let left = 0;
      for (const box of band) {
        if (x >= left && x < left + box.width)
          return {
            kind: 'pane',
            pane: box.pane,
            row: box.collapsed ? undefined : rowAt(controller, box.pane, y - from, box.width, height),
          };
        left += box.width;
      }
    }
    from += height;
  }
  return { kind: 'nothing' };
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
