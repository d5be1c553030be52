/** Ties the operator's event stream to the projection and the scheduler; React reads it with useSyncExternalStore. */
import type { LogLine, UsageRow } from '../../gateway/model.ts';
import type { Operator } from '../../gateway/operator/operator.ts';
import { Projection, type ProjectionLimits } from './projection.ts';
import { Scheduler, systemTimers, type Timers } from './scheduler.ts';
import type { ContextView, LinkSlice, Slices } from './slices.ts';

export interface StoreOptions {
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
