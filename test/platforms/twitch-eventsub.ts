import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

interface Session {
  readonly ws: WebSocket;
  readonly id: string;
  readonly subscriptions: Set<string>;
}

/** Twitch's EventSub over WebSocket, with the two Helix methods that belong to it. */
export class TwitchEventSub {
  /** Broadcasters that are live. */
  readonly live = new Set<string>();
  keepaliveSeconds = 10;
  silent = false;
  readonly #server = new WebSocketServer({ noServer: true });
  readonly #sessions = new Map<string, Session>();
  #moved: ReadonlySet<string> | undefined;

  get sessions(): number {
    return this.#sessions.size;
  }

  /** `stream.online:77` of every open session. */
  get subscriptions(): readonly string[] {
    return [...this.#sessions.values()].flatMap((session) => [...session.subscriptions]);
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      const session: Session = { ws, id: randomUUID(), subscriptions: new Set(this.#moved) };
      this.#moved = undefined;
      this.#sessions.set(session.id, session);
      ws.on('error', () => {
        // A cut connection is what tests ask for.
      });
      ws.on('close', () => this.#sessions.delete(session.id));
      this.#send(session, 'session_welcome', {
        session: {
          id: session.id,
          status: 'connected',
          keepalive_timeout_seconds: this.keepaliveSeconds,
          reconnect_url: null,
        },
      });
    });
  }

  subscribe(body: unknown): number {
    const { type, condition, transport } = body as {
      type: string;
      condition: { broadcaster_user_id: string };
      transport: { session_id: string };
    };
    const session = this.#sessions.get(transport.session_id);
    if (session === undefined) return 400;
    const key = `${type}:${condition.broadcaster_user_id}`;
    if (session.subscriptions.has(key)) return 409;
    session.subscriptions.add(key);
    return 202;
  }

  /** A stream begins or ends. Returns the id of the notice, which may be delivered again. */
  notify(type: 'stream.online' | 'stream.offline', broadcaster: string, id: string = randomUUID()): string {
    for (const session of this.#sessions.values()) {
      if (!session.subscriptions.has(`${type}:${broadcaster}`)) continue;
      const event = {
        broadcaster_user_id: broadcaster,
        broadcaster_user_login: 'x',
        broadcaster_user_name: 'X',
      };
      this.#send(session, 'notification', { subscription: { type, status: 'enabled' }, event }, id);
    }
    return id;
  }

  /** Asks every client to come to `url`; the subscriptions come along. */
  move(url: string): void {
    for (const session of this.#sessions.values()) {
      this.#moved = session.subscriptions;
      this.#send(session, 'session_reconnect', {
        session: { id: session.id, status: 'reconnecting', reconnect_url: url },
      });
    }
  }

  raw(text: string): void {
    for (const { ws } of this.#sessions.values()) ws.send(text);
  }

  drop(): void {
    for (const { ws } of this.#sessions.values()) ws.terminate();
  }

  stop(): void {
    this.drop();
    this.#server.close();
  }

  #send(session: Session, type: string, payload: object, id: string = randomUUID()): void {
    if (this.silent) return;
    const metadata = { message_id: id, message_type: type, message_timestamp: new Date().toISOString() };
    session.ws.send(JSON.stringify({ metadata, payload }));
  }
}
