import { DeliveryError, messageOf } from '../../base/errors.ts';
import type {
  Adapter,
  AdapterHost,
  Capabilities,
  ChatSocket,
  ChatSocketAcceptor,
  Part,
  SendReceipt,
  SendRequest,
} from '../../gateway/adapter.ts';
import type { TurnEvent } from '../../gateway/events.ts';
import type { AdapterHealth, ChatRef, TaskView } from '../../gateway/model.ts';
import { connectedFrame, outboundFrame, withId } from './frames.ts';
import {
  ClientIdentity,
  ClientProtocol,
  Clients,
  type Connection,
  clientName,
  type OwnSession,
  randomId,
  type StartBackground,
} from './protocol.ts';

/** Changes of this span are one report: clients may come, go and write a thousand times a second. */
const REPORT_MS = 250;

/** Tells the gateway how the adapter is, at once when it starts and stops, else a few times a second at most. */
class HealthReport {
  readonly #report: (health: AdapterHealth) => void;
  readonly #clients: () => number;
  #timer: NodeJS.Timeout | undefined;
  #lastUpdateAt: number | undefined;

  constructor(report: (health: AdapterHealth) => void, clients: () => number) {
    this.#report = report;
    this.#clients = clients;
  }

  connected(): void {
    const clients = this.#clients();
    this.#report({
      state: 'connected',
      detail: clients === 1 ? '1 client' : `${clients} clients`,
      transport: { alive: true },
      ingress: this.#lastUpdateAt === undefined ? {} : { lastUpdateAt: this.#lastUpdateAt },
      authorisation: 'valid',
    });
  }

  /** Clients came or went, or (with a time) one of them wrote. */
  changed(updateAt?: number): void {
    this.#lastUpdateAt = updateAt ?? this.#lastUpdateAt;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.connected();
    }, REPORT_MS).unref();
  }

  stopped(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#report({
      state: 'stopped',
      detail: 'stopped',
      transport: { alive: false },
      ingress: this.#lastUpdateAt === undefined ? {} : { lastUpdateAt: this.#lastUpdateAt },
      authorisation: 'unknown',
    });
  }
}

/**
 * Waits for the proof of a frame that was sent. When it does not come, the frame may still have been read: the
 * failure is `unknown`, so that a repetition is marked as one.
 */
