import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type DiscordState, GUILD, type Json, OTHER_GUILD } from './discord-state.ts';

interface Session {
  readonly id: string;
  seq: number;
  readonly events: { readonly s: number; readonly t: string; readonly d: unknown }[];
}

export interface GatewayOptions {
  readonly state: DiscordState;
  readonly token: () => string | undefined;
  readonly url: () => string;
  readonly onIdentify: (kind: 'identify' | 'resume', body: Json) => void;
}

/** Discord's gateway: hello, identify, resume with replay, heartbeats, and every way to end a connection. */
export class DiscordGateway {
  heartbeatIntervalMs = 45_000;
  /** Ends the next identify with this close code. */
  refuseIdentify: number | undefined;
  /** Leaves heartbeats unanswered. */
  silent = false;
  /** Does not say hello to the next connection. */
  mute = false;
  heartbeats = 0;
  readonly #options: GatewayOptions;
  readonly #sockets = new Map<WebSocket, Session | undefined>();
  readonly #sessions = new Map<string, Session>();
  #server = new WebSocketServer({ noServer: true });

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#welcome(ws));
  }

  get connected(): boolean {
    return [...this.#sockets].some(([ws, session]) => ws.readyState === ws.OPEN && session !== undefined);
  }

  /** Connections of any kind. */
  get open(): number {
    return this.#sockets.size;
  }

  /** An event for every session; those without a connection get it when they resume. */
  dispatch(type: string, data: unknown): void {
    for (const session of this.#sessions.values()) {
      session.seq += 1;
      const event = { s: session.seq, t: type, d: data };
      session.events.push(event);
      for (const [ws, owner] of this.#sockets) if (owner === session) send(ws, { op: 0, ...event });
    }
  }

  /** Closes every connection; without a code it is cut. */
  drop(code?: number): void {
    for (const ws of this.#sockets.keys()) {
      if (code === undefined) ws.terminate();
      else ws.close(code, 'closed by the server');
    }
  }

  /** Asks every client to reconnect (op 7). */
  askReconnect(): void {
    for (const ws of this.#sockets.keys()) send(ws, { op: 7, d: null });
  }

  /** Sessions cannot be resumed any more: op 9 for whoever tries. */
  forget(): void {
    this.#sessions.clear();
  }

  /** A raw text to every client, for nonsense. */
  raw(text: string): void {
    for (const ws of this.#sockets.keys()) ws.send(text);
  }

  #welcome(ws: WebSocket): void {
    this.#sockets.set(ws, undefined);
    ws.on('close', () => this.#sockets.delete(ws));
    ws.on('error', () => {
      // Cut on purpose by a test.
    });
    ws.on('message', (data) => this.#receive(ws, JSON.parse(String(data)) as { op: number; d: Json }));
    if (this.mute) {
      this.mute = false;
      return;
    }
    send(ws, { op: 10, d: { heartbeat_interval: this.heartbeatIntervalMs } });
  }

  #receive(ws: WebSocket, { op, d }: { op: number; d: Json }): void {
    if (op === 1) {
      this.heartbeats += 1;
      if (!this.silent) send(ws, { op: 11 });
    } else if (op === 2) this.#identify(ws, d);
    else if (op === 6) this.#resume(ws, d);
  }

  #identify(ws: WebSocket, d: Json): void {
    this.#options.onIdentify('identify', d);
    const { state, token, url } = this.#options;
    if (this.refuseIdentify !== undefined) {
      ws.close(this.refuseIdentify, 'refused');
      return;
    }
    if (d['token'] !== token()) {
      ws.close(4004, 'Authentication failed.');
      return;
    }
    const session: Session = { id: `session-${this.#sessions.size + 1}-${Date.now()}`, seq: 1, events: [] };
    this.#sessions.set(session.id, session);
    this.#sockets.set(ws, session);
    const guilds = [GUILD, OTHER_GUILD];
    send(ws, {
      op: 0,
      s: 1,
      t: 'READY',
      d: {
        v: 10,
        user: state.bot,
        guilds: guilds.map((id) => ({ id, unavailable: true })),
        session_id: session.id,
        resume_gateway_url: url(),
        application: { id: state.applicationId, flags: 0 },
      },
    });
    for (const id of guilds) {
      session.seq += 1;
      send(ws, { op: 0, s: session.seq, t: 'GUILD_CREATE', d: state.guild(id) });
    }
  }

  #resume(ws: WebSocket, d: Json): void {
    this.#options.onIdentify('resume', d);
    if (d['token'] !== this.#options.token()) {
      ws.close(4004, 'Authentication failed.');
      return;
    }
    const session = this.#sessions.get(String(d['session_id']));
    if (session === undefined) {
      send(ws, { op: 9, d: false });
      return;
    }
    for (const event of session.events) if (event.s > Number(d['seq'])) send(ws, { op: 0, ...event });
    this.#sockets.set(ws, session);
    session.seq += 1;
    send(ws, { op: 0, s: session.seq, t: 'RESUMED', d: {} });
  }
}

function send(ws: WebSocket, payload: unknown): void {
  if (ws.readyState === ws.OPEN) ws.send(JSON.stringify(payload));
}
