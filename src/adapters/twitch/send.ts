import { randomUUID } from 'node:crypto';
import { KeyedQueue, unlessAborted } from '../../base/async.ts';
import { DeliveryError, messageOf } from '../../base/errors.ts';
import type { SendReceipt, SendRequest } from '../../gateway/adapter.ts';
import { checkGate } from '../../gateway/send/send-queue.ts';
import { LruMap } from '../kit/state-file.ts';
import { pause } from '../kit/supervisor.ts';
import { channelName, type TwitchTiming } from './api.ts';
import { deliveryErrorOf, type IrcLine } from './receive.ts';

/**
 * Never more than so many messages in any window of time. Twitch punishes an excess with half an hour of silence, so
 * the count is exact, whatever the moment at which Twitch begins its own window.
 */
export class RateWindow {
  readonly #windowMs: number;
  readonly #now: () => number;
  #times: number[] = [];

  constructor(windowMs: number, now: () => number = () => performance.now()) {
    this.#windowMs = windowMs;
    this.#now = now;
  }

  /** Waits until fewer than `limit` messages are in the window and counts one more. Returns early on abort, uncounted. */
  async take(limit: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const now = this.#now();
      this.#times = this.#times.filter((at) => now - at < this.#windowMs);
      const oldest = this.#times.at(-limit);
      if (oldest === undefined) {
        this.#times.push(now);
        return;
      }
      await pause(Math.max(1, Math.ceil(oldest + this.#windowMs - now)), signal);
    }
  }

  /** Twitch says that the limit was reached, whatever we counted: nothing more in this window. */
  exhaust(limit: number): void {
    const now = this.#now();
    this.#times = Array.from({ length: limit }, () => now);
  }
}

/** What a message line of IRC cannot carry or would understand as something else. */
const CONTROLS = /[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g;
/** `/me`, `.ban`, `\ban`: Twitch would run it. A space in front is not enough, it may be trimmed. */
const COMMAND = /^\s*(?=[/\\.])/;
const ZERO_WIDTH_SPACE = '\u200b';
/** Looks like nothing and makes a text another one. */
const INVISIBLE = '\u{e0000}';

/**
 * The text as one harmless chat line: no line ends (they would begin further IRC commands), no control characters
 * (`\u0001` would make it an action), no chat command at its start. Empty when nothing is left.
 */
export function chatLine(text: string): string {
  return text.replace(CONTROLS, ' ').trim().replace(COMMAND, ZERO_WIDTH_SPACE);
}

/** An id that may stand in a tag; anything else would end the tag or the line. */
export function isTagValue(value: string): boolean {
  return /^[\w-]{1,64}$/.test(value);
}

/**
 * Twitch drops a message that repeats a former one within 30 s. A repetition gets an invisible ending, a different one
 * each time; only another try of the same message goes out as it was, so that Twitch can tell that it has it.
 */
export class Repetitions {
  readonly #windowMs: number;
  readonly #now: () => number;
  readonly #sent = new Map<string, { at: number; keys: string[] }>();

  constructor(windowMs: number, now: () => number = () => performance.now()) {
    this.#windowMs = windowMs;
    this.#now = now;
  }

  /** The text for the message with this key, different from other messages of the channel lately. */
  vary(channel: string, text: string, key: string): string {
    const now = this.#now();
    for (const [id, { at }] of this.#sent) if (now - at > this.#windowMs) this.#sent.delete(id);
    const id = `${channel} ${text}`;
    const entry = this.#sent.get(id) ?? { at: now, keys: [] };
    if (!entry.keys.includes(key)) entry.keys.push(key);
    entry.at = now;
    this.#sent.set(id, entry);
    const times = entry.keys.indexOf(key);
    return times === 0 ? text : `${text} ${INVISIBLE.repeat(((times - 1) % 6) + 1)}`;
  }
}

/** The connection as sending sees it. */
interface Wire {
  /** Hands a line to the socket; rejects when there is none. */
  raw(line: string): Promise<void>;
}

interface Pending {
  readonly nonce: string;
  readonly settle: (outcome: string | DeliveryError) => void;
  /** Settles as delivered unless a refusal follows at once. */
  readonly settleSoon: () => void;
}

interface Room {
  /** The server has sent the state of the room: we are in it and its messages can be confirmed. */
  joined: boolean;
  /** The server has sent the list of names that follows a join. */
  listed: boolean;
  moderator: boolean;
  /** The server confirms messages in this channel (it did when we joined). */
  confirms: boolean;
  /** The message that waits for its confirmation. */
  pending?: Pending;
}

/** https://dev.twitch.tv/docs/irc/send-receive-messages/ */
const MAX_CHARACTERS = 500;
/** A USERSTATE without a message id may precede the NOTICE of a refusal. */
const GRACE_MS = 300;

/**
 * Sends to channels: one message at a time in each, within Twitch's limits, and matches what Twitch says about it:
 * USERSTATE with the id of the message, or a NOTICE that refuses it.
 */
export class TwitchOutbound {
  readonly #timing: TwitchTiming;
  readonly #channels: ReadonlySet<string>;
  readonly #stopped: AbortSignal;
  readonly #sendings = new KeyedQueue();
  readonly #window: RateWindow;
  readonly #repetitions: Repetitions;
  readonly #rooms = new Map<string, Room>();
  /** Messages whose last try may have arrived. */
  readonly #uncertain = new LruMap<string, true>(1000);
  #wire: Wire | undefined;
  /** The server understands tags in front of a line. */
  #tags = false;

  constructor(channels: readonly string[], timing: TwitchTiming, stopped: AbortSignal) {
    this.#timing = timing;
    this.#channels = new Set(channels);
    this.#stopped = stopped;
    this.#window = new RateWindow(timing.rateWindowMs);
    this.#repetitions = new Repetitions(timing.rateWindowMs);
  }

  /** A new connection, in no channel yet. */
  attach(wire: Wire): void {
    this.#rooms.clear();
    this.#wire = wire;
  }

  /** The connection has ended: what waits for a confirmation may have arrived. */
  detach(): void {
    this.#wire = undefined;
    this.#tags = false;
    for (const room of this.#rooms.values())
      room.pending?.settle(
        new DeliveryError('unknown', 'the connection ended before Twitch confirmed the message'),
      );
    this.#rooms.clear();
  }

  joined(channel: string): boolean {
    return this.#rooms.get(channel)?.joined === true;
  }

  /** Learns from a line of the server. */
  line(line: IrcLine): void {
    if (line.command === 'CAP' && line.params[1] === 'ACK')
      this.#tags ||= line.params[2]?.includes('twitch.tv/tags') === true;
    const names = line.command === '366';
    const channel = channelName(line.params[names ? 1 : 0] ?? '');
    if (!this.#channels.has(channel)) return;
    if (names) this.#room(channel).listed = true;
    if (line.command === 'USERSTATE') this.#userState(channel, line);
    if (line.command === 'ROOMSTATE') this.#room(channel).joined = true;
    if (line.command === 'NOTICE') this.#notice(channel, line);
  }

  /** The time for Twitch's own words is over: the list of names counts as a join (servers that are not Twitch). */
  settleJoins(): void {
    for (const room of this.#rooms.values()) room.joined ||= room.listed;
  }

  send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    const channel = channelName(request.chat.chatId);
    const live = AbortSignal.any([signal, this.#stopped]);
    let onItsWay = false;
    const sending = this.#sendings.run(channel, async () => {
      const text = this.#sendable(channel, request.part.text, live);
      const { messages, moderatorMessages } = this.#timing;
      await this.#window.take(this.#room(channel).moderator ? moderatorMessages : messages, live);
      // The wait may have been long: everything is asked again.
      this.#sendable(channel, text, live);
      checkGate();
      onItsWay = true;
      return { messageId: await this.#say(channel, text, request, live) };
    });
    return unlessAborted(sending, live, () =>
      onItsWay
        ? new DeliveryError('unknown', 'cancelled before Twitch confirmed the message')
        : new DeliveryError('unreachable', 'cancelled before it was sent'),
    );
  }

  /** The line to send, or the reason why nothing can be sent there now. */
  #sendable(channel: string, text: string, live: AbortSignal): string {
    if (live.aborted) throw new DeliveryError('unreachable', 'cancelled before it was sent');
    const line = chatLine(text);
    if (line === '') throw new DeliveryError('rejected', 'nothing is left of the text for a chat line');
    if ([...line].length > MAX_CHARACTERS)
      throw new DeliveryError('rejected', `a chat line has at most ${MAX_CHARACTERS} characters`);
    if (!this.#channels.has(channel))
      throw new DeliveryError('rejected', `the bot is not meant to be in #${channel}`, {
        hint: 'Add the channel to platforms.twitch.channels.',
      });
    if (this.#wire === undefined) throw new DeliveryError('unreachable', 'there is no connection to Twitch');
    if (!this.joined(channel)) throw new DeliveryError('unreachable', `the bot has not joined #${channel}`);
    return line;
  }

  async #say(channel: string, text: string, request: SendRequest, live: AbortSignal): Promise<string> {
    const wire = this.#wire;
    if (wire === undefined) throw new DeliveryError('unreachable', 'there is no connection to Twitch');
    const { idempotencyKey: key, replyToMessageId: replyTo } = request;
    const nonce = randomUUID().replaceAll('-', '');
    const parent = replyTo !== undefined && isTagValue(replyTo) ? `;reply-parent-msg-id=${replyTo}` : '';
    const confirmed = this.#confirmation(channel, nonce, live);
    const tags = this.#tags ? `@client-nonce=${nonce}${parent} ` : '';
    const line = `${tags}PRIVMSG #${channel} :${this.#repetitions.vary(channel, text, key)}`;
    try {
      await wire.raw(line);
    } catch (error) {
      this.#rooms.get(channel)?.pending?.settle('');
      throw new DeliveryError('unreachable', messageOf(error));
    }
    const outcome = await confirmed;
    const uncertain = this.#uncertain.get(key) === true;
    if (outcome instanceof DeliveryError) {
      // The former try did arrive: Twitch has the very same text.
      if (uncertain && outcome.message.includes('msg_duplicate')) return `sent:${nonce}`;
      if (outcome.failure === 'unknown') this.#uncertain.set(key, true);
      throw outcome;
    }
    this.#uncertain.delete(key);
    return outcome || `sent:${nonce}`;
  }

  /** Resolves with the message's id (empty where the server names none) or with why it was not delivered. */
  #confirmation(channel: string, nonce: string, live: AbortSignal): Promise<string | DeliveryError> {
    const room = this.#room(channel);
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const settle = (outcome: string | DeliveryError): void => {
        clearTimeout(timer);
        live.removeEventListener('abort', aborted);
        delete room.pending;
        resolve(outcome);
      };
      const after = (ms: number, outcome: string | DeliveryError): void => {
        clearTimeout(timer);
        timer = setTimeout(() => settle(outcome), ms);
      };
      const aborted = (): void =>
        settle(new DeliveryError('unknown', 'cancelled before Twitch confirmed it'));
      // A server without USERSTATE says nothing about the messages it takes: best effort.
      if (!room.confirms) after(GRACE_MS, '');
      else
        after(
          this.#timing.confirmTimeoutMs,
          new DeliveryError('unknown', 'Twitch did not confirm the message'),
        );
      live.addEventListener('abort', aborted);
      room.pending = { nonce, settle, settleSoon: () => after(GRACE_MS, '') };
    });
  }

  #userState(channel: string, line: IrcLine): void {
    const room = this.#room(channel);
    const { tags } = line;
    room.confirms = true;
    room.moderator = tags['mod'] === '1' || /(?:^|,)(?:broadcaster|moderator)\//.test(tags['badges'] ?? '');
    const pending = room.pending;
    if (pending === undefined) return;
    const nonce = tags['client-nonce'];
    if (nonce && nonce !== pending.nonce) return;
    if (tags['id']) pending.settle(tags['id']);
    else pending.settleSoon();
  }

  #notice(channel: string, line: IrcLine): void {
    const error = deliveryErrorOf(line.tags['msg-id'] ?? '', line.params[1] ?? '', this.#timing.rateWindowMs);
    if (error === undefined) return;
    if (line.tags['msg-id'] === 'msg_ratelimit') this.#window.exhaust(this.#timing.messages);
    this.#room(channel).pending?.settle(error);
  }

  #room(channel: string): Room {
    const known = this.#rooms.get(channel);
    if (known !== undefined) return known;
    const room: Room = { joined: false, listed: false, moderator: false, confirms: false };
    this.#rooms.set(channel, room);
    return room;
  }
}
