/** Counts durations by size, in the way that Prometheus reads them. The arrays are fixed: `observe` allocates nothing. */
export class Histogram {
  /** Upper bounds in seconds, ascending. */
  readonly bounds: readonly number[];
  /** One more than bounds: what is larger than all of them. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(seconds: number): void {
    // A clock that was set back has measured nothing.
    const value = Math.max(0, seconds);
    let at = 0;
    for (const bound of this.bounds) {
      if (value <= bound) break;
      at += 1;
    }
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  get count(): number {
    let count = 0;
    for (const each of this.#counts) count += each;
    return count;
  }

  /** How many durations were at most as long as each bound. */
  cumulative(): number[] {
    let below = 0;
    return this.bounds.map((_, at) => {
      below += this.#counts[at] ?? 0;
      return below;
    });
  }
}

/** Histograms of one kind, one for each value of a label. The label has few values: a platform, an outcome. */
export class Histograms {
  readonly #bounds: readonly number[];
  readonly #of = new Map<string, Histogram>();

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  observe(label: string, seconds: number): void {
    let histogram = this.#of.get(label);
    if (histogram === undefined) {
      histogram = new Histogram(this.#bounds);
      this.#of.set(label, histogram);
    }
    histogram.observe(seconds);
  }

  entries(): IterableIterator<readonly [label: string, histogram: Histogram]> {
    return this.#of.entries();
  }
}
