import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../base/async.ts';
import type { Logger } from '../base/log.ts';
import type { ChatSocketAcceptor } from '../gateway/adapter.ts';
import { Repeats } from '../gateway/decisions.ts';
import { ClientSocket, type RepeatedLine } from './client-socket.ts';
import type { ServerCounters } from './counters.ts';
import { everyBeat, type ServerLimits } from './limits.ts';
import { WriteBatch } from './write-batch.ts';

export interface SocketHubDeps {
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
