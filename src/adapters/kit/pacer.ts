import { DeliveryError } from '../../base/errors.ts';
import { pause } from './supervisor.ts';

/** So many sends at once, and one more every `everyMs`. */
export interface PaceLimit {
  readonly burst: number;
  readonly everyMs: number;
}

export interface PaceStep {
  /** What is limited: a chat, or everything. */
  readonly key: string;
  readonly limit: PaceLimit;
}

/**
 * Keeps sends under a platform's limits before the platform has to refuse them. Each key has a theoretical arrival
 * time (GCRA); a send waits until all its keys allow it. A key that the platform itself has blocked fails at once.
 */
export class Pacer {
  readonly #arrival = new Map<string, number>();
  readonly #blocked = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Waits for a slot in every step. Rejects with `rate-limited` while one of the keys is blocked. */
  async slot(steps: readonly PaceStep[], signal: AbortSignal): Promise<void> {
    const now = this.#now();
    this.#forget(now);
    for (const { key } of steps) this.check(key);
    let waitMs = 0;
    for (const { key, limit } of steps) {
      const arrival = Math.max(this.#arrival.get(key) ?? 0, now) + limit.everyMs;
      waitMs = Math.max(waitMs, arrival - now - limit.burst * limit.everyMs);
      this.#arrival.set(key, arrival);
    }
    if (waitMs > 0) await pause(waitMs, signal);
  }

  /** Throws `rate-limited` while the key is blocked. */
  check(key: string): void {
    const leftMs = (this.#blocked.get(key) ?? 0) - this.#now();
    if (leftMs > 0)
      throw new DeliveryError('rate-limited', 'the platform asked to wait', {
        retryAfterMs: Math.ceil(leftMs),
      });
  }

  /** The platform said that nothing may go to this key for so long. */
  block(key: string, forMs: number): void {
    this.#blocked.set(key, this.#now() + forMs);
  }

  /** Keys that limit nothing any more would pile up: one for each chat. */
  #forget(now: number): void {
    if (this.#arrival.size + this.#blocked.size < 1000) return;
    for (const [key, at] of this.#arrival) if (at <= now) this.#arrival.delete(key);
    for (const [key, at] of this.#blocked) if (at <= now) this.#blocked.delete(key);
  }
}
