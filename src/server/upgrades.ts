import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Access, AccessGuard, RequestFacts } from './access.ts';
import type { ServerLimits } from './limits.ts';
import { OperatorChallenge } from './operator-challenge.ts';
import type { LinkProof } from './operator-link.ts';
import { OPERATOR_PATH } from './operator-path.ts';
import { isOperatorSocket } from './peers.ts';
import { errorBody, RequestRefused } from './refusal.ts';
import type { SocketHub } from './socket-hub.ts';
import { chooseSubProtocol } from './tokens.ts';

export interface UpgradeDeps {
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
