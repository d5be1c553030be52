/**
 * One gate per chat: everything that is sent there passes one at a time, in order. A job that returns a delay
 * stays at the head and runs again after it; `wake` runs it at once.
 */
export type GateJob = () => Promise<RetryIn | undefined>;

/** Run the same job again after `ms`; Infinity waits for `wake`. */
export interface RetryIn {
  readonly ms: number;
}

export class ChatGate {
  readonly #jobs: GateJob[] = [];
  readonly #onIdle: () => void;
  #busy = false;
  #timer: NodeJS.Timeout | undefined;
  #sleeping = false;
  #stopped = false;
  /** `wake` was called while a job ran: its wish to wait is out of date. */
  #woken = false;

  constructor(onIdle: () => void) {
    this.#onIdle = onIdle;
  }

  get idle(): boolean {
    return !this.#busy && this.#jobs.length === 0;
  }

  push(job: GateJob): void {
    this.#jobs.push(job);
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
    this.#jobs.length = 0;
  }

  async #drain(): Promise<void> {
    if (this.#busy || this.#sleeping || this.#stopped) return;
    this.#busy = true;
    try {
      for (let job = this.#jobs[0]; job !== undefined && !this.#stopped; job = this.#jobs[0]) {
        this.#woken = false;
        const retry = await job();
        if (this.#stopped) return;
        if (retry === undefined) this.#jobs.shift();
        else if (!this.#woken) {
          this.#sleeping = true;
          if (Number.isFinite(retry.ms))
            this.#timer = setTimeout(() => this.wake(), Math.min(retry.ms, 2_147_483_647));
          return;
        }
      }
    } finally {
      this.#busy = false;
    }
    if (this.#jobs.length === 0) this.#onIdle();
  }
}
