import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../base/async.ts';
import type { Logger } from '../base/log.ts';
import type { ChatSocketAcceptor } from '../gateway/adapter.ts';
import { Repeats } from '../gateway/decisions.ts';
import { OPERATOR_PATH } from '../gateway/operator/operator-address.ts';
import type { Access, AccessGuard, RequestFacts } from './access.ts';
import { ClientSocket, type RepeatedLine, WriteBatch } from './client-socket.ts';
import { OperatorChallenge } from './link-protocol.ts';
import type { ServerCounters } from './metric-tables.ts';
import type { LinkProof } from './operator-link.ts';
import {
  chooseSubProtocol,
  errorBody,
  everyBeat,
  isOperatorSocket,
  RequestRefused,
  type ServerLimits,
} from './peers.ts';

interface UpgradeDeps {
  readonly guard: AccessGuard;
  readonly limits: ServerLimits;
  /** True for a path that HTTP serves: no socket there. */
  isRoute(path: string): boolean;
  /** Absent when chat sockets are switched off. */
  readonly hub: SocketHub | undefined;
  operatorToken(): string;
  operatorLink(ws: WebSocket, incoming: IncomingMessage, proof: LinkProof): void;
}

/** True for requests that want to become a WebSocket; others that offer an upgrade (h2c) are served as they are. */
export function wantsWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

/** Decides about every upgrade: chat socket, operator link, or a refusal in JSON. */
export class Upgrades {
  readonly #deps: UpgradeDeps;
  readonly #server: WebSocketServer;
  readonly #challenge = new OperatorChallenge();
  #stopping = false;

  constructor(deps: UpgradeDeps) {
    this.#deps = deps;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: deps.limits.frameBytes,
      handleProtocols: chooseSubProtocol,
    });
  }

  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A peer that resets during the handshake raises an error here; the socket ends on its own.
    socket.on('error', () => {});
    try {
      this.#route(request, socket, head);
    } catch (error) {
      refuse(socket, error, this.#deps.limits.closeMs);
    }
  }

  stop(): void {
    this.#stopping = true;
    this.#server.close();
    this.#challenge.stop();
  }

  #route(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#stopping)
      throw refusal(503, 'stopping', 'the gateway is stopping', 'Connect again in a moment.');
    if (!wantsWebSocket(request))
      throw refusal(
        400,
        'bad_upgrade',
        'only WebSocket upgrades are possible',
        'Leave the Upgrade header out.',
      );
    const path = URL.parse(request.url ?? '/', 'http://gateway')?.pathname;
    if (path === undefined) throw refusal(400, 'bad_request', 'the address is malformed', 'Check the path.');
    if (path === OPERATOR_PATH) {
      this.#operator(request, socket, head);
      return;
    }
    if (this.#deps.isRoute(path))
      throw refusal(
        400,
        'not_a_socket',
        `${path} is an HTTP route`,
        'Connect the socket to / or any free path.',
      );
    const { hub } = this.#deps;
    if (hub === undefined)
      throw refusal(
        404,
        'websocket_disabled',
        'chat sockets are switched off',
        'Set enableWebSocket and platforms.websocket.enabled to true.',
      );
    const { privileged } = this.#check(request, 'chat');
    if (hub.full)
      throw refusal(503, 'too_many_clients', 'too many clients are connected', 'Try again in a moment.');
    this.#server.handleUpgrade(request, socket, head, (ws) =>
      hub.open(ws, socket, { remoteAddress: request.socket.remoteAddress ?? '', privileged }),
    );
  }

  /** By the socket's file rights, by the token in the header, or by a proof that shows it to no one. */
  #operator(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { guard, operatorToken, operatorLink } = this.#deps;
    const local = isOperatorSocket(request.socket);
    if (local || request.headers.authorization !== undefined) {
      this.#check(request, 'operator');
      this.#server.handleUpgrade(request, socket, head, (ws) =>
        operatorLink(ws, request, { byToken: !local, seal: undefined }),
      );
      return;
    }
    const facts = this.#facts(request, 'operator');
    guard.checkChallenge(facts);
    this.#server.handleUpgrade(request, socket, head, (ws) =>
      this.#challenge.begin(ws, {
        operatorToken,
        failed: () => guard.challengeFailed(facts.peer),
        proven: (seal) => operatorLink(ws, request, { byToken: true, seal }),
      }),
    );
  }

  #check(request: IncomingMessage, level: 'chat' | 'operator'): Access {
    return this.#deps.guard.check(this.#facts(request, level), level);
  }

  #facts(request: IncomingMessage, level: 'chat' | 'operator'): RequestFacts {
    const { headers } = request;
    const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    // Version 8 of the protocol carried the origin under another name.
    const older = headers['sec-websocket-origin'];
    return {
      peer: request.socket.remoteAddress ?? '',
      onOperatorSocket: isOperatorSocket(request.socket),
      authorization: headers.authorization,
      origin: headers.origin ?? (typeof older === 'string' ? older : undefined),
      host: headers.host,
      // The operator token never travels in a sub-protocol, which servers echo.
      subProtocols: level === 'chat' ? offered : [],
    };
  }
}

