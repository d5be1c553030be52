/**
 * What Discord does not send and the adapter asks for: messages written while it was away, the message that a message
 * answers, and what stands above it in a thread.
 */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { ReferredMessage } from '../../gateway/model.ts';
import { RecentEntries } from '../kit/state-file.ts';
import { backoffMs, pause } from '../kit/supervisor.ts';
import type { OwnName } from './contents.ts';
import { type DiscordMessage, type DiscordQuoted, Quoted } from './contents.ts';
import { type Place, referredOf } from './receive.ts';
import { DiscordFailure, type DiscordRest } from './rest.ts';

const Stored = Type.Array(
  Type.Object({
    channelId: Type.String(),
    messageId: Type.String(),
    guildId: Type.Optional(Type.String()),
  }),
);

interface SeenMark {
  readonly channelId: string;
  /** The last message of the channel that is durable. */
  readonly messageId: string;
  readonly guildId?: string;
}

/**
 * Remembers, for the channels that were active last, up to which message everything is durable. Discord keeps no
 * messages for a client that is away: what came in the meantime is read from the channels' history after these marks.
 */
export class SeenMarks {
  readonly #marks: RecentEntries<SeenMark>;

  constructor(folder: string, log: Logger) {
    // Losing a mark costs reading some history twice; the inbox knows what it has.
    this.#marks = new RecentEntries({
      folder,
      name: 'discord-seen.json',
      capacity: 200,
      what: 'the marks of seen messages',
      log,
      stored: (marks) => [...marks.values()],
    });
  }

  async load(): Promise<void> {
    const stored = await this.#marks.read();
    if (Value.Check(Stored, stored)) for (const mark of stored) this.#marks.restore(mark.channelId, mark);
  }

  /** Moves the mark of a channel forward; never back. */
  advance(mark: SeenMark): void {
    const before = this.#marks.get(mark.channelId);
    if (before === undefined || isLater(mark.messageId, before.messageId))
      this.#marks.set(mark.channelId, mark);
  }

  /** The marks, the most recently active channel first. */
  all(): SeenMark[] {
    return this.#marks.values().reverse();
  }

  /** Writes what is not written yet. */
  close(): Promise<void> {
    return this.#marks.close();
  }
}

/** Snowflakes are larger than a safe integer. */
function isLater(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}

const History = Type.Array(Type.Object({ id: Type.String() }));

const PAGE = 100;
const MAX_PAGES = 5;
/** The channels that were active last; more would cost too many requests at a start. */
const MAX_CHANNELS = 50;
/** Older messages are not worth an answer anymore; Telegram forgets them after the same time. */
const MAX_AGE_MS = 24 * 60 * 60_000;
/** First millisecond of 2015, where the time in a snowflake counts from. */
const DISCORD_EPOCH = 1_420_070_400_000n;

interface CatchUpOptions {
  readonly rest: DiscordRest;
  readonly log: Logger;
  readonly now: () => number;
  /** Takes a message as if it had just arrived. */
  readonly take: (raw: unknown) => void;
}

