/**
 * What the server works with, what one peer may cost, and how a request is refused; and who is at the other end: by the connection alone (forwarded headers never make a peer local), by the page that a browser
 * shows, and by its token.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../base/async.ts';
import { GatewayError, type GatewayErrorOptions } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { AdapterRoute, ChatSocketAcceptor } from '../gateway/adapter.ts';
import type { ResetSettings } from '../gateway/config/settings.ts';
import type { ChatKind, Platform } from '../gateway/model.ts';
import type { Operator } from '../gateway/operator/operator.ts';
import type { LinkSurface } from '../gateway/operator/operator-address.ts';

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

/** A route that an adapter brings along. The body that it gets is complete and within the limit. */
export interface ExtraRoute extends AdapterRoute {
  /** Default POST. */
  readonly method?: 'GET' | 'POST';
}

export interface ServerDeps {
  /** `localhost` means 127.0.0.1 and ::1. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Read access; empty: chat clients on this machine need none. */
  readonly tokens: readonly string[];
  readonly operatorToken: string;
  /** Directory (0700) of the socket for the operator's own programs; absent: none. */
  readonly operatorSocket?: string;
  readonly corsOrigins: readonly string[];
  /** Programs on this machine may read without a token. */
  readonly openLoopback?: boolean;
  /** `/api/*` and `/metrics`. Health, the operator link and adapters' routes stay in any case. */
  readonly enableHttp: boolean;
  /** Chat sockets. */
  readonly enableWebSocket: boolean;
  readonly operator: Operator;
  /** The same for those who link to it, by what they say they are; default `operator`. */
  readonly linkOperator?: (surface: LinkSurface) => Operator;
  /** Body of `GET /api/status`. */
  status(): Readonly<Record<string, unknown>>;
  ready(): boolean;
  /** What it is among the gateways that share a store, for the health routes. */
  readonly role?: string;
  /** Why a running gateway cannot do its work at present (a full disk), for `/readyz`. */
  problem?(): string | undefined;
  /** When sessions of such a chat are reset. */
  resetOf?(platform: Platform, kind: ChatKind): ResetSettings;
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** Asked at every request that no own route takes: adapters come and go. */
  routes?(): readonly ExtraRoute[];
  readonly chatSockets?: ChatSocketAcceptor;
  /** Called after a chat client came or went. */
  clientsChanged?(clients: number): void;
  readonly log: Logger;
  readonly clock: Clock;
  readonly limits?: Partial<ServerLimits>;
}

/** What one peer may cost. Sizes in bytes, times in milliseconds. */
export interface ServerLimits {
  /** Largest HTTP body. */
  readonly bodyBytes: number;
  /** Largest WebSocket frame. A socket is authenticated during its upgrade, so no larger or smaller one exists. */
  readonly frameBytes: number;
  /** Unread bytes a chat client may have waiting; one more frame then cuts it off. */
  readonly queueBytes: number;
  /** Frames of one client being worked on at once; beyond it the client is not read from. */
  readonly framesInFlight: number;
  /** Chat sockets at once. */
  readonly sockets: number;
  /** Ping interval; a socket that was silent for a whole interval after a ping is dropped. */
  readonly heartbeatMs: number;
  /** How long a peer may take to answer a close, and a request to finish at stop. */
  readonly closeMs: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  bodyBytes: 1024 * 1024,
  frameBytes: 1024 * 1024,
  queueBytes: 8 * 1024 * 1024,
  framesInFlight: 256,
  sockets: 4_096,
  heartbeatMs: 30_000,
  closeMs: 2_000,
};

/** What arrived while this process itself was delayed has to be read before anybody is judged by it. */
export function everyBeat(beat: () => void, heartbeatMs: number): NodeJS.Timeout {
  return setInterval(() => setImmediate(beat), heartbeatMs).unref();
}

interface RefusalOptions extends GatewayErrorOptions {
  readonly status: number;
  /** Headers that belong to the refusal: `Allow`, `Retry-After`, `WWW-Authenticate`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that is not carried out; reaches the client as `{"error","code","hint"}`. */
export class RequestRefused extends GatewayError {
  override readonly name = 'RequestRefused';
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: string, message: string, options: RefusalOptions) {
    super(code, message, options);
    this.headers = options.headers ?? {};
  }
}

export interface ErrorBody {
  readonly error: string;
  readonly code: string;
  readonly hint: string;
}

/** What a client may know about a failure: unknown errors keep their text to the log. */
export function errorBody(error: unknown): { readonly status: number; readonly body: ErrorBody } {
  if (error instanceof GatewayError)
    return {
      status: error.status,
      body: { error: error.message, code: error.code, hint: error.hint ?? 'See the log of the gateway.' },
    };
  return {
    status: 500,
    body: {
      error: 'the gateway failed on this request',
      code: 'internal',
      hint: 'See the log of the gateway.',
    },
  };
}
