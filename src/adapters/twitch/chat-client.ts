import type { Agent } from 'node:http';
import { Client } from 'tmi.js';
import { WebSocket } from 'ws';
import { within } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { type IrcLine, readLine } from './receive.ts';

export interface ChatClientOptions {
  readonly url: string;
  readonly login: string;
  readonly token: string;
  /** Of a proxy. */
  readonly agent: Agent | undefined;
  readonly handshakeTimeoutMs: number;
  readonly log: Logger;
  /** Every line of the server, in order, before tmi.js acts on it. */
  readonly line: (line: IrcLine) => void;
  /** The welcome has ended: the login is valid. */
  readonly connected: () => void;
  /** The connection has ended; may be said more than once. */
  readonly ended: (reason: string) => void;
}

const MAX_FRAME_BYTES = 1024 * 1024;

/**
 * tmi.js for one connection, with what is dangerous about it taken away:
 * - it never reconnects on its own, not even on RECONNECT (its timer would outlive us and open a second connection);
 * - a line it cannot digest would throw inside a socket handler and end the process: every handler is fenced;
 * - its sockets (Node's own WebSocket) cannot be cut when the peer is silent: it gets one that can;
 * - it sees no channel list: joining is paced and retried by us, its own queue keeps timers after the end.
 */
export class ChatClient {
  readonly #options: ChatClientOptions;
  readonly #client: Client;
  #socket: WebSocket | undefined;
  #closed = false;

  constructor(options: ChatClientOptions) {
    this.#options = options;
    const { log } = options;
    this.#client = new Client({
      options: { skipUpdatingEmotesets: true, skipMembership: true },
      connection: { reconnect: false },
      identity: { username: options.login, password: options.token },
      channels: [],
      // Its info lines repeat every message; what it calls a warning is a line it does not know.
      logger: { info() {}, warn() {}, error: (message) => log.debug(`tmi.js: ${messageOf(message)}`) },
    });
    Reflect.set(this.#client, '_openConnection', () => this.#openSocket());
    this.#fence('handleMessage', (call, [parsed]) => {
      const line = readLine(parsed);
      if (line === undefined || this.#closed) return;
      this.#options.line(line);
      if (line.command !== 'RECONNECT') call(withBarePong(parsed, line));
    });
    this.#client.on('connected', () => {
      if (!this.#closed) options.connected();
    });
    this.#client.on('disconnected', (reason: unknown) => this.#end(messageOf(reason)));
  }

  open(): void {
    // Its promise means nothing: it also resolves when the server hangs up before the welcome.
    this.#client.connect().then(
      () => {},
      (error: unknown) => this.#end(messageOf(error)),
    );
  }

  /**
   * Hands one line to the socket; rejects when there is none. Not through tmi.js: its `say` splits, guesses commands and
   * never fails, its `raw` leaves a timer behind for every line.
   */
  raw(line: string): Promise<void> {
    const socket = this.#socket;
    if (/[\r\n\0]/.test(line)) return Promise.reject(new Error('a line may not contain a line end'));
    if (this.#closed || socket === undefined || socket.readyState !== WebSocket.OPEN)
      return Promise.reject(new Error('there is no connection to Twitch'));
    return new Promise((resolve, reject) => {
      socket.send(line, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Ends the connection; resolves when its socket is gone, within a second. */
  async close(): Promise<void> {
    this.#closed = true;
    const socket = this.#socket;
    if (socket !== undefined && socket.readyState !== WebSocket.CLOSED) {
      const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      socket.close();
      await within(gone, 500);
      socket.terminate();
      await within(gone, 500);
    }
  }

  #end(reason: string): void {
    if (!this.#closed) this.#options.ended(reason || 'the connection was closed');
  }

  #openSocket(): void {
    const { agent } = this.#options;
    const socket = new WebSocket(this.#options.url, 'irc', {
      handshakeTimeout: this.#options.handshakeTimeoutMs,
      maxPayload: MAX_FRAME_BYTES,
      ...defined({ agent }),
    });
    socket.on('open', () => this.#call('_onOpen'));
    socket.on('message', (data, isBinary) => {
      if (!isBinary) this.#call('_onMessage', { data: String(data) });
    });
    socket.on('error', (error) => {
      this.#end(messageOf(error));
      this.#call('_onError');
    });
    socket.on('close', () => this.#call('_onClose'));
    this.#socket = socket;
    Reflect.set(this.#client, 'ws', socket);
  }

  #call(method: string, ...args: readonly unknown[]): void {
    const handler: unknown = Reflect.get(this.#client, method);
    if (typeof handler !== 'function') throw new Error(`tmi.js has no ${method}`);
    try {
      Reflect.apply(handler, this.#client, args);
    } catch (error) {
      this.#options.log.warn(`tmi.js failed in ${method}: ${messageOf(error)}`);
    }
  }

  /** Puts `guard` in front of a method; what either of them throws ends there. */
  #fence(
    method: string,
    guard: (call: (...args: readonly unknown[]) => void, args: readonly unknown[]) => void,
  ): void {
    const original: unknown = Reflect.get(this.#client, method);
    if (typeof original !== 'function') throw new Error(`tmi.js has no ${method}`);
    const call = (...args: readonly unknown[]): void => void Reflect.apply(original, this.#client, args);
    Reflect.set(this.#client, method, (...args: readonly unknown[]) => {
      try {
        guard(call, args);
      } catch (error) {
        this.#options.log.warn(`a line from Twitch was dropped: ${messageOf(error)}`);
      }
    });
  }
}

/** tmi.js knows the answer to its ping only without a prefix, and hangs up on a server that sends one. */
function withBarePong(parsed: unknown, line: IrcLine): unknown {
  return line.command === 'PONG' && typeof parsed === 'object' ? { ...parsed, prefix: null } : parsed;
}
