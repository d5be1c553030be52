/**
 * Tells a key that is pressed again from one that is held down. Terminals report no release: a held key comes once,
 * then after a pause (250 to 660 ms) some thirty times a second. So a key that comes back soon waits for a moment: if it
 * comes again in the meantime it is held, and decides nothing.
 */
import type { Timers } from './scheduler.ts';

/** Keys of one name closer than this were not pressed by a finger each. */
const REPEAT_MS = 200;
/** Longest pause before a terminal begins to repeat a key. */
const PAUSE_MS = 1_000;
/** How long a key that comes back waits for its repetition. */
const WAIT_MS = 120;

interface Waiting {
  readonly key: string;
  readonly run: () => void;
  readonly cancel: () => void;
}

export class HeldKeys {
  readonly #timers: Timers;
  #key = '';
  #at = Number.NEGATIVE_INFINITY;
  #gap = Number.POSITIVE_INFINITY;
  #waiting: Waiting | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** A key came. What waited for its repetition runs when it was another one. */
  press(key: string): void {
    const now = this.#timers.now();
    this.#gap = key === this.#key ? now - this.#at : Number.POSITIVE_INFINITY;
    this.#key = key;
    this.#at = now;
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    waiting.cancel();
    if (waiting.key !== key) waiting.run();
  }

  /** Runs what the key of the last `press` decides: now, in a moment, or not at all. */
  decide(run: () => void): void {
    if (this.#gap >= PAUSE_MS) run();
    else if (this.#gap >= REPEAT_MS) {
      const key = this.#key;
      const cancel = this.#timers.after(WAIT_MS, () => {
        this.#waiting = undefined;
        run();
      });
      this.#waiting = { key, run, cancel };
    }
  }

  stop(): void {
    this.#waiting?.cancel();
    this.#waiting = undefined;
  }
}
