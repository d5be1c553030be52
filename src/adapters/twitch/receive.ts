import type { Agent } from 'node:http';
import { Client } from 'tmi.js';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { WebSocket } from 'ws';
import { within } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { DeliveryError, type DeliveryFailure, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { InboundMessage, ReferredMessage } from '../../gateway/model.ts';
import { channelName } from './api.ts';

/** One line of the chat server. Tag values are the server's own text: ids stay what they are. */
export interface IrcLine {
  readonly tags: Readonly<Record<string, string>>;
  /** `nick!user@host`, a server name, or empty. */
  readonly prefix: string;
  readonly command: string;
  readonly params: readonly string[];
}

/** What tmi.js's parser makes of a line, before it turns tag values into booleans (a user id "1" into `true`). */
const ParsedLine = Type.Object({
  tags: Type.Record(Type.String(), Type.Unknown()),
  prefix: Type.Union([Type.String(), Type.Null()]),
  command: Type.String(),
  params: Type.Array(Type.String()),
});

export function readLine(parsed: unknown): IrcLine | undefined {
  if (!Value.Check(ParsedLine, parsed)) return undefined;
  const tags: Record<string, string> = Object.create(null);
  // An empty value arrives as `true`.
  for (const [key, value] of Object.entries(parsed.tags))
    tags[key] = typeof value === 'string' ? unescapeTag(value) : '';
  return { tags, prefix: parsed.prefix ?? '', command: parsed.command, params: parsed.params };
}

const ESCAPES: Readonly<Record<string, string>> = { ':': ';', s: ' ', r: '\r', n: '\n', '\\': '\\' };

/** https://ircv3.net/specs/extensions/message-tags#escaping-values */
function unescapeTag(value: string): string {
  return value.replace(/\\(.?)/g, (_, symbol: string) => ESCAPES[symbol] ?? symbol);
}

function nickOf(line: IrcLine): string {
  return (line.prefix.split('!')[0] ?? '').toLowerCase();
}

/** Who the bot is, as the server told at login. */
export interface TwitchIdentity {
  readonly login: string;
  readonly userId: string | undefined;
}

/** Lines of the chat that are messages, and what the agent gets of them. The docs are made of it. */
export const GIVEN = {
  message: 'the text; emotes and cheers are the words that they are typed as',
  '/me': 'the text, without the `/me`',
  reply: 'the text, with the author and the text of what it answers',
  announcement: 'the text',
  'resubscription message': 'the text',
} as const satisfies Readonly<Record<string, string>>;

/** A line `PRIVMSG`, or a `USERNOTICE` in which someone says something, as a message, or why it is none. Pure. */
export function readMessage(
  line: IrcLine,
  me: TwitchIdentity,
  receivedAt: number,
): { readonly message: InboundMessage } | { readonly ignored: string } {
  const { tags } = line;
  const channel = channelName(line.params[0] ?? '');
  const raw = line.params[1];
  if (channel === '' || raw === undefined) return { ignored: 'a message without a channel or a text' };
  const userId = tags['user-id'];
  // A login name changes hands; without the id no one can be recognized.
  if (!userId) return { ignored: 'a message without the id of its sender' };
  // A notice comes from the server and names its author in a tag.
  const login = line.command === 'USERNOTICE' ? tags['login'] : nickOf(line);
  const sentAt = Number(tags['tmi-sent-ts'] || Number.NaN);
  const id = tags['id'] || `${channel}:${userId}:${tags['tmi-sent-ts'] || receivedAt}`;
  const original = tags['source-id'];
  const parent = tags['reply-parent-msg-id'];
  const text = withoutAction(raw);
  const toBot = parent ? isMe(me, tags['reply-parent-user-id'], tags['reply-parent-user-login']) : false;
  const mentioned = toBot || mentions(text, me.login);
  const source = tags['source-room-id'];
  const elsewhere = Boolean(source) && source !== tags['room-id'];
  const isBot = /(?:^|,)bot-badge\//.test(tags['badges'] ?? '');
  return {
    message: {
      dedupeKey: `message:${id}`,
      // In a shared chat every channel gets its own copy of a message.
      ...(original && original !== id ? { alsoKnownAs: [`message:${original}`] } : {}),
      chat: { platform: 'twitch', accountId: 'default', chatId: channel },
      chatKind: 'group',
      chatName: `#${channel}`,
      sender: {
        id: userId,
        name: tags['display-name'] || login || userId,
        ...(isBot ? { isBot } : {}),
        ...(isMe(me, userId, login) ? { isSelf: true } : {}),
      },
      text: withoutAddress(text, me.login),
      messageId: id,
      ...(parent ? { replyTo: { messageId: parent, ...quoted(tags, toBot) } } : {}),
      ...(elsewhere ? { fromElsewhere: true } : {}),
      ...(mentioned ? { pairsHere: true } : {}),
      mentioned,
      ...(Number.isFinite(sentAt) ? { sentAt } : {}),
    },
  };
}

function isMe(me: TwitchIdentity, userId: string | undefined, login: string | undefined): boolean {
  return me.userId !== undefined && userId ? userId === me.userId : login?.toLowerCase() === me.login;
}

function quoted(tags: IrcLine['tags'], fromBot: boolean): ReferredMessage {
  const author = tags['reply-parent-display-name'] || tags['reply-parent-user-login'];
  const text = withoutAction(tags['reply-parent-msg-body'] ?? '');
  return {
    ...(author ? { author } : {}),
    ...(fromBot ? { fromBot } : {}),
    ...(text === '' ? {} : { text }),
  };
}

/** `/me waves` arrives as a CTCP action. */
function withoutAction(text: string): string {
  return /^\u0001ACTION ([^\u0001]*)\u0001?$/.exec(text)?.[1] ?? text;
}

function mentions(text: string, login: string): boolean {
  return new RegExp(`(?:^|[^\\w@])@${login}(?!\\w)`, 'i').test(text);
}

/** `@bot` at the start or the end only addresses the bot; Twitch itself puts it in front of a reply. */
function withoutAddress(text: string, login: string): string {
  return text
    .replace(new RegExp(`^(?:\\s*@${login}(?!\\w)[:,]?\\s*)+`, 'i'), '')
    .replace(new RegExp(`(?:(?:^|\\s+)@${login}\\s*)+$`, 'i'), '');
}

/** What a NOTICE means for the message that was sent before it. https://dev.twitch.tv/docs/irc/msg-id/ */
const FAILURES: Readonly<Record<string, DeliveryFailure>> = {
  msg_ratelimit: 'rate-limited',
  msg_slowmode: 'rate-limited',
  msg_duplicate: 'rate-limited',
  msg_timedout: 'rate-limited',
  msg_banned: 'gone',
  msg_banned_email_alias: 'gone',
  msg_banned_phone_number_alias: 'gone',
  msg_channel_blocked: 'gone',
  msg_channel_suspended: 'gone',
  msg_room_not_found: 'gone',
  msg_suspended: 'gone',
  tos_ban: 'gone',
  msg_bad_characters: 'rejected',
  msg_emoteonly: 'rejected',
  msg_facebook: 'rejected',
  msg_followersonly: 'rejected',
  msg_followersonly_followed: 'rejected',
  msg_followersonly_zero: 'rejected',
  msg_r9k: 'rejected',
  msg_rejected: 'rejected',
  msg_rejected_mandatory: 'rejected',
  msg_requires_verified_phone_number: 'rejected',
  msg_subsonly: 'rejected',
  msg_verified_email: 'rejected',
  no_permission: 'rejected',
  unrecognized_cmd: 'rejected',
};

const HINTS: Readonly<Record<string, string>> = {
  msg_emoteonly: 'The channel is in emote-only mode; a moderator can make the bot a moderator.',
  msg_followersonly: 'The channel is for followers only: let the bot follow it or make the bot a moderator.',
  msg_subsonly: 'The channel is for subscribers only: make the bot a moderator.',
  msg_verified_email: "Verify the email address of the bot's account.",
  msg_requires_verified_phone_number: "Verify the phone number of the bot's account.",
  msg_banned: 'The bot is banned from the channel.',
};

/** The error for a NOTICE, or undefined for one that is not about a message. `windowMs` is the rate window. */
export function deliveryErrorOf(msgId: string, text: string, windowMs: number): DeliveryError | undefined {
  const failure = FAILURES[msgId];
  if (failure === undefined) return undefined;
  const hint = HINTS[msgId];
  const message = `Twitch refused the message (${msgId}): ${text}`;
  if (failure !== 'rate-limited')
    return new DeliveryError(failure, message, hint === undefined ? {} : { hint });
  // "You will be able to talk again in 12 seconds." "You are timed out for 590 more seconds."
  const named = /(\d+)\s*(?:more )?seconds?/.exec(text)?.[1];
  return new DeliveryError(failure, message, {
    retryAfterMs: named === undefined ? windowMs : Number(named) * 1000 + 500,
  });
}

/** Sentences of a refused login; they come as a NOTICE without `msg-id` before the welcome. */
export function loginRefusal(text: string): 'token' | 'name' | undefined {
  if (/Login authentication failed|Login unsuccessful|Error logging in|Improperly formatted auth/i.test(text))
    return 'token';
  return /Invalid NICK/i.test(text) ? 'name' : undefined;
}

interface ChatClientOptions {
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
