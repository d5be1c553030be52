/**
 * A bounded list that forgets its oldest entries. Every entry keeps its sequence number, so a reader can stay on one
 * entry while others are forgotten in front of it.
 */
export class Ring<T> {
  readonly #capacity: number;
  #items: T[] = [];
  #first = 0;

  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new RangeError(`a ring needs a capacity of at least 1, got ${capacity}`);
    this.#capacity = capacity;
  }

  /** Sequence number of the oldest entry kept; also how many were forgotten. */
  get first(): number {
    return this.#first;
  }

  /** Sequence number the next entry will get; also how many were ever pushed. */
  get end(): number {
    return this.#first + this.#items.length;
  }

  /** The newest entry. */
  get last(): T | undefined {
    return this.#items.at(-1);
  }

  push(item: T): void {
    this.#items.push(item);
    // Forgetting in slabs keeps push cheap: one move for every quarter of the capacity.
    if (this.#items.length >= this.#capacity + Math.max(1, this.#capacity >> 2)) this.#trim();
  }

  /** The entries kept, oldest first; a copy. */
  toArray(): T[] {
    this.#trim();
    return this.#items.slice();
  }

  clear(): void {
    this.#first = this.end;
    this.#items = [];
  }

  #trim(): void {
    const extra = this.#items.length - this.#capacity;
    if (extra <= 0) return;
    this.#items = this.#items.slice(extra);
    this.#first += extra;
  }
}
