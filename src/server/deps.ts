/** What the server works with, what one peer may cost, and how a request is refused. */
import type { Clock } from '../base/async.ts';
import { GatewayError, type GatewayErrorOptions } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { AdapterRoute, ChatSocketAcceptor } from '../gateway/adapter.ts';
import type { ResetSettings } from '../gateway/config/settings.ts';
import type { ChatKind, Platform } from '../gateway/model.ts';
import type { Operator } from '../gateway/operator/operator.ts';
import type { LinkSurface } from '../gateway/operator/operator-address.ts';

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