/** Reads what was written while no one listened, after a login that could not resume the last session. */
export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #busy = new Map<string, Promise<void>>();

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** Resolves when the channel has caught up: a live message has to wait for the ones before it. */
  gate(channelId: string): Promise<void> | undefined {
    return this.#busy.get(channelId);
  }

  /** Begins to catch up with every marked channel, the latest first, one after another. */
  start(marks: readonly SeenMark[], signal: AbortSignal): void {
    let before = Promise.resolve();
    for (const mark of marks.slice(0, MAX_CHANNELS)) {
      const work = before.then(() => this.#channel(mark, signal));
      this.#busy.set(mark.channelId, work);
      before = work.finally(() => {
        if (this.#busy.get(mark.channelId) === work) this.#busy.delete(mark.channelId);
      });
    }
  }

  /** Never rejects: a channel that cannot be read does not hold up the others. */
  async #channel(mark: SeenMark, signal: AbortSignal): Promise<void> {
    const { take, log, now } = this.#options;
    const earliest = String((BigInt(Math.floor(now() - MAX_AGE_MS)) - DISCORD_EPOCH) << 22n);
    let after = isLater(mark.messageId, earliest) ? mark.messageId : earliest;
    try {
      for (let page = 0; page < MAX_PAGES && !signal.aborted; page += 1) {
        const messages = await this.#page(mark.channelId, after, signal);
        for (const message of messages) {
          // History leaves out where it is from.
          take(mark.guildId === undefined ? message : { ...message, guild_id: mark.guildId });
          after = message.id;
        }
        if (messages.length < PAGE) return;
      }
    } catch (error) {
      if (!signal.aborted)
        log.warn(`messages written in the meantime could not be read: ${messageOf(error)}`, {
          channelId: mark.channelId,
        });
    }
  }

  /** Oldest first. Waits when Discord asks to. */
  async #page(
    channelId: string,
    after: string,
    signal: AbortSignal,
  ): Promise<readonly { readonly id: string }[]> {
    const query = new URLSearchParams({ after, limit: String(PAGE) });
    for (let attempt = 1; ; attempt += 1) {
      try {
        const history = await this.#options.rest.call('GET', `/channels/${channelId}/messages`, {
          query,
          signal,
        });
        if (!Value.Check(History, history)) return [];
        return history.toSorted((a, b) => (isLater(a.id, b.id) ? 1 : -1));
      } catch (error) {
        const mendable =
          error instanceof DiscordFailure && error.kind !== 'refused' && error.kind !== 'aborted';
        if (!mendable || attempt >= 6) throw error;
        await pause(error.retryAfterMs ?? backoffMs(attempt, 500, 8000, Math.random), signal);
      }
    }
  }
}

const REPLY = 19;
/** The first message of a thread shows the one in the channel that it was begun from. */
const THREAD_STARTER = 21;
const MAX_ABOVE = 30;
/** A message never waits longer for what stands around it. */
const PATIENCE_MS = 5000;

const Messages = Type.Array(Type.Unknown());

/** The message that was answered; null: it was deleted; undefined: there is none, or it cannot be had. Never rejects. */
export async function quotedBy(
  message: DiscordMessage,
  rest: DiscordRest,
  signal: AbortSignal,
): Promise<DiscordQuoted | null | undefined> {
  if (message.type !== REPLY || message.referenced_message !== undefined) return message.referenced_message;
  const { channel_id: channelId = message.channel_id, message_id: id } = message.message_reference ?? {};
  if (id === undefined) return undefined;
  try {
    const quoted = await rest.call('GET', `/channels/${channelId}/messages/${id}`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    });
    return Value.Check(Quoted, quoted) ? quoted : undefined;
  } catch (error) {
    return error instanceof DiscordFailure && error.kind === 'refused' ? null : undefined;
  }
}

/**
 * What was said in the thread since the bot last spoke there, oldest first: all that it has not had yet. Never rejects.
 */
export async function aboveIn(
  place: Place,
  messageId: string,
  own: OwnName,
  rest: DiscordRest,
  signal: AbortSignal,
): Promise<readonly ReferredMessage[]> {
  const { threadId } = place.chat;
  if (threadId === undefined) return [];
  const query = new URLSearchParams({ before: messageId, limit: String(MAX_ABOVE) });
  try {
    const page = await rest.call('GET', `/channels/${threadId}/messages`, {
      query,
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    });
    const earlier = (Value.Check(Messages, page) ? page : [])
      .filter((each): each is DiscordQuoted => Value.Check(Quoted, each))
      .filter((each) => isLater(messageId, each.id))
      .toSorted((a, b) => (isLater(a.id, b.id) ? 1 : -1));
    const spoke = earlier.findLastIndex((each) => each.author.id === own.id);
    return earlier
      .slice(spoke + 1)
      .map((each) => (each.type === THREAD_STARTER ? (each.referenced_message ?? each) : each))
      .map((each) => referredOf(each, threadId, own));
  } catch {
    // Best effort: the message itself is what counts.
    return [];
  }
}
