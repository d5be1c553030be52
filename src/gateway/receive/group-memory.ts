import { defined } from '../../base/defined.ts';
import { ownText } from '../../base/text.ts';
import { type ChatRef, chatKey, type InboundMessage, type ReferredMessage } from '../model.ts';

const GROUP_MEMORY = {
  /** A thread that has been quiet for longer needs a mention again; messages older than this are not told. */
  dayMs: 24 * 60 * 60_000,
  /** Messages of one chat that are kept where the gateway listens, and of those given to the agent at once. */
  kept: 50,
  told: 30,
  /** Chats that are listened to, threads that are followed; those that were quiet longest go first. */
  chats: 1000,
  /** Text of one message that is kept. */
  chars: 2000,
  /** An edit that adds the mention later than this is too late. */
  editMs: 15 * 60_000,
  /** Pieces of an album arrive within this time of each other. */
  albumMs: 5000,
  /** Messages that were skipped and may be meant after an edit. */
  passedOver: 5000,
} as const;

interface Heard {
  readonly messageId: string;
  /** Whose call of the bot it was: their session knows it. */
  readonly calledBy: string | undefined;
  readonly at: number;
  readonly seq: number;
  message: ReferredMessage;
}

interface Listening {
  heard: Heard[];
  /** Messages up to here were told to the sessions of these people. */
  readonly told: Map<string, number>;
}

interface Album {
  readonly at: number;
  called: boolean;
  pieces: InboundMessage[];
}

export interface GroupMemoryOptions {
  /** `threads.follow` */
  readonly follow: boolean;
  /** `groups.listen` */
  readonly listen: boolean;
  /** Threads of sessions that were active before this start, and when; asked once. */
  readonly threads: (newest: number) => Iterable<{ readonly chat: ChatRef; readonly lastUserAt: number }>;
}

/**
 * What the gateway remembers of groups, in memory only: in which threads the bot was called, which messages were
 * skipped (an edit or another piece of their album may name the bot), and, where it listens, what was said lately.
 */
export class GroupMemory {
  readonly #options: GroupMemoryOptions;
  /** When someone last spoke with the bot in a thread; in the order of these times. */
  #seq = 0;
  #threads: Map<string, number> | undefined;
  readonly #passedOver = new Map<string, number>();
  readonly #albums = new Map<string, Album>();
  readonly #listening = new Map<string, Listening>();

  constructor(options: GroupMemoryOptions) {
    this.#options = options;
  }

  /** The message as it has to be judged: with what makes up for the mention that it lacks. */
  read(message: InboundMessage, now: number): InboundMessage {
    if (message.chatKind !== 'group') return message;
    if (message.edited) {
      const passedOver = this.#passedOver.get(messageKey(message));
      if (passedOver === undefined)
        return !message.mentioned && this.#follows(message, now) ? { ...message, followsUp: true } : message;
      if (!message.mentioned || now - passedOver > GROUP_MEMORY.editMs) return message;
      this.#passedOver.delete(messageKey(message));
      const { edited: _, ...rest } = message;
      return { ...rest, revised: true };
    }
    if (message.mentioned) return message;
    const album = this.#albums.get(albumKey(message));
    if (album?.called === true && now - album.at < GROUP_MEMORY.albumMs)
      return { ...message, mentioned: true };
    return this.#follows(message, now) ? { ...message, followsUp: true } : message;
  }

