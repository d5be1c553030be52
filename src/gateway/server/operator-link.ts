import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Operator } from '../operator.ts';
import type { ServerLimits } from './limits.ts';
import { LinkPeer } from './link-peer.ts';
import { type LinkSurface, SURFACE_HEADER, surfaceOf } from './operator-path.ts';
import type { Seal } from './operator-proof.ts';

export interface OperatorLinkDeps {
  readonly operator: (surface: LinkSurface) => Operator;
  readonly limits: ServerLimits;
  readonly log: Logger;
  readonly clock: Clock;
}

/** How a peer has shown that it is the operator. */
export interface LinkProof {
  /** By knowing the operator token, not by the rights of the socket file. */
  readonly byToken: boolean;
  readonly seal: Seal | undefined;
}

/** The gateway's end of all attached consoles. */
export class OperatorLink {
  readonly #deps: OperatorLinkDeps;
  readonly #peers = new Set<LinkPeer>();
  readonly #tokenHolders = new Set<LinkPeer>();
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(deps: OperatorLinkDeps) {
    this.#deps = deps;
  }

  /** Takes over a socket whose peer has shown that it is the operator. */
  open(ws: WebSocket, incoming: IncomingMessage, { byToken, seal }: LinkProof): void {
    const operator = this.#deps.operator(surfaceOf(incoming.headers[SURFACE_HEADER]));
    const peer = new LinkPeer(ws, operator, this.#deps.log, seal);
    this.#peers.add(peer);
    if (byToken) this.#tokenHolders.add(peer);
    ws.on('close', () => {
      this.#peers.delete(peer);
      this.#tokenHolders.delete(peer);
      if (this.#peers.size === 0) this.#stopHeart();
    });
    this.#heartbeat ??= setInterval(() => this.#beat(), this.#deps.limits.heartbeatMs).unref();
    peer.start();
  }

  /** Ends the links of those who came with the operator token: it is no longer the right one. */
  cutTokenHolders(): void {
    for (const peer of this.#tokenHolders)
      peer.expire(this.#deps.limits.closeMs, 'the operator token has changed');
  }

  /** Ends every console's link; at the latest after the close limit. */
  async stop(): Promise<void> {
    await Promise.all([...this.#peers].map((peer) => peer.close(this.#deps.limits.closeMs)));
    this.#stopHeart();
  }

  #beat(): void {
    for (const peer of this.#peers) peer.beat();
  }

  #stopHeart(): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
  }
}
