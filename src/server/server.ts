import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { GatewayError, messageOf, systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { makingPath, nameSocket, prepareSocketPlace } from '../gateway/operator/operator-address.ts';
import { AccessGuard } from './access.ts';
import type { HttpListener } from './http-listener.ts';
import { newCounters, type ServerCounters } from './metric-tables.ts';
import { OperatorLink } from './operator-link.ts';
import { DEFAULT_LIMITS, markOperatorSocket, type ServerDeps, type ServerLimits } from './peers.ts';
import { SocketHub, Upgrades, wantsWebSocket } from './upgrades.ts';

interface ListenerHandlers {
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** A request line that arrives slowly, or not at all, must not hold a connection for long. */
const OPTIONS: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5_000,
  shouldUpgradeCallback: wantsWebSocket,
};

/** How often a free port is drawn again because the other loopback family had it taken. */
const PORT_DRAWS = 10;

function explain(error: unknown, host: string, port: number): GatewayError {
  const code = systemCode(error);
  if (code === 'EADDRINUSE')
    return new GatewayError('port_in_use', `port ${port} on ${host} is already in use`, {
      status: 409,
      hint: `Choose another port (--port or the key "port"), or use the gateway that holds it: pi-gateway-tui attach.`,
      cause: error,
    });
  if (code === 'EACCES')
    return new GatewayError('port_forbidden', `this user may not listen on port ${port}`, {
      hint: 'Choose a port of 1024 or above (--port or the key "port").',
      cause: error,
    });
  return new GatewayError('host_unavailable', `cannot listen on ${host}:${port}: ${messageOf(error)}`, {
    hint: 'Check the key "host": localhost, or an address of this machine.',
    cause: error,
  });
}

/** A server that serves nothing yet. */
function createListener(handlers: ListenerHandlers): Server {
  const server = createServer(OPTIONS, handlers.request);
  server.on('upgrade', handlers.upgrade);
  return server;
}

async function open(handlers: ListenerHandlers, host: string, port: number): Promise<Server> {
  const server = createListener(handlers);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return server;
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function openLoopback(handlers: ListenerHandlers, port: number, log: Logger): Promise<Server[]> {
  for (let draw = 1; ; draw += 1) {
    const v4 = await open(handlers, '127.0.0.1', port);
    try {
      return [v4, await open(handlers, '::1', portOf(v4))];
    } catch (error) {
      if (systemCode(error) !== 'EADDRINUSE') {
        log.info('this machine has no IPv6 loopback; listening on 127.0.0.1 only', {
          reason: messageOf(error),
        });
        return [v4];
      }
      await new Promise((resolve) => v4.close(resolve));
      if (port !== 0 || draw >= PORT_DRAWS) throw error;
    }
  }
}

interface Listeners {
  readonly servers: readonly Server[];
  readonly port: number;
}

/** Listens on `host`; `localhost` means 127.0.0.1 and ::1 on the same port. Rejects with a `GatewayError`. */
async function openListeners(
  handlers: ListenerHandlers,
  host: string,
  port: number,
  log: Logger,
): Promise<Listeners> {
  try {
    const servers =
      host.toLowerCase() === 'localhost'
        ? await openLoopback(handlers, port, log)
        : [await open(handlers, host.replace(/^\[(.*)\]$/, '$1'), port)];
    const first = servers[0];
    return { servers, port: first === undefined ? port : portOf(first) };
  } catch (error) {
    throw explain(error, host, port);
  }
}

/** Takes no new connections, lets running requests finish for `graceMs`, then drops what is left. */
async function closeListeners(servers: readonly Server[], graceMs: number): Promise<void> {
  const timer = setTimeout(() => {
    for (const server of servers) server.closeAllConnections();
  }, graceMs);
  try {
    await Promise.all(
      servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeIdleConnections();
          }),
      ),
    );
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Listens for the operator's own programs in the data directory. A file system without sockets is no reason not to
 * start: undefined then, and those programs come over TCP and prove themselves there.
 */
async function openOperatorSocket(
  handlers: ListenerHandlers,
  directory: string,
  log: Logger,
): Promise<Server | undefined> {
  try {
    const place = prepareSocketPlace(directory);
    const server = createListener(handlers);
    if (place.private) server.on('connection', markOperatorSocket);
    const made = makingPath(place);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(made, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.once('close', nameSocket(directory, made, place));
    return server;
  } catch (error) {
    log.warn(
      'the operator socket cannot be opened; commands on this machine use the TCP port and prove themselves',
      {
        directory,
        error: messageOf(error),
      },
    );
    return undefined;
  }
}

export type { ServerDeps } from './peers.ts';

/** The gateway's one port: HTTP API, health, chat sockets, operator link, adapters' own routes. */
export class GatewayServer {
  readonly #deps: ServerDeps;
  readonly #limits: ServerLimits;
  readonly #counters = newCounters();
  readonly #hub: SocketHub | undefined;
  readonly #link: OperatorLink;
  readonly #upgrades: Upgrades;
  readonly #guard: AccessGuard;
  #operatorToken: string;
  #http: Promise<HttpListener> | undefined;
  #listeners: Promise<Listeners> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(deps: ServerDeps) {
    this.#deps = deps;
    this.#limits = { ...DEFAULT_LIMITS, ...deps.limits };
    const { clock, log, chatSockets } = deps;
    this.#operatorToken = deps.operatorToken;
    const shared = { limits: this.#limits, counters: this.#counters, clock, log };
    const guard = new AccessGuard(deps, this.#counters, clock, log);
    this.#hub =
      deps.enableWebSocket && chatSockets !== undefined
        ? new SocketHub({
            ...shared,
            acceptor: chatSockets,
            clientsChanged: (clients) => deps.clientsChanged?.(clients),
          })
        : undefined;
    this.#link = new OperatorLink({ ...shared, operator: deps.linkOperator ?? (() => deps.operator) });
    this.#upgrades = new Upgrades({
      guard,
      limits: this.#limits,
      hub: this.#hub,
      isRoute: (path) =>
        deps.routes?.().some((route) => route.path === path) === true ||
        /^\/(api\/.*|healthz|readyz|metrics)$/.test(path),
      operatorToken: () => this.#operatorToken,
      operatorLink: (ws, incoming, proof) => this.#link.open(ws, incoming, proof),
    });
    this.#guard = guard;
  }

  /** Rejects with a GatewayError (`port_in_use`, `port_forbidden`, `host_unavailable`). */
  async listen(): Promise<{ port: number }> {
    this.#listeners ??= this.#open();
    const { port } = await this.#listeners;
    return { port };
  }

  /** Takes nothing new, says goodbye to every socket, lets running requests finish. Bounded by twice `closeMs`. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** Connected chat clients. */
  clients(): number {
    return this.#hub?.size ?? 0;
  }

  counters(): Readonly<ServerCounters> {
    return this.#counters;
  }

  /** The operator token from now on: links and sockets that came with the one before end. */
  replaceOperatorToken(token: string): void {
    this.#guard.replaceOperatorToken(token);
    this.#operatorToken = token;
    this.#link.cutTokenHolders();
    this.#hub?.cutTokenHolders();
  }

  async #open(): Promise<Listeners> {
    const { host, port, log, operatorSocket } = this.#deps;
    const handlers: ListenerHandlers = {
      request: (request, response) => {
        this.#answer(request, response).catch(() => response.destroy()); // answered requests never get here
      },
      upgrade: (request, socket, head) => this.#upgrades.handle(request, socket, head),
    };
    const listeners = await openListeners(handlers, host, port, log);
    const socket =
      operatorSocket === undefined ? undefined : await openOperatorSocket(handlers, operatorSocket, log);
    return socket === undefined ? listeners : { ...listeners, servers: [...listeners.servers, socket] };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#http ??= import('./http-listener.ts').then((module) =>
      module.createHttpListener(this.#deps, this.#guard, this.#limits),
    );
    await (await this.#http)(request, response);
  }

  async #stop(): Promise<void> {
    // A listen that failed has nothing to close.
    const listeners = await this.#listeners?.catch(() => undefined);
    this.#upgrades.stop();
    const closing = closeListeners(listeners?.servers ?? [], this.#limits.closeMs);
    await Promise.all([this.#hub?.stop(), this.#link.stop()]);
    await closing;
  }
}

const SERVICE = { service: 'pi-gateway-tui', role: 'standby' } as const;

/** The port of a gateway that is waiting: it says that it lives, and that another one does the work. */
export class StandbyServer {
  readonly #listeners: Listeners;

  private constructor(listeners: Listeners) {
    this.#listeners = listeners;
  }

  /** `reason` says who leads. */
  static async listen(host: string, port: number, reason: () => string, log: Logger): Promise<StandbyServer> {
    const request = (incoming: IncomingMessage, response: ServerResponse): void => {
      const { status, body } = answer(incoming.url ?? '/', reason());
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(JSON.stringify(body));
    };
    const listeners = await openListeners(
      { request, upgrade: (_request, socket) => socket.end(refusedUpgrade(reason())) },
      host,
      port,
      log,
    );
    return new StandbyServer(listeners);
  }

  get port(): number {
    return this.#listeners.port;
  }

  stop(): Promise<void> {
    return closeListeners(this.#listeners.servers, 0);
  }
}

/** Pure. */
function answer(url: string, reason: string): { readonly status: number; readonly body: object } {
  const path = url.replace(/\?.*$/s, '');
  if (path === '/healthz') return { status: 200, body: { ok: true, ...SERVICE } };
  if (path === '/readyz') return { status: 503, body: { ready: false, ...SERVICE, reason } };
  return {
    status: 503,
    body: {
      error: reason,
      code: 'standby',
      hint: 'Use that gateway. This one takes over when it is gone.',
    },
  };
}

function refusedUpgrade(reason: string): string {
  const body = JSON.stringify(answer('/', reason).body);
  return [
    'HTTP/1.1 503 Service Unavailable',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