function refusal(status: number, code: string, message: string, hint: string): RequestRefused {
  return new RequestRefused(code, message, { status, hint });
}

function refuse(socket: Duplex, error: unknown, closeMs: number): void {
  const { status, body } = errorBody(error);
  const text = JSON.stringify(body);
  const extra = error instanceof RequestRefused ? Object.entries(error.headers) : [];
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'Connection: close',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(text)}`,
      ...extra.map(([name, value]) => `${name}: ${value}`),
      '',
      text,
    ].join('\r\n'),
  );
  const timer = setTimeout(() => socket.destroy(), closeMs);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}

interface SocketHubDeps {
  readonly acceptor: ChatSocketAcceptor;
  readonly limits: ServerLimits;
  readonly counters: ServerCounters;
  readonly clock: Clock;
  readonly log: Logger;
  clientsChanged?(clients: number): void;
}

/** All chat sockets of the server: counts them, beats their heart, ends them. */
export class SocketHub {
  readonly #sockets = new Set<ClientSocket>();
  readonly #batch = new WriteBatch();
  readonly #deps: SocketHubDeps;
  readonly #repeats: Repeats<RepeatedLine>;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(deps: SocketHubDeps) {
    this.#deps = deps;
    this.#repeats = new Repeats(({ level, text, ...fields }, count) =>
      deps.log[level](text, { ...fields, ...(count > 1 ? { count } : {}) }),
    );
  }

  get size(): number {
    return this.#sockets.size;
  }

  get full(): boolean {
    return this.#sockets.size >= this.#deps.limits.sockets;
  }

  /** `privileged`: the peer showed the operator token. */
  open(
    ws: WebSocket,
    raw: Duplex,
    peer: { readonly remoteAddress: string; readonly privileged: boolean },
  ): void {
    const socket = new ClientSocket(ws, raw, {
      ...this.#deps,
      ...peer,
      batch: this.#batch,
      repeated: (line) => this.#repeats.note(line.text, line),
    });
    this.#sockets.add(socket);
    this.#heartbeat ??= everyBeat(() => this.#beat(), this.#deps.limits.heartbeatMs);
    socket.onClose(() => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#stopHeart();
      this.#deps.clientsChanged?.(this.#sockets.size);
    });
    this.#deps.acceptor.accept(socket);
    this.#deps.clientsChanged?.(this.#sockets.size);
  }

  /** Ends the sockets that the operator token opened: it is no longer the right one. The operator socket has no address. */
  cutTokenHolders(): void {
    for (const socket of this.#sockets)
      if (socket.privileged && socket.remoteAddress !== '')
        socket.close(1008, 'the operator token has changed');
  }

  /** Says goodbye to everyone; resolves when all are gone, at the latest after the close limit. */
  async stop(): Promise<void> {
    const gone = [...this.#sockets].map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.onClose(resolve);
          socket.close(1001, 'the gateway stops');
        }),
    );
    await Promise.all(gone);
    this.#stopHeart();
    this.#repeats.flush();
  }

  #beat(): void {
    for (const socket of this.#sockets) socket.beat();
  }

  #stopHeart(): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
  }
}
