/** Which panes are shown where, as a pure function of the terminal's size and of how much each pane has to show. */
import { PANES, type PaneId } from '../lists/list.ts';

export const MIN_COLUMNS = 40;
export const MIN_ROWS = 10;

export interface PaneBox {
  /** A pane, or the page of what is selected. */
  readonly pane: PaneId | 'preview';
  readonly x: number;
  /** Row of the screen; the body begins at 1. */
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Only its title line is shown. */
  readonly collapsed: boolean;
}

export type Layout =
  | { readonly kind: 'notice' }
  | { readonly kind: 'panes'; readonly boxes: readonly PaneBox[] };

export interface Wanted {
  readonly columns: number;
  readonly rows: number;
  readonly focus: PaneId;
  readonly zoom: boolean;
  /** Lines that a pane of that width has to show; 0: it is empty. */
  readonly lines: (pane: PaneId, width: number) => number;
}

/** Wide enough for a page next to the lists. */
const WIDE = 160;
/** From here on panes stand next to each other. */
const GRID = { columns: 100, rows: 30 } as const;

/** The body lies between header and hint line, one row each. */
export function layoutOf(wanted: Wanted): Layout {
  const { columns, rows, focus, zoom } = wanted;
  if (columns < MIN_COLUMNS || rows < MIN_ROWS) return { kind: 'notice' };
  const body = rows - 2;
  if (zoom || columns < 60 || rows < 16)
    return { kind: 'panes', boxes: [boxed(focus, { x: 0, y: 1, width: columns }, body)] };
  const boxes =
    columns >= WIDE && rows >= GRID.rows
      ? wide(wanted, body)
      : columns >= GRID.columns && rows >= GRID.rows
        ? grid(wanted, body)
        : stack(PANES, { x: 0, y: 1, width: columns }, body, wanted);
  return { kind: 'panes', boxes };
}

/** All lists on the left; on the right what is selected, and the log below it. */
function wide(wanted: Wanted, body: number): PaneBox[] {
  const { columns, focus } = wanted;
  const width = Math.min(96, Math.floor(columns * 0.45));
  const left = stack(['adapters', 'sessions', 'tasks', 'pairing'], { x: 0, y: 1, width }, body, wanted);
  const right = { x: width, y: 1, width: columns - width };
  if (focus === 'log') return [...left, boxed('log', right, body)];
  const log = Math.min(needed('log', right.width, wanted), Math.max(6, Math.round(body * 0.25)));
  return [...left, boxed('preview', right, body - log), boxed('log', { ...right, y: 1 + body - log }, log)];
}

/** Two columns over the log. They get what they need, the log what is left. */
function grid(wanted: Wanted, body: number): PaneBox[] {
  const { columns, focus } = wanted;
  const left = { x: 0, y: 1, width: Math.max(38, Math.floor(columns * 0.4)) };
  const right = { x: left.width, y: 1, width: columns - left.width };
  const sides = [
    [['adapters', 'tasks'], left],
    [['sessions', 'pairing'], right],
  ] as const;
  const most = Math.max(
    ...sides.map(([panes, { width }]) => panes.reduce((sum, pane) => sum + needed(pane, width, wanted), 0)),
  );
  const log = needed('log', columns, wanted);
  const least = Math.min(log, Math.max(7, Math.round(body * (focus === 'log' ? 0.6 : 0.25))));
  const upper = Math.max(10, Math.min(most, body - least));
  return [
    ...sides.flatMap(([panes, place]) => stack(panes, place, upper, wanted)),
    boxed('log', { x: 0, y: 1 + upper, width: columns }, body - upper),
  ];
}

/** Whom the lines that are left go to, one after the other: who is waiting for a decision comes first. */
const RANK = ['pairing', 'sessions', 'tasks', 'adapters', 'log'] as const satisfies readonly PaneId[];
/** Lines of a pane that others leave room for, its border included. */
const OPEN = 5;
/** An empty pane in focus says what will appear in it. */
const EMPTY = 4;

interface Column {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

function boxed(pane: PaneBox['pane'], { x, y, width }: Column, height: number): PaneBox {
  return { pane, x, y, width, height, collapsed: height < 3 };
}

/** The height with which a pane shows all it has: an empty one its title alone. */
function needed(pane: PaneId, width: number, { focus, lines }: Wanted): number {
  const count = lines(pane, width);
  if (count > 0) return count + 2;
  return pane === focus ? EMPTY : 1;
}

/**
 * Panes under each other. Each has its title; then the one in focus gets what it needs, then the others a part, then
 * all of them more as long as there is room. What no one needs goes to the one in focus, or to the last that is open.
 */
function stack(panes: readonly PaneId[], place: Column, height: number, wanted: Wanted): PaneBox[] {
  const { focus } = wanted;
  const needs = new Map(panes.map((pane) => [pane, needed(pane, place.width, wanted)]));
  const heights = new Map(panes.map((pane) => [pane, 1]));
  let room = height - panes.length;
  const grow = (pane: PaneId, to: number): void => {
    const now = heights.get(pane) ?? 1;
    const more = Math.min(room, to - now);
    // A pane with less than a line inside is better shown as its title.
    if (more <= 0 || now + more < 3) return;
    heights.set(pane, now + more);
    room -= more;
  };
  const ranked = RANK.filter((pane) => pane !== focus && panes.includes(pane));
  if (panes.includes(focus)) grow(focus, Math.max(EMPTY, needs.get(focus) ?? 0));
  for (const pane of ranked) grow(pane, Math.min(OPEN, needs.get(pane) ?? 0));
  for (const pane of ranked) grow(pane, needs.get(pane) ?? 0);
  const isOpen = (pane: PaneId): boolean => (heights.get(pane) ?? 1) > 1;
  const filler = panes.includes('log') && isOpen('log') ? 'log' : panes.includes(focus) ? focus : undefined;
  const last = filler ?? panes.findLast(isOpen) ?? panes[0];
  if (last !== undefined) grow(last, height);
  const boxes: PaneBox[] = [];
  let { y } = place;
  for (const pane of panes) {
    const tall = heights.get(pane) ?? 1;
    boxes.push(boxed(pane, { ...place, y }, tall));
    y += tall;
  }
  return boxes;
}

/** The pane next to another one, as they stand on the screen; the same pane where there is none. */
export function besideIn(boxes: readonly PaneBox[], pane: PaneId, side: 'left' | 'right'): PaneId {
  const from = boxes.find((box) => box.pane === pane);
  if (from === undefined) return pane;
  const middle = from.y + from.height / 2;
  const distance = (box: PaneBox): number => Math.abs(box.y + box.height / 2 - middle);
  const there = boxes
    .filter((box) => (side === 'left' ? box.x + box.width <= from.x : box.x >= from.x + from.width))
    .toSorted((a, b) => distance(a) - distance(b))
    .map((box) => box.pane)
    .find((other) => other !== 'preview');
  return there ?? pane;
}
