/**
 * Rows kept in order while single ones change. 20,000 rows with a handful of changes a frame must not be sorted anew:
 * a changed row is taken out and put back where it belongs.
 */
export interface SortedRowsOptions<T> {
  readonly key: (row: T) => string;
  /** A total order: rows with different keys never compare as 0. */
  readonly compare: (a: T, b: T) => number;
}

/** Above this many changes one walk through all rows is cheaper than moving them one by one. */
const MERGE_AT = 16;

export class SortedRows<T> {
  readonly #options: SortedRowsOptions<T>;
  readonly #byKey = new Map<string, T>();
  /** Keys changed since the last `rows()`, with the row that is still listed for them. */
  readonly #changed = new Map<string, T | undefined>();
  #rows: readonly T[] = [];

  constructor(options: SortedRowsOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): T | undefined {
    return this.#byKey.get(key);
  }

  set(row: T): void {
    const key = this.#options.key(row);
    if (!this.#changed.has(key)) this.#changed.set(key, this.#byKey.get(key));
    this.#byKey.set(key, row);
  }

  delete(key: string): boolean {
    const row = this.#byKey.get(key);
    if (row === undefined) return false;
    if (!this.#changed.has(key)) this.#changed.set(key, row);
    return this.#byKey.delete(key);
  }

  replace(rows: Iterable<T>): void {
    this.#byKey.clear();
    this.#changed.clear();
    for (const row of rows) this.#byKey.set(this.#options.key(row), row);
    this.#rows = [...this.#byKey.values()].sort(this.#options.compare);
  }

  /** The rows in order; the same array as long as nothing changed. */
  rows(): readonly T[] {
    if (this.#changed.size === 0) return this.#rows;
    this.#rows = this.#changed.size > MERGE_AT ? this.#merged() : this.#moved();
    this.#changed.clear();
    return this.#rows;
  }

  /** Each changed row is taken out and put back where it belongs. */
  #moved(): T[] {
    const next = this.#rows.slice();
    for (const listed of this.#changed.values()) {
      if (listed === undefined) continue;
      const at = this.#place(next, listed);
      if (next[at] === listed) next.splice(at, 1);
    }
    for (const key of this.#changed.keys()) {
      const row = this.#byKey.get(key);
      if (row !== undefined) next.splice(this.#place(next, row), 0, row);
    }
    return next;
  }

  /** The changed rows are sorted among themselves and merged into the others, which are in order already. */
  #merged(): T[] {
    const { compare } = this.#options;
    const gone = new Set(this.#changed.values());
    const fresh: T[] = [];
    for (const key of this.#changed.keys()) {
      const row = this.#byKey.get(key);
      if (row !== undefined) fresh.push(row);
    }
    fresh.sort(compare);
    const next: T[] = [];
    let at = 0;
    for (const row of this.#rows) {
      if (gone.has(row)) continue;
      for (let other = fresh[at]; other !== undefined && compare(other, row) < 0; other = fresh[at]) {
        next.push(other);
        at += 1;
      }
      next.push(row);
    }
    for (; at < fresh.length; at += 1) {
      const other = fresh[at];
      if (other !== undefined) next.push(other);
    }
    return next;
  }

  /** Index of the first row that does not come before `row`. */
  #place(rows: readonly T[], row: T): number {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = rows[middle];
      if (other !== undefined && this.#options.compare(other, row) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
