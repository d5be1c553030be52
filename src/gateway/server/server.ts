import type { IncomingMessage, ServerResponse } from 'node:http';
import { AccessGuard } from './access.ts';
import { newCounters, type ServerCounters } from './counters.ts';
import type { ServerDeps } from './deps.ts';
import type { HttpListener } from './http-listener.ts';
import { DEFAULT_LIMITS, type ServerLimits } from './limits.ts';
import { closeListeners, type ListenerHandlers, type Listeners, openListeners } from './listeners.ts';
import { OperatorLink } from './operator-link.ts';
import { openOperatorSocket } from './operator-socket.ts';
import { SocketHub } from './socket-hub.ts';
import { Upgrades } from './upgrades.ts';

export type { ExtraRoute, ServerDeps } from './deps.ts';

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
