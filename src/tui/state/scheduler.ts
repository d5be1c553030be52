/**
 * Decides when a frame is published: background changes at most every 250 ms (1 s while the terminal is not focused),
 * keys at once, and one wake-up when a visible relative time changes its words. When nothing moves, no timer runs.
 */
export interface Timers {
  now(): number;
  /** Returns the function that cancels. */
  after(ms: number, run: () => void): () => void;
}

export const systemTimers: Timers = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export interface SchedulerOptions {
  readonly timers: Timers;
  readonly publish: () => void;
  /** Least time between two background frames. */
  readonly intervalMs?: number;
  readonly unfocusedMs?: number;
  /** How long the first change after a rest waits for others that belong to it. */
  readonly gatherMs?: number;
}

/** Longest wait of a timer: beyond it Node would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

export class Scheduler {
  readonly #timers: Timers;
  readonly #publish: () => void;
  readonly #intervalMs: number;
  readonly #unfocusedMs: number;
  readonly #gatherMs: number;
  #focused = true;
  #lastAt = Number.NEGATIVE_INFINITY;
  #cancelFrame: (() => void) | undefined;
  #cancelWake: (() => void) | undefined;
  #wakeAt: number | undefined;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    this.#timers = options.timers;
    this.#publish = options.publish;
    this.#intervalMs = options.intervalMs ?? 250;
    this.#unfocusedMs = options.unfocusedMs ?? 1_000;
    this.#gatherMs = options.gatherMs ?? 15;
  }

  /** Something changed in the background. */
  touch(): void {
    if (this.#stopped || this.#cancelFrame !== undefined) return;
    const interval = this.#focused ? this.#intervalMs : this.#unfocusedMs;
    const wait = Math.max(this.#gatherMs, this.#lastAt + interval - this.#timers.now());
    this.#cancelFrame = this.#timers.after(wait, () => this.flush());
  }

  /** Something changed that the operator waits for: it does not wait for the next background frame. */
  hurry(): void {
    if (this.#stopped) return;
    this.#cancelFrame?.();
    this.#cancelFrame = this.#timers.after(this.#gatherMs, () => this.flush());
  }

  /** A key was pressed: publish now. */
  flush(): void {
    if (this.#stopped) return;
    this.#cancelFrame?.();
    this.#cancelFrame = undefined;
    this.#lastAt = this.#timers.now();
    this.#publish();
  }

  /** Publishes once at `time` (epoch milliseconds), or not at all. Replaces the wake-up asked for before. */
  wakeAt(time: number | undefined): void {
    if (this.#stopped || time === this.#wakeAt) return;
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    this.#wakeAt = time;
    if (time === undefined) return;
    const wait = Math.min(LONGEST_MS, Math.max(this.#gatherMs, time - this.#timers.now()));
    this.#cancelWake = this.#timers.after(wait, () => {
      this.#cancelWake = undefined;
      this.#wakeAt = undefined;
      this.touch();
    });
  }

  /** Whether the terminal has the focus; without it frames are rarer. Coming back publishes at once. */
  setFocused(focused: boolean): void {
    if (this.#focused === focused) return;
    this.#focused = focused;
    if (focused) this.flush();
  }

  /** Whether any timer is running. */
  get idle(): boolean {
    return this.#cancelFrame === undefined && this.#cancelWake === undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelFrame?.();
    this.#cancelWake?.();
    this.#cancelFrame = undefined;
    this.#cancelWake = undefined;
  }
}
