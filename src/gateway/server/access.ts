import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { ServerCounters } from './counters.ts';
import { FailureLimiter } from './failure-limiter.ts';
import { judgeOrigin } from './origins.ts';
import { isLoopback, isLoopbackHost, peerKey } from './peers.ts';
import { RequestRefused } from './refusal.ts';
import { RefusalLog } from './refusal-log.ts';
import { bearerToken, TokenSet } from './tokens.ts';

/** `read`: a token of `tokens`, the operator token, or (without `tokens`) a local program. `operator`: its token. */
export type AccessLevel = 'read' | 'operator';

/** What a request says about itself. */
export interface RequestFacts {
  /** Address of the TCP peer. */
  readonly peer: string;
  readonly authorization: string | undefined;
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** Offered WebSocket sub-protocols; empty for HTTP. */
  readonly subProtocols: readonly string[];
}

/** How a request that may pass is to be treated. */
export interface Access {
  /**
   * It showed the operator token in its header. A token in a sub-protocol does not count: a web page could hold it,
   * and servers echo it.
   */
  readonly privileged: boolean;
}

export interface AccessRules {
  readonly tokens: readonly string[];
  readonly operatorToken: string;
  readonly corsOrigins: readonly string[];
}

const TOKEN_HINT =
  'Send the header "Authorization: Bearer <token>" (a browser WebSocket: sub-protocol "bearer.<token>"); a token in the URL is not accepted.';

/** Decides who may read and who may operate. Every refusal is a `RequestRefused` with the caller's next step. */
export class AccessGuard {
  readonly #rules: AccessRules;
  readonly #tokens: TokenSet;
  readonly #operator: TokenSet;
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

  /** Returns when the request may pass, throws `RequestRefused` when not. */
  check(facts: RequestFacts, level: AccessLevel): Access {
    const verdict = judgeOrigin(facts.origin, facts.host, this.#rules.corsOrigins);
    if (verdict === 'foreign') throw this.#foreign(facts);

    // Failures of pages that nobody listed are counted apart: a web page must not be able to lock this machine's own
    // programs out by guessing.
    const key = verdict === 'with-token' ? `page ${peerKey(facts.peer)}` : peerKey(facts.peer);
    const lockedMs = this.#failures.lockedMs(key);
    if (lockedMs > 0) throw locked(lockedMs);

    const token = bearerToken(facts.authorization, facts.subProtocols);
    if (token !== undefined) {
      this.#checkToken(token, level, key, facts.peer);
      const inHeader = bearerToken(facts.authorization);
      return { privileged: inHeader !== undefined && this.#operator.has(inHeader) };
    }
    if (verdict === 'with-token') throw this.#foreign(facts);

    if (level === 'read' && this.#rules.tokens.length === 0 && isLoopback(facts.peer)) {
      if (isLoopbackHost(facts.host ?? '')) return { privileged: false };
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

  #checkToken(token: string, level: AccessLevel, key: string, peer: string): void {
    const operator = this.#operator.has(token);
    const reader = this.#tokens.has(token);
    if (operator || (reader && level === 'read')) return;
    if (reader)
      throw new RequestRefused('operator_token_needed', 'this token may read, but not operate', {
        status: 403,
        hint: 'Use the operator token (gateway/operator.token in the data folder).',
      });
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
      hint: 'Add the origin to corsOrigins; the entry "*" only lets pages in that send a token.',
    });
  }
}

function locked(ms: number): RequestRefused {
  const seconds = Math.ceil(ms / 1000);
  return new RequestRefused('too_many_failures', 'too many wrong tokens came from this address', {
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
