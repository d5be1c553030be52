/** Counts by labels, as cheap as a map lookup: every message passes here. */
export class Tally {
  readonly #counts = new Map<string, { readonly labels: readonly string[]; count: number }>();

  add(...labels: readonly string[]): void {
    this.addSome(1, ...labels);
  }

  addSome(amount: number, ...labels: readonly string[]): void {
    const key = labels.join('\u0000');
    const entry = this.#counts.get(key);
    if (entry === undefined) this.#counts.set(key, { labels, count: amount });
    else entry.count += amount;
  }

  entries(): Iterable<{ readonly labels: readonly string[]; readonly count: number }> {
    return this.#counts.values();
  }
}
