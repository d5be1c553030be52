/** Below this a sync is typically over before another thread could have taken it up and answered. */
const FAST_MS = 0.5;
/** One slow answer says little about the next: it counts as no more than this. */
const CLIP_MS = 2;
/** An answer slower than this can be felt on the main thread: for a while there must be no second one. */
const FELT_MS = 20;
const DISTRUST_MS = 5_000;
/** With more records than this in a batch, the disk's time is better spent on another thread. */
const FEW_RECORDS = 2;
/** How many syncs the average looks back on, roughly. */
const MEMORY = 16;

/**
 * Decides where a batch is synced. A change of threads costs a tenth of a millisecond and more, which is what a fast
 * disk needs for half a small commit: there a lone writer is served on the spot. A disk that is slow as a rule, or was
 * felt even once lately, or has other work of ours, is left to the thread pool, so that it never holds up the console.
 */
export class SyncPolicy {
  /** Starts distrustful: the first syncs show what the disk is like. */
  #typicalMs = CLIP_MS;
  #distrustUntil = Number.NEGATIVE_INFINITY;

  /** `now` in milliseconds of a monotonic clock. */
  note(durationMs: number, now: number): void {
    this.#typicalMs += (Math.min(durationMs, CLIP_MS) - this.#typicalMs) / MEMORY;
    if (durationMs > FELT_MS) this.#distrustUntil = now + DISTRUST_MS;
  }

  /** `pool`: write and sync elsewhere. `write`: write here, sync elsewhere. `all`: both here. */
  choose(records: number, diskBusy: boolean, now: number): 'pool' | 'write' | 'all' {
    if (diskBusy || now < this.#distrustUntil || this.#typicalMs > FAST_MS) return 'pool';
    return records <= FEW_RECORDS ? 'all' : 'write';
  }
}
