import { pause } from '../kit/supervisor.ts';

/**
 * Never more than so many messages in any window of time. Twitch punishes an excess with half an hour of silence, so
 * the count is exact, whatever the moment at which Twitch begins its own window.
 */
export class RateWindow {
  readonly #windowMs: number;
  readonly #now: () => number;
  #times: number[] = [];

  constructor(windowMs: number, now: () => number = () => performance.now()) {
    this.#windowMs = windowMs;
    this.#now = now;
  }

  /** Waits until fewer than `limit` messages are in the window and counts one more. Returns early on abort, uncounted. */
  async take(limit: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const now = this.#now();
      this.#times = this.#times.filter((at) => now - at < this.#windowMs);
      const oldest = this.#times.at(-limit);
      if (oldest === undefined) {
        this.#times.push(now);
        return;
      }
      await pause(Math.max(1, Math.ceil(oldest + this.#windowMs - now)), signal);
    }
  }

  /** Twitch says that the limit was reached, whatever we counted: nothing more in this window. */
  exhaust(limit: number): void {
    const now = this.#now();
    this.#times = Array.from({ length: limit }, () => now);
  }
}
