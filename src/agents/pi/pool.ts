/**
 * The places for live sessions, handed out first come, first served. A session that has nothing to do keeps its slot
 * until someone else needs one (the longest resting goes first) or until it has rested for `idleMs`.
 */
export class Pool {
  readonly #max: number;
  readonly #idleMs: number;
  readonly #taken = new Set<PoolSlot>();
  /** Resting slots, the longest resting first. */
  readonly #resting = new Map<PoolSlot, () => void>();
  readonly #waiting: ((slot: PoolSlot) => void)[] = [];
  /** Slots that were asked back and are not free yet. */
  #leaving = 0;
  /** No one rests here: what has nothing to do leaves. */
  #vacating = false;

  constructor(max: number, idleMs: number) {
    if (!Number.isInteger(max) || max < 1) throw new Error(`expected at least one slot, received ${max}`);
    this.#max = max;
    this.#idleMs = idleMs;
  }

  /** Sessions that have a slot or wait for one, for each slot. */
  get load(): number {
    return (this.#taken.size + this.#waiting.length) / this.#max;
  }

  get taken(): number {
    return this.#taken.size;
  }

  /** Slots whose session has something to do. */
  get working(): number {
    return this.#taken.size - this.#resting.size;
  }

  /** From now on, or until it is switched off, a session leaves as soon as it has nothing to do. */
  vacate(on: boolean): void {
    this.#vacating = on;
    if (on) for (const askBack of [...this.#resting.values()]) askBack();
  }

  /** Resolves with a slot, or with undefined when `signal` fired first. */
  take(signal: AbortSignal): Promise<PoolSlot | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    if (this.#taken.size < this.#max && this.#waiting.length === 0) return Promise.resolve(this.#slot());
    return new Promise((resolve) => {
      const serve = (slot: PoolSlot): void => {
        signal.removeEventListener('abort', giveUp);
        resolve(slot);
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

  #slot(): PoolSlot {
    let timer: NodeJS.Timeout | undefined;
    let leaving = false;
    const askBack = (vacate: () => void): void => {
      clearTimeout(timer);
      this.#resting.delete(slot);
      leaving = true;
      this.#leaving++;
      vacate();
    };
    const slot: PoolSlot = {
      rest: (vacate) => {
        if (leaving || !this.#taken.has(slot)) return;
        if (this.#vacating) return askBack(vacate);
        timer = setTimeout(() => askBack(vacate), this.#idleMs);
        // A resting session must not keep the process alive.
        timer.unref();
        this.#resting.set(slot, () => askBack(vacate));
        this.#askBack();
      },
      work: () => {
        if (leaving || !this.#taken.has(slot)) return false;
        clearTimeout(timer);
        this.#resting.delete(slot);
        return true;
      },
      leave: () => {
        if (!this.#taken.delete(slot)) return;
        clearTimeout(timer);
        this.#resting.delete(slot);
        if (leaving) this.#leaving--;
        this.#waiting.shift()?.(this.#slot());
      },
    };
    this.#taken.add(slot);
    return slot;
  }

  #askBack(): void {
    for (const askBack of this.#resting.values()) {
      if (this.#leaving >= this.#waiting.length) return;
      askBack();
    }
  }
}

export interface PoolSlot {
  /** Nothing to do: from now on the slot may be asked back, once, by calling `vacate`. */
  rest(vacate: () => void): void;
  /** Back to work. False when the slot has been asked back or left. */
  work(): boolean;
  /** The slot is free. Every slot is left in the end; leaving twice does nothing. */
  leave(): void;
}
