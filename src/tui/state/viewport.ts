/** Which rows of a list are shown. Remembered between frames, so that a list scrolls only as far as it must. */
import type { ListId } from '../lists/list.ts';

export interface Window {
  readonly first: number;
  /** Rows that fit; at least 1. */
  readonly size: number;
  readonly count: number;
}

/** Scrolls `first` as little as possible so that `index` is among `size` rows of `count`. */
export function scrollTo(first: number, index: number, size: number, count: number): number {
  const last = Math.max(0, count - size);
  const wanted = index < first ? index : index >= first + size ? index - size + 1 : first;
  return Math.min(last, Math.max(0, wanted));
}

export class Viewports {
  readonly #windows = new Map<ListId | 'page', Window>();

  /**
   * Places the window of a list for this frame. Without an index (the log follows) it shows the end. A list without
   * the focus does not scroll after its selection: its first rows are what matters.
   */
  place(id: ListId, count: number, index: number | undefined, size: number, focused: boolean): Window {
    const fitting = Math.max(1, size);
    const before = this.#windows.get(id)?.first ?? 0;
    const last = Math.max(0, count - fitting);
    const first =
      index === undefined ? last : focused ? scrollTo(before, index, fitting, count) : Math.min(before, last);
    const window = { first, size: fitting, count };
    this.#windows.set(id, window);
    return window;
  }

  /** The list lost rows in front (a full ring): the window moves with its rows. */
  shift(id: ListId, rows: number): void {
    const window = this.#windows.get(id);
    if (window !== undefined) this.#windows.set(id, { ...window, first: Math.max(0, window.first - rows) });
  }

  set(id: ListId | 'page', window: Window): void {
    this.#windows.set(id, window);
  }

  get(id: ListId | 'page'): Window {
    return this.#windows.get(id) ?? { first: 0, size: 1, count: 0 };
  }
}
