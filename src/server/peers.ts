/**
 * Who is at the other end: by the connection alone (forwarded headers never make a peer local), by the page that a browser
 * shows, and by its token.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

/** `::ffff:127.0.0.1` -> `127.0.0.1`; a zone (`%eth0`) is dropped. */
function plainAddress(address: string): string {
  const bare = address.replace(/%.*$/, '').toLowerCase();
  return bare.startsWith('::ffff:') && bare.includes('.') ? bare.slice('::ffff:'.length) : bare;
}

export function isLoopback(address: string): boolean {
  const plain = plainAddress(address);
  return plain === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(plain);
}

/**
 * The key under which failures of a peer are counted: the address, for IPv6 its /64 network, because one customer
 * gets at least that many addresses.
 */
export function peerKey(address: string): string {
  const plain = plainAddress(address);
  if (!plain.includes(':') || plain === '::1') return plain;
  const [head = '', tail] = plain.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const behind = tail === '' ? [] : tail.split(':');
    while (groups.length + behind.length < 8) groups.push('0');
    groups.push(...behind);
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** The name in a `Host` header without its port; brackets of an IPv6 address are kept. */
function hostName(host: string): string {
  return host.trim().toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}

/**
 * True when a `Host` header names this machine itself. A page that rebinds its own name to 127.0.0.1 arrives with
 * that name in `Host`, so a request that proves nothing else must carry a loopback name.
 */
export function isLoopbackHost(host: string): boolean {
  const name = hostName(host);
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return isLoopback(name.replace(/^\[(.*)\]$/, '$1'));
}

const OPERATOR_CONNECTIONS = new WeakSet<object>();

/** This connection came over the operator socket: the rights of the file have checked whose it is. */
export function markOperatorSocket(connection: object): void {
  OPERATOR_CONNECTIONS.add(connection);
}

export function isOperatorSocket(connection: object): boolean {
  return OPERATOR_CONNECTIONS.has(connection);
}

/**
 * - `none`: no `Origin`, so no web page (or a page's plain GET, whose answer it cannot read)
 * - `allowed`: listed in `corsOrigins`, or the gateway's own loopback address
 * - `with-token`: only a request that carries a valid token may pass (`corsOrigins` has `*`, or a page of the same host)
 * - `foreign`: refused
 */
type OriginVerdict = 'none' | 'allowed' | 'with-token' | 'foreign';

function normal(origin: string): string {
  return origin.trim().toLowerCase().replace(/\/$/, '');
}

/**
 * Judges the `Origin` of a request. `*` never opens a gateway without tokens to every web page: it only says that
 * any page may come with a token. Some programs send their target as `Origin`; that is the gateway itself and passes
 * when it is a loopback name. Any other name of the same host needs a token, since a rebound name looks the same.
 */
export function judgeOrigin(
  origin: string | undefined,
  host: string | undefined,
  corsOrigins: readonly string[],
): OriginVerdict {
  if (origin === undefined || origin === '') return 'none';
  const wanted = normal(origin);
  if (corsOrigins.some((entry) => entry !== '*' && normal(entry) === wanted)) return 'allowed';
  if (host !== undefined && (wanted === `http://${normal(host)}` || wanted === `https://${normal(host)}`))
    return isLoopbackHost(host) ? 'allowed' : 'with-token';
  return corsOrigins.includes('*') ? 'with-token' : 'foreign';
}

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
