/** Which panes are shown where, as a pure function of the terminal's size. */
import { PANES, type PaneId } from '../lists/list.ts';

export const MIN_COLUMNS = 40;
export const MIN_ROWS = 10;

export interface PaneBox {
  readonly pane: PaneId;
  readonly width: number;
  readonly height: number;
  /** Only its title line is shown. */
  readonly collapsed: boolean;
}

export type Layout =
  | { readonly kind: 'notice' }
  /** Bands from top to bottom, each with its panes from left to right. */
  | { readonly kind: 'panes'; readonly bands: readonly (readonly PaneBox[])[] };

function open(pane: PaneId, width: number, height: number): PaneBox {
  return { pane, width, height, collapsed: false };
}

/** The body lies between header and hint line, one row each. */
export function layoutOf(columns: number, rows: number, focus: PaneId, zoom: boolean): Layout {
  if (columns < MIN_COLUMNS || rows < MIN_ROWS) return { kind: 'notice' };
  const body = rows - 2;
  if (zoom || columns < 60 || rows < 16) return { kind: 'panes', bands: [[open(focus, columns, body)]] };
  if (columns < 100 || rows < 30) return { kind: 'panes', bands: accordion(columns, body, focus) };
  return { kind: 'panes', bands: grid(columns, body) };
}

function accordion(width: number, body: number, focus: PaneId): PaneBox[][] {
  const height = body - (PANES.length - 1);
  return PANES.map((pane) =>
    pane === focus ? [open(pane, width, height)] : [{ pane, width, height: 1, collapsed: true }],
  );
}

function grid(width: number, body: number): PaneBox[][] {
  const log = Math.max(7, Math.round(body * 0.3));
  const upper = Math.ceil((body - log) * 0.52);
  const lower = body - log - upper;
  const left = Math.max(38, Math.floor(width * 0.4));
  return [
    [open('adapters', left, upper), open('sessions', width - left, upper)],
    [open('tasks', left, lower), open('pairing', width - left, lower)],
    [open('log', width, log)],
  ];
}
