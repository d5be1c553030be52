import { LONGEST_TIMER_MS } from '../../base/async.ts';

/**
 * One queue per chat: everything that is sent there passes one at a time, in order. A job that returns a delay
 * stays at the head and runs again after it; `wake` runs it at once.
 */
export type SendJob = () => Promise<RetryIn | undefined>;

/** Run the same job again after `ms`; Infinity waits for `wake`. */
export interface RetryIn {
  readonly ms: number;
}

interface Entry {
  readonly job: SendJob;
  /** Told when the queue stops before the job has run to its end. */
  readonly dropped: (() => void) | undefined;
}

export interface SendQueueOptions {
  readonly onIdle: () => void;
  /** A job threw, which no job should: it has ended, and the next one runs. */
  readonly onFault: (error: unknown) => void;
}

export class SendQueue {
  readonly #entries: Entry[] = [];
  readonly #options: SendQueueOptions;
  #busy = false;
  #timer: NodeJS.Timeout | undefined;
  #sleeping = false;
  #stopped = false;
  /** `wake` was called while a job ran: its wish to wait is out of date. */
  #woken = false;

  constructor(options: SendQueueOptions) {
    this.#options = options;
  }

  get idle(): boolean {
    return !this.#busy && this.#entries.length === 0;
  }

  push(job: SendJob, dropped?: () => void): void {
    if (this.#stopped) {
      dropped?.();
      return;
    }
    this.#entries.push({ job, dropped });
    void this.#drain();
  }

  /** Ends a waiting pause: the reason to wait is gone. */
  wake(): void {
    if (!this.#sleeping) {
      this.#woken = this.#busy;
      return;
    }
    this.#sleeping = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    void this.#drain();
  }

  stop(): void {
    this.#stopped = true;
    this.#sleeping = false;
    clearTimeout(this.#timer);
    for (const { dropped } of this.#entries.splice(0)) dropped?.();
  }

  async #drain(): Promise<void> {
    if (this.#busy || this.#sleeping || this.#stopped) return;
    this.#busy = true;
    try {
      for (let entry = this.#entries[0]; entry !== undefined; entry = this.#entries[0]) {
        this.#woken = false;
        const retry = await this.#run(entry.job);
        if (this.#stopped) return;
        if (retry === undefined) this.#entries.shift();
        else if (!this.#woken) {
          this.#sleep(retry.ms);
          return;
        }
      }
    } finally {
      this.#busy = false;
    }
    this.#options.onIdle();
  }

  async #run(job: SendJob): Promise<RetryIn | undefined> {
    try {
      return await job();
    } catch (error) {
      this.#options.onFault(error);
      return undefined;
    }
  }

  #sleep(ms: number): void {
    this.#sleeping = true;
    if (Number.isFinite(ms)) this.#timer = setTimeout(() => this.wake(), Math.min(ms, LONGEST_TIMER_MS));
  }
}
