import type { Clock } from '../clock.ts';

export interface FailureLimits {
  /** Failures within `windowMs` that lock a peer out. */
  readonly failures: number;
  readonly windowMs: number;
  readonly lockMs: number;
  /** Peers remembered; the ones seen longest ago are forgotten first. */
  readonly peers: number;
}

export const FAILURE_LIMITS: FailureLimits = {
  failures: 10,
  windowMs: 60_000,
  lockMs: 300_000,
  peers: 10_000,
};

interface Peer {
  readonly failedAt: number[];
  lockedUntil: number;
}

/** Ten wrong tokens a minute from one peer: five minutes of refusal. */
export class FailureLimiter {
  readonly #peers = new Map<string, Peer>();
  readonly #clock: Clock;
  readonly #limits: FailureLimits;

  constructor(clock: Clock, limits: FailureLimits = FAILURE_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Milliseconds until this peer is heard again; 0 when it is not locked. */
  lockedMs(key: string): number {
    const peer = this.#peers.get(key);
    if (peer === undefined || peer.lockedUntil === 0) return 0;
    const now = this.#clock();
    // A clock that was set back must not lengthen the lock by as much.
    peer.lockedUntil = Math.min(peer.lockedUntil, now + this.#limits.lockMs);
    if (peer.lockedUntil > now) return peer.lockedUntil - now;
    this.#peers.delete(key);
    return 0;
  }

  fail(key: string): void {
    const now = this.#clock();
    const peer = this.#peers.get(key) ?? { failedAt: [], lockedUntil: 0 };
    const recent = peer.failedAt.filter((at) => now - at < this.#limits.windowMs);
    recent.push(now);
    this.#peers.delete(key);
    this.#peers.set(key, {
      failedAt: recent,
      lockedUntil: recent.length >= this.#limits.failures ? now + this.#limits.lockMs : 0,
    });
    if (this.#peers.size > this.#limits.peers) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const key of this.#peers.keys()) {
      this.#peers.delete(key);
      return;
    }
  }
}