async function provenBy(proof: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(new Error('the time for the delivery has passed'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([proof, aborted]);
  } catch (error) {
    throw new DeliveryError('unknown', `the client did not confirm the message: ${messageOf(error)}`, {
      hint: 'It is sent again, marked as a possible repeat, when the client is back.',
      cause: error,
    });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

export interface WebSocketAdapterOptions {
  /** Key of the HMAC that turns a client id into its key. */
  readonly secret: string;
  /** Absent: tasks cannot be started by a frame. */
  readonly background?: StartBackground;
  /** Absent: prompts name no session. */
  readonly ownSession?: OwnSession;
  /** Client ids and ids of prompts that came without one; default 128 random bits. */
  readonly newId?: () => string;
}

export interface WebSocketAdapter extends Adapter, ChatSocketAcceptor {
  /** Sends `{"type":event,"data"}` to every connection. */
  broadcast(event: string, data: unknown): void;
  /** Sends a frame to the connections that were opened with the operator token, and to no one else. */
  tellPrivileged(frame: object): void;
  /** Tells the client of this chat how its task is doing. */
  taskChanged(chat: ChatRef, task: TaskView): void;
  /**
   * The listener is called when a known client is back (its `hello` was right), so that what is waiting for it can go
   * out. A fresh connection is a new client: nothing can wait for it. Returns the function that ends this.
   */
  onClientReady(listener: (chat: ChatRef) => void): () => void;
}

const CAPABILITIES: Capabilities = {
  edit: false,
  delete: true,
  typing: true,
  threads: false,
  reactions: false,
  attachmentsIn: false,
  attachmentsOut: false,
  buttons: false,
  streamsEvents: true,
  // Never reached in practice: answers go out in one part.
  textLimit: 16 * 1024 * 1024,
  textUnit: 'utf16',
  editIntervalMs: 0,
  typingRefreshMs: 5_000,
  bangCommands: false,
  idempotentSend: false,
};

/**
 * The chat protocol over WebSocket: each client is a direct chat whose id is the client's id. All connections of one
 * client see everything that is sent to it; the newest is the one whose pong proves the delivery.
 */
export function createWebSocketAdapter(options: WebSocketAdapterOptions): WebSocketAdapter {
  return new SocketAdapter(options);
}

class SocketAdapter implements WebSocketAdapter {
  readonly platform = 'websocket';
  readonly capabilities = CAPABILITIES;
  readonly #newId: () => string;
  readonly #identity: ClientIdentity;
  readonly #clients = new Clients();
  readonly #protocol: ClientProtocol;
  readonly #ready = new Set<(chat: ChatRef) => void>();
  #host: AdapterHost | undefined;
  #health: HealthReport | undefined;

  constructor(options: WebSocketAdapterOptions) {
    this.#newId = options.newId ?? randomId;
    this.#identity = new ClientIdentity(options.secret);
    this.#protocol = new ClientProtocol({
      identity: this.#identity,
      clients: this.#clients,
      newId: this.#newId,
      background: options.background,
      ownSession: options.ownSession,
      host: () => this.#host,
      wrote: (at) => this.#health?.changed(at),
      ready: (chat) => {
        for (const listener of this.#ready) listener(chat);
      },
    });
  }

  async start(host: AdapterHost): Promise<void> {
    this.#host = host;
    this.#health = new HealthReport(
      (health) => host.health(health),
      () => this.#clients.count,
    );
    this.#health.connected();
  }

  async stop(): Promise<void> {
    const health = this.#health;
    this.#host = undefined;
    this.#health = undefined;
    for (const { socket } of [...this.#clients.all()]) socket.close(1001, 'the gateway stops');
    health?.stopped();
  }

  format(markdown: string): readonly Part[] {
    return [{ text: markdown, plain: markdown }];
  }

  accept(socket: ChatSocket): void {
    if (this.#host === undefined) {
      socket.close(1013, 'chat over WebSocket is not started; connect again in 5 s');
      return;
    }
    const clientId = this.#newId();
    const name = clientName(clientId);
    const connection: Connection = {
      socket,
      clientId,
      name,
      named: false,
      used: false,
      starting: 0,
      news: [],
    };
    this.#clients.add(connection);
    socket.onFrame((frame) => this.#protocol.receive(connection, frame));
    socket.onClose(() => {
      this.#clients.remove(connection);
      this.#health?.changed();
    });
    socket.send(connectedFrame(clientId, this.#identity.keyOf(clientId)));
    this.#health?.changed();
  }

  async send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    const connections = this.#clients.of(request.chat.chatId);
    const newest = connections.at(-1);
    if (newest === undefined || signal.aborted) throw unreachable('the client is not connected');
    const text = JSON.stringify(outboundFrame(request));
    for (const connection of connections) if (connection !== newest) connection.socket.sendText(text);
    const proof = newest.socket.sendProven(text);
    if (proof === undefined) throw unreachable('the client does not read and was cut off');
    await provenBy(proof, signal);
    return { messageId: request.idempotencyKey };
  }

  async delete(chat: ChatRef, messageId: string): Promise<void> {
    this.#sendTo(chat.chatId, { type: 'delete', data: { id: messageId } });
  }

  async typing(chat: ChatRef, on: boolean): Promise<void> {
    this.#sendTo(chat.chatId, { type: 'typing', data: { on } });
  }

  turnEvent(chat: ChatRef, promptId: string | undefined, event: TurnEvent): void {
    this.#sendTo(chat.chatId, {
      type: 'event',
      ...withId(promptId),
      data: event,
    });
  }

  taskChanged(chat: ChatRef, task: TaskView): void {
    const frame = { type: 'task', data: task };
    for (const { socket, starting, news } of this.#clients.of(chat.chatId)) {
      if (starting > 0) news.push(frame);
      else socket.send(frame);
    }
  }

  broadcast(event: string, data: unknown): void {
    const text = JSON.stringify({ type: event, data });
    for (const { socket } of this.#clients.all()) socket.sendText(text);
  }

  tellPrivileged(frame: object): void {
    const text = JSON.stringify(frame);
    for (const { socket } of this.#clients.all()) if (socket.privileged) socket.sendText(text);
  }

  onClientReady(listener: (chat: ChatRef) => void): () => void {
    this.#ready.add(listener);
    return () => {
      this.#ready.delete(listener);
    };
  }

  /** To all connections of a client, if there are any. */
  #sendTo(clientId: string, frame: object): void {
    const connections = this.#clients.of(clientId);
    if (connections.length === 0) return;
    const text = JSON.stringify(frame);
    for (const { socket } of connections) socket.sendText(text);
  }
}

function unreachable(message: string): DeliveryError {
  return new DeliveryError('unreachable', message, { hint: 'It gets the message when it is back.' });
}
