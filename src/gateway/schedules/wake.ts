/** Timers run by a clock that stands still while the machine sleeps: the wall is looked at this often. */
const LOOK_MS = 60_000;

/** One timer for the earliest of many moments. It keeps no process alive, and there is none while nothing waits. */
export class Wake {
  readonly #look: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(look: () => void) {
    this.#look = look;
  }

  get armed(): boolean {
    return this.#timer !== undefined;
  }

  /** `next`: the earliest moment, or undefined for none. */
  arm(next: number | undefined, now: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (next === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#look();
      },
      Math.max(0, Math.min(LOOK_MS, next - now)),
    );
    this.#timer.unref();
  }
}
