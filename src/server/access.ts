import type { Clock } from '../base/async.ts';
import type { LogFields, Logger } from '../base/log.ts';
import type { ServerCounters } from './metric-tables.ts';
import {
  bearerToken,
  isLoopback,
  isLoopbackHost,
  judgeOrigin,
  peerKey,
  RequestRefused,
  TokenSet,
} from './peers.ts';

interface FailureLimits {
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

/** Ten invalid tokens a minute from one peer: five minutes of refusal. */
export class FailureLimiter {
  readonly #peers = new Map<string, Peer>();
  readonly #clock: Clock;
  readonly #limits: FailureLimits;

  constructor(clock: Clock, limits: FailureLimits = FAILURE_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Milliseconds until this peer is received again; 0 when it is not locked. */
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

const WINDOW_MS = 60_000;
/** Different refusals shown a minute; a peer that varies its headers must not fill the log. */
const LINES = 20;
const FIELD_LENGTH = 200;

/** Lets the operator see who was refused and why: the same refusal once a minute, and not too many. */
class RefusalLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #said = new Set<string>();
  #since = 0;

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  refused(reason: string, fields: Readonly<Record<string, string>>): void {
    const now = this.#clock();
    // The absolute difference: after the clock was set back, nothing may stay silent for hours.
    if (Math.abs(now - this.#since) >= WINDOW_MS) {
      this.#since = now;
      this.#said.clear();
    }
    const short: LogFields = Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, value.slice(0, FIELD_LENGTH)]),
    );
    const key = JSON.stringify([reason, short]);
    if (this.#said.has(key) || this.#said.size >= LINES) return;
    this.#said.add(key);
    this.#log.warn(`refused: ${reason}`, short);
  }
}

/**
 * What a request needs.
 * - `counts`: nothing from a program on this machine; from elsewhere a token. Nothing that a person wrote is served here.
 * - `chat`: nothing from a program on this machine while `tokens` is empty, else a token: admission decides about people.
 * - `read`: a token (with `openLoopback`: as `chat`).
 * - `operator`: the operator token.
 *
 * A peer on the operator socket needs no token for any of them.
 */
export type AccessLevel = 'counts' | 'chat' | 'read' | 'operator';

/** What a request says about itself. */
export interface RequestFacts {
  /** Address of the TCP peer. */
  readonly peer: string;
  /** It came over the operator socket, which only the operator's own user can open. */
  readonly onOperatorSocket?: boolean;
  readonly authorization: string | undefined;
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** Offered WebSocket sub-protocols; empty for HTTP. */
  readonly subProtocols: readonly string[];
}

/** How a request that may pass is to be treated. */
export interface Access {
  /**
   * It showed the operator token in its header, or came over the operator socket. A token in a sub-protocol does not
   * count: a web page could hold it, and servers echo it.
   */
  readonly privileged: boolean;
  /** It showed no token and may not read: counts and names of platforms are all that it gets. */
  readonly countsOnly: boolean;
}

export interface AccessRules {
  readonly tokens: readonly string[];
  readonly operatorToken: string;
  readonly corsOrigins: readonly string[];
  /** Programs on this machine may read without a token, as in the older package. */
  readonly openLoopback?: boolean;
}

const TOKEN_HINT =
  'Send the header "Authorization: Bearer <token>" (a browser WebSocket: sub-protocol "bearer.<token>"); a token in the URL is not accepted.';

/** Decides who may read and who may operate. Every refusal is a `RequestRefused` with the caller's next step. */
export class AccessGuard {
  readonly #rules: AccessRules;
  readonly #tokens: TokenSet;
  #operator: TokenSet;
  readonly #failures: FailureLimiter;
  readonly #counters: ServerCounters;
  readonly #refusals: RefusalLog;

  constructor(rules: AccessRules, counters: ServerCounters, clock: Clock, log: Logger) {
    this.#rules = rules;
    this.#tokens = new TokenSet(rules.tokens);
    this.#operator = new TokenSet([rules.operatorToken]);
    this.#failures = new FailureLimiter(clock);
    this.#counters = counters;
    this.#refusals = new RefusalLog(log, clock);
  }

  /** The operator token from now on; the one before is refused at once. */
  replaceOperatorToken(token: string): void {
    this.#operator = new TokenSet([token]);
  }

