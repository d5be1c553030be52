import { defined } from '../../base/defined.ts';
import { GatewayError } from '../../base/errors.ts';
import type { AdapterHost, Frame } from '../../gateway/adapter.ts';
import type { ChatRef, Sender, TaskView } from '../../gateway/model.ts';
import { type Clients, type Connection, confirmFirst } from './clients.ts';
import { type BackgroundFrame, BadFrame, parseBackground, parseHello, parsePrompt } from './frames-in.ts';
import { connectedFrame, withId } from './frames-out.ts';
import { type ClientIdentity, clientName } from './identity.ts';

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

export interface ClientProtocolDeps {
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
    await confirmFirst(connection, async () => ({
      type: 'background_started',
      ...withId(request.id),
      data: await background(chatOf(clientId), { id: clientId, name }, request),
    }));
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
