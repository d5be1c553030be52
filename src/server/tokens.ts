import { createHash, timingSafeEqual } from 'node:crypto';

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** A set of secrets that is asked in constant time: every member is compared, by digests of equal length. */
export class TokenSet {
  readonly #digests: readonly Buffer[];

  /** Empty strings are never a secret and are left out. */
  constructor(tokens: readonly string[]) {
    this.#digests = tokens.filter((token) => token !== '').map(digest);
  }

  has(candidate: string): boolean {
    const wanted = digest(candidate);
    let found = false;
    for (const known of this.#digests) found = timingSafeEqual(known, wanted) || found;
    return found;
  }
}

const PROTOCOL_PREFIX = 'bearer.';

/**
 * The token of a request: `Authorization: Bearer <token>`, or for a WebSocket the sub-protocol `bearer.<token>`
 * (browsers cannot set headers there). A token in the URL is never looked at: URLs end up in logs.
 */
export function bearerToken(
  authorization: string | undefined,
  subProtocols: readonly string[] = [],
): string | undefined {
  const match = /^Bearer +(\S+) *$/i.exec(authorization ?? '');
  if (match) return match[1];
  return subProtocols.find((name) => name.startsWith(PROTOCOL_PREFIX))?.slice(PROTOCOL_PREFIX.length);
}

/**
 * Which of the offered sub-protocols the server names in its answer. A browser drops the connection when none is
 * named, so the token is echoed if nothing else was offered.
 */
export function chooseSubProtocol(offered: ReadonlySet<string>): string | false {
  let fallback: string | false = false;
  for (const name of offered) {
    if (!name.startsWith(PROTOCOL_PREFIX)) return name;
    fallback ||= name;
  }
  return fallback;
}
