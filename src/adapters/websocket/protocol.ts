import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import { GatewayError } from '../../base/errors.ts';
import type { AdapterHost, ChatSocket, Frame } from '../../gateway/adapter.ts';
import type { ChatRef, Sender, TaskView } from '../../gateway/model.ts';
import {
  type BackgroundFrame,
  BadFrame,
  connectedFrame,
  parseBackground,
  parseHello,
  parsePrompt,
  withId,
} from './frames.ts';

/** One connection and the identity it speaks for. */
export interface Connection {
  readonly socket: ChatSocket;
  clientId: string;
  name: string;
  /** Its hello gave the name. */
  named: boolean;
  /** The language code that its hello gave. */
  language?: string;
  /** Something was taken from it: its identity is settled. */
  used: boolean;
  /** Starts of tasks that were not confirmed yet; until then news of tasks waits in `news`. */
  starting: number;
  readonly news: object[];
}

/** The confirmation of a start comes before the first news of the task. */
async function confirmFirst(connection: Connection, start: () => Promise<object>): Promise<void> {
  connection.starting += 1;
  try {
    connection.socket.send(await start());
  } finally {
    connection.starting -= 1;
    if (connection.starting === 0)
      for (const frame of connection.news.splice(0)) connection.socket.send(frame);
  }
}

/** Connections of one person at once; one more closes the oldest. */
export const CONNECTIONS_PER_CLIENT = 16;

/** Which connections speak for which client. The newest comes last; its pong is the proof of delivery. */
export class Clients {
  readonly #byId = new Map<string, Connection[]>();
  #count = 0;

  /** Connections of all clients. */
  get count(): number {
    return this.#count;
  }

  /** Oldest first; empty for a client that is not connected. */
  of(clientId: string): readonly Connection[] {
    return this.#byId.get(clientId) ?? [];
  }

  *all(): Iterable<Connection> {
    for (const connections of this.#byId.values()) yield* connections;
  }

  /** Returns the connection that has to go because this client has too many, if any. */
  add(connection: Connection): Connection | undefined {
    const connections = this.#byId.get(connection.clientId) ?? [];
    connections.push(connection);
    this.#byId.set(connection.clientId, connections);
    this.#count += 1;
    return connections.length > CONNECTIONS_PER_CLIENT ? connections[0] : undefined;
  }

  remove(connection: Connection): void {
    const connections = this.#byId.get(connection.clientId);
    const index = connections?.indexOf(connection) ?? -1;
    if (connections === undefined || index < 0) return;
    connections.splice(index, 1);
    this.#count -= 1;
    if (connections.length === 0) this.#byId.delete(connection.clientId);
  }
}

/**
 * Who a client is across connections. The key proves an id and follows from it, so nothing has to be stored; anyone who
 * replaces the secret makes new users of all clients.
 */
export class ClientIdentity {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  keyOf(clientId: string): string {
    return createHmac('sha256', this.#secret).update(clientId).digest('base64url');
  }

  /** Constant time: an attacker learns nothing from how long a invalid key takes. */
  proves(clientId: string, clientKey: string): boolean {
    const right = Buffer.from(this.keyOf(clientId));
    const given = Buffer.from(clientKey);
    return given.length === right.length && timingSafeEqual(given, right);
  }
}

/** Nearly 128 random bits, short enough to read aloud in parts; never looks like a flag of a command line. */
export function randomId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

/** Of a client that gave no name. */
export function clientName(clientId: string): string {
  return `client ${clientId.slice(0, 6)}`;
}

/**
 * Starts a background task for a client; the answer is the task. Decides itself whether this sender may: throws a
 * GatewayError whose code and sentence the client gets.
 */
export type StartBackground = (
  chat: ChatRef,
  sender: Sender,
  request: BackgroundFrame,
) => TaskView | Promise<TaskView>;

/** Throws a GatewayError when a prompt cannot go to the session that it names. */
export type OwnSession = (chat: ChatRef, sender: Sender, sessionId: string) => void;

interface ClientProtocolDeps {
  readonly identity: ClientIdentity;
  readonly clients: Clients;
  readonly newId: () => string;
  readonly background: StartBackground | undefined;
  readonly ownSession: OwnSession | undefined;
  /** Undefined while the adapter is stopped. */
  host(): AdapterHost | undefined;
  /** A client wrote something. */
  wrote(at: number): void;
  /** A known client is back. */
  ready(chat: ChatRef): void;
}

/** What the frames of a client mean. */
export class ClientProtocol {
  readonly #deps: ClientProtocolDeps;
  /** Tasks that are being stored, by client and id: the same one sent twice is one. */
  readonly #starting = new Map<string, Promise<TaskView>>();