  /** No one asked for it: it is not answered. */
  passedOver(message: InboundMessage, now: number): void {
    if (message.chatKind !== 'group') return;
    const key = messageKey(message);
    if (!message.edited) this.#passedOver.set(key, now);
    trim(this.#passedOver, GROUP_MEMORY.passedOver);
    if (message.albumId !== undefined && !message.edited) {
      const album = this.#album(message, now);
      if (!album.called) album.pieces.push(message);
    }
    this.#hear(message, undefined, now);
  }

  /**
   * The bot was called by this message. Returns the pieces of its album that came before the call, in order, and the
   * message as the agent is to have it: with what was said in the chat before.
   */
  called(
    message: InboundMessage,
    now: number,
  ): { pieces: readonly InboundMessage[]; message: InboundMessage } {
    if (message.chatKind !== 'group' || message.edited) return { pieces: [], message };
    const { threadId } = message.chat;
    if (this.#options.follow && threadId !== undefined && message.topic !== true) {
      const threads = this.#known();
      const key = chatKey(message.chat);
      threads.delete(key);
      threads.set(key, now);
      trim(threads, GROUP_MEMORY.chats);
    }
    let pieces: readonly InboundMessage[] = [];
    if (message.albumId !== undefined) {
      const album = this.#album(message, now);
      album.called = true;
      pieces = album.pieces.map((piece) => ({ ...piece, mentioned: true }));
      album.pieces = [];
    }
    const said = new Set([message.messageId, ...pieces.map(({ messageId }) => messageId)]);
    const above = this.#above(message, said, now);
    this.#hear(message, message.sender.id, now);
    return {
      pieces,
      message: above.length === 0 || message.above !== undefined ? message : { ...message, above },
    };
  }

  #follows(message: InboundMessage, now: number): boolean {
    if (!this.#options.follow || message.chat.threadId === undefined || message.topic === true) return false;
    const last = this.#known().get(chatKey(message.chat));
    return last !== undefined && now - last < GROUP_MEMORY.dayMs;
  }

  #known(): Map<string, number> {
    if (this.#threads !== undefined) return this.#threads;
    const found: [string, number][] = [];
    for (const { chat, lastUserAt } of this.#options.threads(GROUP_MEMORY.chats))
      if (chat.threadId !== undefined) found.push([chatKey(chat), lastUserAt]);
    this.#threads = new Map(found.sort(([, a], [, b]) => a - b));
    trim(this.#threads, GROUP_MEMORY.chats);
    return this.#threads;
  }

  #album(message: InboundMessage, now: number): Album {
    const key = albumKey(message);
    for (const [old, { at }] of this.#albums) {
      if (now - at < GROUP_MEMORY.albumMs) break;
      this.#albums.delete(old);
    }
    let album = this.#albums.get(key);
    if (album === undefined) {
      album = { at: now, called: false, pieces: [] };
      this.#albums.set(key, album);
      trim(this.#albums, GROUP_MEMORY.chats);
    }
    return album;
  }

  #hear(message: InboundMessage, calledBy: string | undefined, now: number): void {
    if (!this.#options.listen) return;
    const key = chatKey(message.chat);
    const listening = this.#listening.get(key) ?? { heard: [], told: new Map<string, number>() };
    this.#listening.delete(key);
    this.#listening.set(key, listening);
    trim(this.#listening, GROUP_MEMORY.chats);
    const { sender, text, attachments, sentAt, messageId } = message;
    const kept: ReferredMessage = {
      messageId,
      author: sender.name,
      text: ownText(text.slice(0, GROUP_MEMORY.chars).toWellFormed()),
      ...defined({ attachments }),
      sentAt: sentAt ?? now,
    };
    const known = listening.heard.find((each) => each.messageId === messageId);
    if (known !== undefined) known.message = kept;
    else if (!message.edited) {
      this.#seq += 1;
      listening.heard.push({ messageId, calledBy, at: now, seq: this.#seq, message: kept });
    }
    listening.heard = fresh(listening.heard, now).slice(-GROUP_MEMORY.kept);
  }

  /** What was said since the sender's session was told last, without what it says itself. */
  #above(message: InboundMessage, said: ReadonlySet<string>, now: number): ReferredMessage[] {
    const listening = this.#listening.get(chatKey(message.chat));
    if (listening === undefined) return [];
    const { id } = message.sender;
    const told = listening.told.get(id) ?? 0;
    listening.told.set(id, this.#seq);
    trim(listening.told, GROUP_MEMORY.chats);
    return fresh(listening.heard, now)
      .filter((each) => each.seq > told && each.calledBy !== id && !said.has(each.messageId))
      .slice(-GROUP_MEMORY.told)
      .map((each) => each.message);
  }

  /** Its author deleted it: it is told to no one anymore. */
  forget(chat: ChatRef, messageId: string): void {
    const listening = this.#listening.get(chatKey(chat));
    if (listening !== undefined)
      listening.heard = listening.heard.filter((each) => each.messageId !== messageId);
  }

  /** What people with these ids or names said. */
  forgetPeople(ids: readonly string[], names: readonly string[]): void {
    for (const listening of this.#listening.values()) {
      listening.heard = listening.heard.filter(
        ({ calledBy, message }) => !ids.includes(calledBy ?? '') && !names.includes(message.author ?? ''),
      );
      for (const id of ids) listening.told.delete(id);
    }
  }

  /** Drops what is older than a day, also where no one speaks anymore. Called by the minute sweep. */
  sweep(now: number): void {
    for (const [key, listening] of this.#listening) {
      listening.heard = fresh(listening.heard, now);
      if (listening.heard.length === 0) this.#listening.delete(key);
    }
  }
}

const fresh = (heard: readonly Heard[], now: number): Heard[] =>
  heard.filter(({ at }) => now - at < GROUP_MEMORY.dayMs);

const messageKey = ({ chat, messageId }: InboundMessage): string =>
  JSON.stringify([chat.platform, chat.accountId, chat.chatId, messageId]);

const albumKey = ({ chat, sender, albumId }: InboundMessage): string =>
  JSON.stringify([chatKey(chat), sender.id, albumId]);

/** Drops the oldest entries beyond the cap. */
function trim(map: Map<string, unknown>, cap: number): void {
  for (const key of map.keys()) {
    if (map.size <= cap) return;
    map.delete(key);
  }
}
