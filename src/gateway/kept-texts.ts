/** Shorter ones are bounded by the number of rows. */
const COUNTED_CHARS = 500;

/** Texts of rows that are kept only for looking them up: says which have to go to make room. */
export class KeptTexts {
  readonly #chars = new Map<string, number>();
  readonly #limit: number;
  #total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** One more text is kept. Returns the ids of those that are to be forgotten for it, the oldest first. */
  keep(id: string, chars: number): string[] {
    if (chars < COUNTED_CHARS) return [];
    this.#total += chars - (this.#chars.get(id) ?? 0);
    this.#chars.delete(id);
    this.#chars.set(id, chars);
    const gone: string[] = [];
    for (const [oldest, length] of this.#chars) {
      if (this.#total <= this.#limit) break;
      this.#chars.delete(oldest);
      this.#total -= length;
      gone.push(oldest);
    }
    return gone;
  }
}
