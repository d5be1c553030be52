import type { Clock } from '../../clock.ts';
import type { AgentHostView } from '../../model.ts';
import type { AgentCheck, TurnEnd } from '../agent.ts';
import type { Seats } from '../pi/seats.ts';

/** Pauses after a failed start: from the first to the longest, doubling. */
const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 60_000;
const UNUSED = 'not used yet';
/** So many failures in a row need the operator. */
const PARK_AFTER = 3;

export interface PoolHostOptions {
  readonly name: string;
  readonly maxConcurrent: number;
  readonly seats: Seats;
  readonly asideSeats: Seats;
  readonly clock: Clock;
  readonly changed: () => void;
}

/** One host of a pool: its seats, and what is known about how it is. */
export class PoolHost {
  readonly name: string;
  readonly seats: Seats;
  readonly asideSeats: Seats;
  readonly #options: PoolHostOptions;
  #failures = 0;
  #detail = UNUSED;
  #hint: string | undefined;
  #nextTryAt = 0;
  #parked = false;
  /** A session has started there since the last one that could not. */
  #proven = false;

  constructor(options: PoolHostOptions) {
    this.name = options.name;
    this.seats = options.seats;
    this.asideSeats = options.asideSeats;
    this.#options = options;
  }

  get up(): boolean {
    return this.#failures === 0;
  }

  /** A host that failed is looked at again after a pause. */
  get due(): boolean {
    return this.#options.clock() >= this.#nextTryAt;
  }

  get nextTryAt(): number {
    return this.#nextTryAt;
  }

  get hint(): string | undefined {
    return this.#hint;
  }

  get view(): AgentHostView {
    const { name, maxConcurrent } = this.#options;
    return {
      name,
      state: this.up ? 'up' : this.#parked ? 'parked' : 'retrying',
      running: this.seats.working,
      maxConcurrent,
      detail: this.#detail,
      ...(this.up ? {} : { nextTryAt: this.#nextTryAt }),
      ...(this.#parked && this.#hint !== undefined ? { hint: this.#hint } : {}),
    };
  }

  /** A session has started there. */
  worked(): void {
    this.#proven = true;
    if (!this.up || this.#detail === UNUSED) this.#good('answers');
  }

  #good(detail: string): void {
    if (this.up && this.#detail === detail) return;
    this.#failures = 0;
    this.#parked = false;
    this.#detail = detail;
    this.#hint = undefined;
    this.#nextTryAt = 0;
    this.#options.changed();
  }

  /** A session could not be started there. */
  failed(end: TurnEnd): void {
    if (end.status !== 'failed') return;
    this.#proven = false;
    this.#fail(end.message, end.hint, end.code === 'agent_unconfigured' || end.code === 'agent_missing');
  }

  /** What a look at it has shown. */
  checked({ ok, detail, hint }: AgentCheck): void {
    if (ok) this.#good(detail);
    // A look that fails where sessions start (a slow moment) takes no host away.
    else if (!this.#proven) this.#fail(detail, hint, false);
  }

  #fail(detail: string, hint: string | undefined, hopeless: boolean): void {
    const { clock, changed } = this.#options;
    this.#failures += 1;
    // Parked it stays until something works: a look that fails otherwise is no better.
    this.#parked ||= hopeless || this.#failures >= PARK_AFTER;
    this.#detail = detail;
    this.#hint = hint;
    this.#nextTryAt = clock() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
    changed();
  }
}
