/** Messages of one sender per window: allowed, refused with one polite notice a window, or refused silently. */
export type RateDecision = 'allowed' | 'notice' | 'silent';

interface Window {
  startedAt: number;
  count: number;
  noticed: boolean;
}

export class RateLimiter {
  readonly #maxRequests: number;
  readonly #windowMs: number;
  readonly #windows = new Map<string, Window>();

  constructor(maxRequests: number, windowMs: number) {
    this.#maxRequests = maxRequests;
    this.#windowMs = windowMs;
  }

  /** Counts one message of `key` at `now`. A clock that jumps backwards opens a new window. */
  hit(key: string, now: number): RateDecision {
    const known = this.#windows.get(key);
    if (known === undefined || now >= known.startedAt + this.#windowMs || now < known.startedAt) {
      if (this.#windows.size >= 10_000) this.#sweep(now);
      this.#windows.delete(key);
      this.#windows.set(key, { startedAt: now, count: 1, noticed: false });
      return 'allowed';
    }
    known.count += 1;
    if (known.count <= this.#maxRequests) return 'allowed';
    if (known.noticed) return 'silent';
    known.noticed = true;
    return 'notice';
  }

  /** Forgets windows that are over; insertion order is start order, so it stops at the first live one. */
  #sweep(now: number): void {
    for (const [key, window] of this.#windows) {
      if (now < window.startedAt + this.#windowMs) break;
      this.#windows.delete(key);
    }
  }
}

/** Bot-loop breaker: `limit` messages from one bot in `windowMs` mute the chat for `muteMs`. */
export class LoopBreaker {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #muteMs: number;
  readonly #seen = new Map<string, number[]>();
  readonly #mutedUntil = new Map<string, number>();

  constructor(limit = 20, windowMs = 5 * 60_000, muteMs = 10 * 60_000) {
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#muteMs = muteMs;
  }

  /** Counts a bot's message in a chat; true while the chat is muted. */
  hit(chat: string, bot: string, now: number): boolean {
    const until = this.#mutedUntil.get(chat);
    if (until !== undefined) {
      if (now < until) return true;
      this.#mutedUntil.delete(chat);
    }
    const key = JSON.stringify([chat, bot]);
    const recent = (this.#seen.get(key) ?? []).filter((at) => at > now - this.#windowMs && at <= now);
    recent.push(now);
    if (this.#seen.size > 1000) this.#seen.clear();
    this.#seen.set(key, recent);
    if (recent.length < this.#limit) return false;
    this.#mutedUntil.set(chat, now + this.#muteMs);
    this.#seen.delete(key);
    return true;
  }
}
