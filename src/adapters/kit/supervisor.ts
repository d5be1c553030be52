import { LONGEST_TIMER_MS } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { HealthTracker } from './health-tracker.ts';

/** Thrown by a connection when no retry can fix it: the adapter parks until the operator acts. */
export class ParkedError extends Error {
  override readonly name = 'ParkedError';
  /** The operator's next step, one sentence. */
  readonly nextStep: string;
  readonly authorisation: 'valid' | 'expired' | 'revoked' | 'unknown';
  constructor(
    detail: string,
    nextStep: string,
    authorisation: 'valid' | 'expired' | 'revoked' | 'unknown' = 'unknown',
  ) {
    super(detail);
    this.nextStep = nextStep;
    this.authorisation = authorisation;
  }
}

/** Thrown when the platform itself says how long to wait before the next connection. 0 = reconnect at once. */
export class RetryAfterError extends Error {
  override readonly name = 'RetryAfterError';
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * While the server cannot even be reached a try costs no one anything: with tries of at most 8 s
 * ({@link REACH_MS}) a platform is back within 15 s after its network, however long the outage was.
 */
const AWAY_MAX_MS = 4000;
/** For a connection to come about. */
export const REACH_MS = 8000;
/** Nothing has answered; an answer of the server, whatever it says, is none of these. */
const AWAY =
  /\b(?:ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ETIMEDOUT|EPIPE)\b|handshake has timed out|socket hang up/;

/** Did the try fail because the network, or the server behind it, is away? Pure. */
export function isAway(error: unknown): boolean {
  for (let depth = 0, e = error; depth < 5 && e instanceof Error; depth += 1, e = e.cause) {
    if (AWAY.test(`${e.message} ${String(Reflect.get(e, 'code') ?? '')}`)) return true;
    if (e instanceof AggregateError && e.errors.some(isAway)) return true;
  }
  return false;
}

export interface SupervisorOptions {
  /**
   * One connection's whole life: connects, calls `connected()` once it truly works, and settles when the
   * connection has ended. Must settle soon after `signal` aborts and leave neither timer nor socket behind.
   */
  readonly run: (connected: () => void, signal: AbortSignal) => Promise<void>;
  readonly health: HealthTracker;
  readonly log: Logger;
  /**
   * First delay between attempts; default 1 s. Doubles up to `maxDelayMs` (default 60 s; 4 s while the server cannot be
   * reached), with full jitter.
   */
  readonly minDelayMs?: number;
  readonly maxDelayMs?: number;
  readonly now?: () => number;
  readonly random?: () => number;
}

/** Capped exponential back-off with full jitter, never under a quarter of its step. */
export function backoffMs(attempt: number, minMs: number, maxMs: number, random: () => number): number {
  const step = Math.min(maxMs, minMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(step * (0.25 + 0.75 * random()));
}

/** Keeps one connection alive forever: reconnects with back-off, parks on errors that no retry can fix. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  #abort: AbortController | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#loop !== undefined) return;
    this.#abort = new AbortController();
    this.#options.health.change({ state: 'starting', detail: 'connecting', attempt: undefined });
    this.#loop = this.#supervise(this.#abort.signal);
  }

  /** Resolves when the connection and every timer are gone. Idempotent. */
  async stop(): Promise<void> {
    this.#abort?.abort();
    await this.#loop;
    this.#loop = undefined;
    this.#options.health.change({ state: 'stopped', detail: 'stopped', alive: false, nextTryAt: undefined });
  }

  async #supervise(signal: AbortSignal): Promise<void> {
    const { health, log, run } = this.#options;
    const now = this.#options.now ?? Date.now;
    const random = this.#options.random ?? Math.random;
    let attempt = 0;
    while (!signal.aborted) {
      let delayMs: number | undefined;
      let reason = 'connection ended';
      let away = false;
      try {
        await run(() => {
          attempt = 0;
          health.change({
            state: 'connected',
            alive: true,
            authorisation: 'valid',
            attempt: undefined,
            nextTryAt: undefined,
            detail: health.current().account?.name ?? 'connected',
          });
        }, signal);
      } catch (error) {
        if (signal.aborted) break;
        reason = messageOf(error);
        away = isAway(error);
        if (error instanceof ParkedError) {
          log.error(`failed: ${reason}`, { nextStep: error.nextStep });
          health.change({
            state: 'parked',
            detail: reason,
            alive: false,
            authorisation: error.authorisation,
            nextStep: error.nextStep,
            nextTryAt: undefined,
          });
          return;
        }
        if (error instanceof RetryAfterError) delayMs = error.retryAfterMs;
      }
      if (signal.aborted) break;
      attempt += 1;
      const { minDelayMs = 1000, maxDelayMs = 60_000 } = this.#options;
      const longestMs = away ? Math.min(maxDelayMs, AWAY_MAX_MS) : maxDelayMs;
      const waitMs = delayMs ?? backoffMs(attempt, minDelayMs, longestMs, random);
      log.warn(`disconnected: ${reason}`, { attempt, retryInMs: waitMs });
      health.change({
        state: 'reconnecting',
        alive: false,
        detail: `reconnecting, try ${attempt}: ${reason}`,
        attempt,
        nextTryAt: now() + waitMs,
      });
      await pause(waitMs, signal);
    }
  }
}

/** Resolves after `ms` or as soon as `signal` aborts; leaves no timer behind. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(ms, LONGEST_TIMER_MS));
    signal.addEventListener('abort', done);
  });
}