  constructor(deps: ClientProtocolDeps) {
    this.#deps = deps;
  }

  /**
   * Takes one frame; the promise is the work that it causes. Throws and rejects with GatewayErrors that are meant for
   * the client: the socket's owner makes error frames of them.
   */
  receive(connection: Connection, frame: Frame): void | Promise<void> {
    switch (frame['type']) {
      case 'prompt':
        return this.#prompt(connection, frame);
      case 'hello':
        this.#hello(connection, frame);
        return undefined;
      case 'background':
        return this.#background(connection, frame);
      default:
        throw new BadFrame(
          `unknown frame type "${nameOf(frame['type'])}"; known: hello, prompt, background, ping`,
        );
    }
  }

  #hello(connection: Connection, frame: Frame): void {
    const { clientId, clientKey, name, language } = parseHello(frame);
    if (!this.#deps.identity.proves(clientId, clientKey)) {
      this.#deps.host()?.log.warn('a client showed a key that does not belong to its id', {
        peer: connection.socket.remoteAddress,
      });
      throw new GatewayError(
        'bad_client_key',
        'the client key does not belong to this client id; this connection stays what it was',
        { hint: 'Send the key that came with this id in the greeting, or continue as the new client.' },
      );
    }
    // Answers to what was already sent would go to a person that is no longer there.
    if (connection.used && clientId !== connection.clientId)
      throw new GatewayError('late_hello', 'hello has to be the first frame of a connection', {
        hint: 'Connect again and send hello before anything else.',
      });
    if (name !== undefined && name.trim() !== '') {
      connection.name = name;
      connection.named = true;
    } else if (clientId !== connection.clientId) connection.name = clientName(clientId);
    if (language !== undefined) connection.language = language;
    this.#deps.clients.remove(connection);
    connection.clientId = clientId;
    const surplus = this.#deps.clients.add(connection);
    surplus?.socket.close(1008, 'this client has too many connections');
    connection.socket.send(connectedFrame(clientId, clientKey));
    this.#deps.ready(chatOf(clientId));
  }

  #prompt(connection: Connection, frame: Frame): Promise<void> {
    const prompt = parsePrompt(frame);
    const host = this.#runningHost();
    const { clientId } = connection;
    const sender: Sender = {
      id: clientId,
      name: connection.name,
      ...(connection.named ? {} : { unnamed: true }),
    };
    if (prompt.sessionId !== undefined) this.#deps.ownSession?.(chatOf(clientId), sender, prompt.sessionId);
    const id = prompt.id ?? this.#deps.newId();
    connection.used = true;
    this.#deps.wrote(host.clock());
    return host.accept({
      // The same prompt sent again, after a reconnect for example, is the same message.
      dedupeKey: `${clientId}:${id}`,
      chat: chatOf(clientId),
      chatKind: 'dm',
      sender,
      text: prompt.message,
      messageId: id,
      promptId: id,
      mentioned: true,
      ...defined({ language: connection.language }),
    });
  }

  async #background(connection: Connection, frame: Frame): Promise<void> {
    const request = parseBackground(frame);
    this.#runningHost();
    const { background } = this.#deps;
    if (background === undefined)
      throw new GatewayError('unsupported', 'this gateway starts no background tasks');
    connection.used = true;
    const { clientId, name } = connection;
    const start = async (): Promise<TaskView> =>
      await background(chatOf(clientId), { id: clientId, name }, request);
    await confirmFirst(connection, async () => ({
      type: 'background_started',
      ...withId(request.id),
      data: await (request.id === undefined ? start() : this.#once(clientId, request, start)),
    }));
  }

  async #once(clientId: string, request: BackgroundFrame, start: () => Promise<TaskView>): Promise<TaskView> {
    const key = JSON.stringify([clientId, request.id, request.command]);
    const known = this.#starting.get(key);
    if (known !== undefined) return await known;
    const starting = start();
    this.#starting.set(key, starting);
    try {
      return await starting;
    } finally {
      this.#starting.delete(key);
    }
  }

  #runningHost(): AdapterHost {
    const host = this.#deps.host();
    if (host === undefined) throw new GatewayError('stopping', 'the gateway is stopping');
    return host;
  }
}

/** A hostile type may be anything, also something that no text can be made of. */
function nameOf(type: unknown): string {
  if (typeof type === 'string') return type.slice(0, 40);
  return type === undefined ? 'undefined' : typeof type;
}

function chatOf(clientId: string): ChatRef {
  return { platform: 'websocket', accountId: 'default', chatId: clientId };
}
