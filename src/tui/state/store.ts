/** Ties the operator's event stream to the projection and the scheduler; React reads it with useSyncExternalStore. */

import type { LogLine, UsageRow } from '../../gateway/model.ts';
import type { Operator } from '../../gateway/operator/operator.ts';
import { Projection, type ProjectionLimits } from './projection.ts';
import type { ContextView, LinkSlice, Slices } from './slices.ts';

export interface Timers {
  now(): number;
  /** Returns the function that cancels. */
  after(ms: number, run: () => void): () => void;
}

const systemTimers: Timers = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

interface SchedulerOptions {
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

/**
 * Decides when a frame is published: background changes at most every 250 ms (1 s while the terminal is not focused),
 * keys at once, and one wake-up when a visible relative time changes its words. When nothing moves, no timer runs.
 */
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

interface StoreOptions {
  readonly timers?: Timers;
  readonly limits?: ProjectionLimits;
  /** Publishes every event at once; only the benchmark asks for it, to show what the projection is worth. */
  readonly unbatched?: boolean;
  /** The gateways that the console can show; the same array as long as nothing about them changed. */
  readonly contexts?: () => readonly ContextView[];
}

/** A remote link has no event of its own when it breaks: it is looked at this often. */
const LINK_CHECK_MS = 1_000;
/** A remote gateway that was not heard for so long is not there, as far as we know. */
const SILENT_MS = 5_000;

export class ConsoleStore {
  readonly #operator: Operator;
  readonly #timers: Timers;
  readonly #projection: Projection;
  readonly #scheduler: Scheduler;
  readonly #listeners = new Set<() => void>();
  readonly #unsubscribe: () => void;
  readonly #contexts: () => readonly ContextView[];
  #epoch: number | undefined;
  #slices: Slices;

  constructor(operator: Operator, options: StoreOptions = {}) {
    this.#operator = operator;
    this.#timers = options.timers ?? systemTimers;
    this.#contexts = options.contexts ?? (() => []);
    // Events "after the snapshot taken in the same tick": nothing can slip in between these two calls.
    this.#projection = new Projection(operator.snapshot(), options.limits);
    this.#scheduler = new Scheduler({
      timers: this.#timers,
      publish: () => this.#publish(),
      ...(options.unbatched === true ? { intervalMs: 0, gatherMs: 0 } : {}),
    });
    this.#slices = this.#projection.publish(this.#timers.now(), this.#link(), this.#contexts());
    this.#unsubscribe = operator.subscribe((event) => {
      if (!this.#projection.fold(event, this.#timers.now())) return;
      if (options.unbatched === true) this.#scheduler.flush();
      else if (event.type === 'gateway' && event.gateway.state !== this.#slices.gateway.state)
        this.#scheduler.hurry();
      else this.#scheduler.touch();
    });
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };

  readonly getSlices = (): Slices => this.#slices;

  /** Publish now: a key was pressed. */
  flush(): void {
    this.#scheduler.flush();
  }

  /** Something outside the projection changed that can wait for the next background frame. */
  touch(): void {
    this.#scheduler.touch();
  }

  setFocused(focused: boolean): void {
    this.#scheduler.setFocused(focused);
  }

  /** The moment at which something drawn becomes wrong; see `Ticker`. */
  wakeAt(time: number | undefined): void {
    const link = this.#slices.link.kind === 'remote' ? this.#timers.now() + LINK_CHECK_MS : undefined;
    // Ages stand still while no one knows better.
    const change = this.#slices.link.asOf === undefined ? time : undefined;
    const times = [change, link].filter((entry) => entry !== undefined);
    this.#scheduler.wakeAt(times.length === 0 ? undefined : Math.min(...times));
  }

  /** Adds a line to the console's own log pane (not to the gateway's log). */
  note(level: LogLine['level'], source: string, text: string): void {
    this.#projection.note({ at: this.#timers.now(), level, source, text });
    this.#scheduler.touch();
  }

  /** Tokens of sessions from before the console opened. */
  countUsage(usage: readonly UsageRow[]): void {
    this.#projection.countUsage(usage);
    this.#scheduler.touch();
  }

  now(): number {
    return this.#timers.now();
  }

  get timers(): Timers {
    return this.#timers;
  }

  get idle(): boolean {
    return this.#scheduler.idle;
  }

  stop(): void {
    this.#unsubscribe();
    this.#scheduler.stop();
    this.#listeners.clear();
  }

  #publish(): void {
    const epoch = this.#epoch;
    const link = this.#link();
    if ((link.connected && !this.#slices.link.connected) || epoch !== this.#epoch)
      this.#projection.load(this.#operator.snapshot());
    this.#slices = this.#projection.publish(link.asOf ?? this.#timers.now(), link, this.#contexts());
    for (const listener of this.#listeners) listener();
  }

  #link(): LinkSlice {
    const link = this.#operator.link();
    if (link.kind === 'local') return { kind: 'local', connected: true };
    const { url, connected, heardAt, waiting, epoch } = link;
    this.#epoch = epoch;
    const silent = heardAt !== undefined && this.#timers.now() - heardAt >= SILENT_MS;
    return {
      kind: 'remote',
      url,
      connected,
      ...(silent ? { asOf: heardAt } : {}),
      ...(waiting === undefined ? {} : { waiting }),
    };
  }
}
