/** What the mouse does: a click goes to a pane and its row, a click on the selected row opens it, the wheel scrolls. */
import type { MouseEvent } from '../keys/mouse.ts';
import type { ListId } from '../lists/list.ts';
import { type Hit, hitAt } from '../screen/hit.ts';
import type { Controller } from './controller.ts';

/** Rows that one notch of the wheel moves. */
const WHEEL_ROWS = 3;

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
