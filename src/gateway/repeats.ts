/** Different things that are told apart at a time; what comes beyond is counted together. */
const MOST_KEYS = 1000;
const WINDOW_MS = 60_000;

interface Repeated<T> {
  last: T;
  /** How often it happened since it was reported last. */
  more: number;
  timer: NodeJS.Timeout;
}

/** Reports the first of its kind at once, and all that follow once a minute as a count: a flood stays a few lines. */
export class Repeats<T> {
  readonly #report: (last: T, count: number) => void;
  readonly #known = new Map<string, Repeated<T>>();

  constructor(report: (last: T, count: number) => void) {
    this.#report = report;
  }

  note(key: string, value: T, times = 1): void {
    const known = this.#known.get(key) ?? (this.#known.size < MOST_KEYS ? undefined : this.#known.get(''));
    if (known !== undefined) {
      known.last = value;
      known.more += times;
      return;
    }
    const slot = this.#known.size < MOST_KEYS ? key : '';
    this.#known.set(slot, { last: value, more: 0, timer: this.#later(slot) });
    this.#report(value, times);
  }

  /** Reports what is counted and not reported yet. */
  flush(): void {
    for (const [key, { last, more, timer }] of [...this.#known]) {
      clearTimeout(timer);
      this.#known.delete(key);
      if (more > 0) this.#report(last, more);
    }
  }

  #later(key: string): NodeJS.Timeout {
    const timer = setTimeout(() => this.#over(key), WINDOW_MS);
    timer.unref();
    return timer;
  }

  #over(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    const { last, more } = known;
    if (more === 0) {
      this.#known.delete(key);
      return;
    }
    known.more = 0;
    known.timer = this.#later(key);
    this.#report(last, more);
  }
}
