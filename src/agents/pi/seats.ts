/**
 * The places for live sessions, handed out first come, first served. A session that has nothing to do keeps its seat
 * until somebody else needs one (the longest resting goes first) or until it has rested for `idleMs`.
 */
export class Seats {
  readonly #max: number;
  readonly #idleMs: number;
  readonly #taken = new Set<Seat>();
  /** Resting seats, the longest resting first. */
  readonly #resting = new Map<Seat, () => void>();
  readonly #waiting: ((seat: Seat) => void)[] = [];
  /** Seats that were asked back and are not free yet. */
  #leaving = 0;

  constructor(max: number, idleMs: number) {
    if (!Number.isInteger(max) || max < 1) throw new Error(`expected at least one seat, received ${max}`);
    this.#max = max;
    this.#idleMs = idleMs;
  }

  /** Sessions that have a seat or wait for one, for each seat. */
  get load(): number {
    return (this.#taken.size + this.#waiting.length) / this.#max;
  }

  get taken(): number {
    return this.#taken.size;
  }

  /** Seats whose session has something to do. */
  get working(): number {
    return this.#taken.size - this.#resting.size;
  }

  /** Resolves with a seat, or with undefined when `signal` fired first. */
  take(signal: AbortSignal): Promise<Seat | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    if (this.#taken.size < this.#max && this.#waiting.length === 0) return Promise.resolve(this.#seat());
    return new Promise((resolve) => {
      const serve = (seat: Seat): void => {
        signal.removeEventListener('abort', giveUp);
        resolve(seat);
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(serve), 1);
        resolve(undefined);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(serve);
      this.#askBack();
    });
  }

  #seat(): Seat {
    let timer: NodeJS.Timeout | undefined;
    let leaving = false;
    const askBack = (vacate: () => void): void => {
      clearTimeout(timer);
      this.#resting.delete(seat);
      leaving = true;
      this.#leaving++;
      vacate();
    };
    const seat: Seat = {
      rest: (vacate) => {
        if (leaving || !this.#taken.has(seat)) return;
        timer = setTimeout(() => askBack(vacate), this.#idleMs);
        // A resting session must not keep the process alive.
        timer.unref();
        this.#resting.set(seat, () => askBack(vacate));
        this.#askBack();
      },
      work: () => {
        if (leaving || !this.#taken.has(seat)) return false;
        clearTimeout(timer);
        this.#resting.delete(seat);
        return true;
      },
      leave: () => {
        if (!this.#taken.delete(seat)) return;
        clearTimeout(timer);
        this.#resting.delete(seat);
        if (leaving) this.#leaving--;
        this.#waiting.shift()?.(this.#seat());
      },
    };
    this.#taken.add(seat);
    return seat;
  }

  #askBack(): void {
    for (const askBack of this.#resting.values()) {
      if (this.#leaving >= this.#waiting.length) return;
      askBack();
    }
  }
}

export interface Seat {
  /** Nothing to do: from now on the seat may be asked back, once, by calling `vacate`. */
  rest(vacate: () => void): void;
  /** Back to work. False when the seat has been asked back or left. */
  work(): boolean;
  /** The seat is free. Every seat is left in the end; leaving twice does nothing. */
  leave(): void;
}
