import { LONGEST_TIMER_MS } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { AdapterHealth, AdapterState } from '../../gateway/model.ts';

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

interface SupervisorOptions {
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

/** What an adapter may change about its health; everything else is kept. */
interface HealthChange {
  readonly state?: AdapterState;
  readonly detail?: string;
  readonly alive?: boolean;
  readonly attempt?: number | undefined;
  readonly nextTryAt?: number | undefined;
  readonly lastUpdateAt?: number;
  readonly lastHeartbeatAt?: number;
  readonly authorisation?: AdapterHealth['authorisation'];
  readonly account?: { readonly id: string; readonly name: string };
  readonly nextStep?: string | undefined;
  readonly qr?: string | undefined;
  readonly pairingCode?: string | undefined;
}

/** Keeps an adapter's health as three facts and reports every change of it. */
export class HealthTracker {
  readonly #report: (health: AdapterHealth) => void;
  #facts: HealthChange = { state: 'stopped', detail: 'not started', alive: false, authorisation: 'unknown' };

  constructor(report: (health: AdapterHealth) => void) {
    this.#report = report;
  }

  get state(): AdapterState {
    return this.#facts.state ?? 'stopped';
  }

  /** Merges the change; an explicit `undefined` clears a fact. A parked reason goes away with the parked state. */
  change(change: HealthChange): void {
    const leavesParked = change.state !== undefined && change.state !== 'parked';
    this.#facts = { ...this.#facts, ...(leavesParked ? { nextStep: undefined } : {}), ...change };
    this.#report(this.current());
  }

  current(): AdapterHealth {
    const f = this.#facts;
    return {
      state: f.state ?? 'stopped',
      detail: f.detail ?? '',
      transport: {
        alive: f.alive ?? false,
        ...defined({ attempt: f.attempt, nextTryAt: f.nextTryAt }),
      },
      ingress: {
        ...defined({ lastUpdateAt: f.lastUpdateAt, lastHeartbeatAt: f.lastHeartbeatAt }),
      },
      authorisation: f.authorisation ?? 'unknown',
      ...defined({ account: f.account, nextStep: f.nextStep, qr: f.qr, pairingCode: f.pairingCode }),
    };
  }
}

interface PulseOptions {
  /** After so long without a word the peer is asked for a heartbeat. */
  readonly quietMs: number;
  /** After so long without a sign it counts as gone: silence is noticed after `quietMs + answerMs` at most. */
  readonly answerMs: number;
  /** Asks the peer for any answer; must not throw. */
  readonly ask: () => void;
  /** The peer has stopped responding; called once, then the pulse has stopped. */
  readonly silent: () => void;
}

/** What every connection is held to: the console tells of a silent peer within 10 s. */
export const PULSE = { quietMs: 4000, answerMs: 4500 } as const;

/**
 * Notices that a peer has stopped responding although its connection looks open (a dead path, a hung server). It asks only
 * while nothing is received: a busy connection costs no question, a quiet one costs one timer.
 */
export class Pulse {
  readonly #options: PulseOptions;
  #heardAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #look: NodeJS.Immediate | undefined;

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  /** Begins, or begins again, as if something had just been heard. */
  start(): void {
    this.stop();
    this.heard();
    this.#listen(this.#options.quietMs);
  }

  /** Anything at all came from the peer. Cheap: may be called for every frame. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  /** Leaves no timer behind. Idempotent. */
  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#look);
    this.#timer = undefined;
  }

  #listen(ms: number): void {
    const { quietMs, answerMs, ask } = this.#options;
    this.#timer = setTimeout(() => {
      const restMs = this.#heardAt + quietMs - performance.now();
      if (restMs > 0) return this.#listen(restMs);
      const askedAt = performance.now();
      ask();
      this.#timer = setTimeout(() => this.#judge(askedAt), answerMs);
    }, ms);
  }

  /** What arrived while this process itself was busy has to be read before the peer is judged. */
  #judge(askedAt: number): void {
    this.#look = setImmediate(() => {
      if (this.#heardAt >= askedAt) return this.#listen(0);
      this.stop();
      this.#options.silent();
    });
  }
}