  /** Returns when the request may pass, throws `RequestRefused` when not. */
  check(facts: RequestFacts, level: AccessLevel): Access {
    if (facts.onOperatorSocket === true) return { privileged: true, countsOnly: false };
    const verdict = judgeOrigin(facts.origin, facts.host, this.#rules.corsOrigins);
    if (verdict === 'foreign') throw this.#foreign(facts);

    const token = bearerToken(facts.authorization, facts.subProtocols);
    if (token !== undefined) {
      // Failures of pages that no one listed are counted apart from those of this machine's own programs.
      const key = verdict === 'with-token' ? `page ${peerKey(facts.peer)}` : peerKey(facts.peer);
      this.#checkToken(token, level, key, facts.peer);
      const inHeader = bearerToken(facts.authorization);
      return { privileged: inHeader !== undefined && this.#operator.has(inHeader), countsOnly: false };
    }
    if (verdict === 'with-token') throw this.#foreign(facts);

    if (this.#openTo(facts.peer, level)) {
      if (isLoopbackHost(facts.host ?? ''))
        return { privileged: false, countsOnly: !this.#openTo(facts.peer, 'read') };
      this.#counters.originRefusals += 1;
      this.#refusals.refused('the Host header is not a loopback name', {
        peer: facts.peer,
        host: facts.host ?? '',
      });
      throw new RequestRefused(
        'host_refused',
        `the Host header "${facts.host ?? ''}" is not a loopback name`,
        {
          status: 403,
          hint: 'Use localhost or 127.0.0.1 in the address, or send a token.',
        },
      );
    }
    // A missing token is no guess and is not counted: any page could cause it with an image tag.
    throw unauthorized(
      'token_missing',
      level === 'operator' ? 'the operator token is needed' : 'a token is needed',
    );
  }

  /** Whether a peer without a token may try to prove that it knows the operator token: no web page may. */
  checkChallenge(facts: RequestFacts): void {
    if (facts.origin !== undefined && facts.origin !== '') throw this.#foreign(facts);
  }

  challengeFailed(peer: string): void {
    this.#counters.authFailures += 1;
    this.#refusals.refused('the operator token was not proved', { peer });
  }

  /** Whether a program on this machine may do this without a token. */
  #openTo(peer: string, level: AccessLevel): boolean {
    if (!isLoopback(peer)) return false;
    if (level === 'counts') return true;
    if (this.#rules.tokens.length > 0) return false;
    return level === 'chat' || (level === 'read' && this.#rules.openLoopback === true);
  }

  /** A right token passes, whatever wrong ones came before: only wrong ones are counted and locked out. */
  #checkToken(token: string, level: AccessLevel, key: string, peer: string): void {
    const operator = this.#operator.has(token);
    const reader = this.#tokens.has(token);
    if (operator || (reader && level !== 'operator')) return;
    if (reader)
      throw new RequestRefused('operator_token_needed', 'this token may read, but not operate', {
        status: 403,
        hint: 'Use the operator token (gateway/operator.token in the data directory).',
      });
    const lockedMs = this.#failures.lockedMs(key);
    if (lockedMs > 0) throw locked(lockedMs);
    this.#counters.authFailures += 1;
    this.#failures.fail(key);
    this.#refusals.refused('the token is not known', { peer });
    throw unauthorized('token_wrong', 'the token is not known');
  }

  #foreign({ origin, peer }: RequestFacts): RequestRefused {
    this.#counters.originRefusals += 1;
    this.#refusals.refused('web pages of this origin may not use the gateway', {
      peer,
      origin: origin ?? '',
    });
    return new RequestRefused('origin_refused', `web pages of ${origin ?? ''} may not use this gateway`, {
      status: 403,
      hint: 'Add the origin to corsOrigins; the entry "*" only allows pages that send a token.',
    });
  }
}

function locked(ms: number): RequestRefused {
  const seconds = Math.ceil(ms / 1000);
  return new RequestRefused('too_many_failures', 'too many invalid tokens came from this address', {
    status: 429,
    hint: `Try again in ${seconds} s with the right token.`,
    headers: { 'Retry-After': String(seconds) },
  });
}

function unauthorized(code: string, message: string): RequestRefused {
  return new RequestRefused(code, message, {
    status: 401,
    hint: TOKEN_HINT,
    headers: { 'WWW-Authenticate': 'Bearer' },
  });
}
