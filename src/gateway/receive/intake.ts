import { randomUUID } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import type { Tx } from '../../store/database.ts';
import type { BusyMode } from '../config/schema.ts';
import type { TextBudget } from '../config/settings.ts';
import type { Core } from '../core.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import { type ChatRef, chatKey, type InboundMessage } from '../model.ts';
import type { OutboundRow } from '../send/outbound.ts';
import type { Outbox } from '../send/outbox.ts';
import { type Resolved, resetNotice } from '../sessions/resolve-session.ts';
import type { SessionRecord } from '../sessions/sessions.ts';
import type { Conversations } from '../turns/conversations.ts';
import type { Beginning, TurnQueue } from '../turns/turn-queue.ts';
import type { ChatCommands } from './commands/chat-commands.ts';
import type { Inbox, InboxItem } from './inbox.ts';
import { editedMessage, joinedText, overBudget, textBytes, textOf, wordlessAnswer } from './message-text.ts';

const BURST = {
  /** Pieces of one pasted text or of one album that arrive within this time are one message. */
  gapMs: 600,
  /** Anyone who goes on pasting is not waited for forever. */
  longestMs: 5000,
  pieces: 30,
} as const;

/** A text this close to the platform's limit was probably cut by it, and more follows. */
const NEARLY_FULL = 0.9;

interface Burst {
  readonly session: SessionRecord;
  readonly items: InboxItem[];
  readonly textLimit: number;
  /** No piece is waited for beyond this. */
  readonly longest: NodeJS.Timeout;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Joins what the platform took apart. Only a message that looks like a piece waits: everything else passes at once.
 * The pieces are durable already; they become one with the first mark that the queue stores.
 */
class Bursts {
  readonly #bursts = new Map<string, Burst>();
  readonly #handOver: (item: InboxItem, session: SessionRecord) => void;

  constructor(handOver: (item: InboxItem, session: SessionRecord) => void) {
    this.#handOver = handOver;
  }

  /** Does this message pass at once? `textLimit` is the platform's own limit of one message. */
  passes({ text, albumId, sender }: InboundMessage, session: SessionRecord, textLimit: number): boolean {
    return !this.#bursts.has(keyOf(session.id, sender.id)) && !isPiece({ text, albumId }, textLimit);
  }

  add(item: InboxItem, session: SessionRecord, textLimit: number): void {
    const key = keyOf(session.id, item.message.sender.id);
    let burst = this.#bursts.get(key);
    if (burst === undefined) {
      if (!isPiece(item.message, textLimit)) {
        this.#handOver(item, session);
        return;
      }
      burst = {
        session,
        items: [],
        textLimit,
        longest: setTimeout(() => this.#close(key), BURST.longestMs),
        timer: undefined,
      };
      this.#bursts.set(key, burst);
    }
    burst.items.push(item);
    clearTimeout(burst.timer);
    if (burst.items.length >= BURST.pieces) this.#close(key);
    else burst.timer = setTimeout(() => this.#close(key), BURST.gapMs);
  }

  /** Hands over what a sender has begun: something follows that must not overtake it. */
  flush(sessionId: string, senderId: string): void {
    this.#close(keyOf(sessionId, senderId));
  }

  /** Hands over the burst that a message is a piece of. */
  flushWith(messageId: string): void {
    for (const [key, { items }] of [...this.#bursts])
      if (items.some((item) => item.message.messageId === messageId)) this.#close(key);
  }

  /** Hands over everything now. */
  flushAll(): void {
    for (const key of [...this.#bursts.keys()]) this.#close(key);
  }

  #close(key: string): void {
    const burst = this.#bursts.get(key);
    if (burst === undefined) return;
    this.#bursts.delete(key);
    clearTimeout(burst.timer);
    clearTimeout(burst.longest);
    const joined = joinPieces(burst.items, burst.textLimit);
    if (joined !== undefined) this.#handOver(joined, burst.session);
  }
}

const keyOf = (sessionId: string, senderId: string): string => JSON.stringify([sessionId, senderId]);

function isPiece({ albumId, text }: Pick<InboundMessage, 'albumId' | 'text'>, textLimit: number): boolean {
  return albumId !== undefined || text.length >= textLimit * NEARLY_FULL;
}

/** One message out of its pieces: texts as they were cut, attachments in order, the first one's identity. */
function joinPieces(items: readonly InboxItem[], textLimit: number): InboxItem | undefined {
  const [first, ...rest] = items;
  if (first === undefined || rest.length === 0) return first;
  // A piece that is full to the last character was cut wherever that was; a shorter one at the end of a line.
  const joinedFrom = items.map(({ message: { messageId, text, albumId, attachments: files } }) => ({
    messageId,
    text,
    files: files?.length ?? 0,
    ...(albumId === undefined && text.length >= textLimit ? { cut: true } : {}),
  }));
  const attachments = items.flatMap((item) => item.message.attachments ?? []);
  return {
    ...first,
    pieces: rest.map((item) => item.id),
    message: {
      ...first.message,
      text: joinedText(joinedFrom),
      joinedFrom,
      mentioned: items.some((item) => item.message.mentioned),
      ...(attachments.length === 0 ? {} : { attachments }),
    },
  };
}

interface IntakeDeps extends Core {
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly conversations: Conversations;
  readonly commands: ChatCommands;
  /** Messages that may wait in one session. */
  readonly maxWaiting: number;
  readonly budget: TextBudget;
  readonly refused: (message: InboundMessage, code: string, reason: string) => void;
  /** May the sender still speak here? Asks without counting towards any limit. */
  readonly welcome: (message: InboundMessage) => boolean;
}

/** What becomes of a message whose sender may speak: a command, an edit, or a durable item of its session's queue. */
export class Intake {
  readonly #deps: IntakeDeps;
  readonly #bursts: Bursts;

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
    this.#bursts = new Bursts((item, session) => deps.conversations.enqueue(item, session));
  }

  /** Resolves when the message is durable. */
  async take(received: InboundMessage): Promise<void> {
    const { conversations, commands, clock } = this.#deps;
    const command = received.edited ? undefined : commands.parse(received);
    // What follows must not overtake the pieces before it: a /stop drops them, an edit changes them.
    if (command !== undefined || received.edited) this.#flush(received);
    const handled = command === undefined ? undefined : await commands.handle(received, command);
    if (handled?.handled) return;
    const { message, mode } = handled ?? { message: received, mode: undefined };
    if (message.edited) return this.#edited(message);
    const wordless = wordlessAnswer(message);
    // A piece of an album may have nothing of its own.
    if (wordless !== undefined && message.albumId === undefined) return this.#wordless(message, wordless);
    const now = clock();
    const resolved = conversations.resolve(message, now);
    if (!conversations.hasRoom(resolved.session.id)) return this.#full(message);
    const { inbox, budget, refused } = this.#deps;
    const over = overBudget(inbox.inUse.of(message), textBytes(message), budget);
    if (over !== undefined) {
      refused(message, over.code, over.say.in('en'));
      return this.#refuse(message, over.say);
    }
    await this.#accept(message, resolved, now, mode);
  }

  /** Its author deleted a message: it is dropped while it waits. Resolves when that is durable. */
  async deleted(chat: ChatRef, messageId: string): Promise<void> {
    const { conversations, inbox, persist } = this.#deps;
    this.#bursts.flushWith(messageId);
    const found = conversations.deleted(chat, messageId);
    if (found !== undefined && 'changed' in found) await persist((tx) => inbox.setMessage(tx, found.changed));
    else if (found !== undefined) await found.stored;
    const aside = inbox.asideWithId(chat, messageId);
    if (aside?.state === 'held') await persist((tx) => inbox.forgetHeld(tx, aside.id));
    else if (aside !== undefined) await persist((tx) => inbox.setState(tx, aside, 'done'));
  }

  /** Hands over the pieces that are waiting for more. */
  flush(): void {
    this.#bursts.flushAll();
  }

  #flush(message: InboundMessage): void {
    const session = this.#deps.conversations.sessionOf(message);
    if (session !== undefined) this.#bursts.flush(session.id, message.sender.id);
  }

  async #accept(
    message: InboundMessage,
    resolved: Resolved,
    now: number,
    mode: BusyMode | undefined,
  ): Promise<void> {
    const { conversations, db, inbox, outbox, adapter, timings } = this.#deps;
    const { session } = resolved;
    const arrived = timings.now();
    const lapsed = inbox.offered(session.id, message.sender.id);
    const textLimit = adapter(message.chat.platform)?.capabilities.textLimit ?? Number.POSITIVE_INFINITY;
    const whole = mode !== undefined || this.#bursts.passes(message, session, textLimit);
    const id = randomUUID();
    let begun: Beginning | undefined;
    const storing = db.write((tx) => {
      if (!inbox.markSeen(tx, message, now)) return undefined;
      begun = whole ? conversations.begin(session) : undefined;
      conversations.commitResolved(tx, resolved, now);
      for (const offer of lapsed) inbox.setState(tx, offer, 'done');
      const state = begun === undefined ? 'queued' : 'running';
      const item = inbox.add(tx, id, message, state, session.id, now);
      const notice: OutboundRow | undefined =
        resolved.notice === undefined
          ? undefined
          : outbox.add(tx, {
              chat: message.chat,
              meta: { kind: 'notice', sessionId: session.id },
              parts: outbox.format(message.chat, resetNotice(resolved.notice), message.sender),
            });
      return { item, notice };
    });
    storing.catch(() => {
      begun?.release();
      inbox.inUse.release(id);
    });
    const accepted = await storing;
    if (accepted === undefined) return;
    conversations.rememberResolved(resolved, now);
    if (accepted.notice !== undefined) void outbox.release(accepted.notice);
    for (const offer of lapsed) this.#lapsed(offer);
    if (!this.#deps.welcome(message)) return this.#cutOff(accepted.item, begun);
    timings.accepted(accepted.item, arrived);
    if (whole) return conversations.enqueue(accepted.item, session, mode, begun);
    return this.#bursts.add(accepted.item, session, textLimit);
  }

  /** Nothing for the agent: answered here, once, or not at all. */
  async #wordless(message: InboundMessage, answer: { readonly text: ChatText } | 'silent'): Promise<void> {
    const { db, inbox, outbox, clock } = this.#deps;
    const row = await db.write((tx) => {
      if (!inbox.markSeen(tx, message, clock()) || answer === 'silent') return undefined;
      return outbox.add(tx, {
        chat: message.chat,
        meta: {
          kind: 'command',
          ...defined({ promptId: message.promptId }),
        },
        parts: outbox.format(message.chat, answer.text, message.sender),
        replyTo: message.messageId,
      });
    });
    if (row !== undefined) void outbox.release(row);
  }

  /** The sender lost access while the message was being stored: it came too late to be dropped with the others. */
  async #cutOff(item: InboxItem, begun: Beginning | undefined): Promise<void> {
    begun?.release();
    const { persist, inbox, refused } = this.#deps;
    refused(item.message, 'revoked', 'the sender lost access while the message was being stored');
    await persist((tx) => inbox.setState(tx, item, 'done'));
    if (item.message.promptId !== undefined) await this.#refuse(item.message, say('access.notHere'));
  }

  /** Beyond the cap the newest is refused, with a sentence. */
  async #full(message: InboundMessage): Promise<void> {
    const { refused, maxWaiting } = this.#deps;
    refused(message, 'queue_full', 'too many messages are queued in this session');
    await this.#refuse(message, say('receive.full', { n: maxWaiting }), 'queue_full');
  }

  async #refuse(message: InboundMessage, text: ChatText, code = 'refused'): Promise<void> {
    const { outbox } = this.#deps;
    await outbox.post({
      chat: message.chat,
      meta: {
        kind: 'outcome',
        code,
        ...defined({ promptId: message.promptId }),
      },
      parts: outbox.format(message.chat, text, message.sender),
      replyTo: message.messageId,
    });
  }

  /** An edit changes a message that still waits; one that was taken already stays as it was. */
  async #edited(message: InboundMessage): Promise<void> {
    const { conversations, db, inbox, clock, refused } = this.#deps;
    const session = conversations.sessionOf(message);
    const queue = session === undefined ? undefined : conversations.queue(session.id);
    const grown = this.#grown(queue, message);
    if (grown !== undefined) return this.#tooLong(message, grown);
    const waiting = queue?.replaceText(message.messageId, message.text);
    const taken =
      session === undefined || waiting !== undefined
        ? undefined
        : inbox.withId(session.id, message.messageId);
    const offered =
      taken?.state === 'offered' ? editedMessage(taken.message, message.messageId, message.text) : undefined;
    // Platforms also call it an edit when a preview appears below a message.
    const late =
      taken !== undefined &&
      offered === undefined &&
      textOf(taken.message, message.messageId) !== message.text;
    const told = await db.write((tx) => {
      inbox.markSeen(tx, message, clock());
      if (waiting !== undefined) inbox.setMessage(tx, waiting);
      if (taken !== undefined && offered !== undefined) inbox.setMessage(tx, { ...taken, message: offered });
      return late ? this.#tooLate(tx, message) : undefined;
    });
    if (told !== undefined) void this.#deps.outbox.release(told);
    if (waiting === undefined && offered === undefined && (late || taken === undefined))
      refused(message, 'edit_too_late', 'an edit came after its message had its turn; it changes nothing');
  }

  /** Why a waiting message cannot take the text of an edit; undefined: it can, or it does not wait. */
  #grown(queue: TurnQueue | undefined, { messageId, text }: InboundMessage): ReturnType<typeof overBudget> {
    const { inbox, budget } = this.#deps;
    for (const { message } of queue?.waiting ?? []) {
      const before = textOf(message, messageId);
      if (before === undefined) continue;
      const bytes = Buffer.byteLength(text) - Buffer.byteLength(before);
      return bytes <= 0 ? undefined : overBudget(inbox.inUse.of(message), bytes, budget);
    }
    return undefined;
  }

  /** The message stays as it was. */
  async #tooLong(
    message: InboundMessage,
    over: { readonly code: string; readonly say: ChatText },
  ): Promise<void> {
    const { db, inbox, clock, outbox, refused } = this.#deps;
    const told = await db.write((tx) =>
      inbox.markSeen(tx, message, clock())
        ? outbox.add(tx, {
            chat: message.chat,
            meta: { kind: 'notice' },
            parts: outbox.format(
              message.chat,
              say('receive.editRejected', { why: over.say }),
              message.sender,
            ),
            replyTo: message.messageId,
          })
        : undefined,
    );
    refused(message, over.code, over.say.in('en'));
    if (told !== undefined) void outbox.release(told);
  }

  /** Once for each message, however often it is edited. */
  #tooLate(tx: Tx, { chat, messageId, sender }: InboundMessage): OutboundRow | undefined {
    const { outbox } = this.#deps;
    return outbox.addOnce(tx, `late-edit:${chatKey(chat)}:${messageId}`, {
      chat,
      meta: { kind: 'notice' },
      parts: outbox.format(chat, say('receive.editTooLate'), sender),
      replyTo: messageId,
    });
  }

  #lapsed({ id, message, sessionId }: InboxItem): void {
    this.#deps.decide({
      what: 'message',
      kind: 'dropped',
      code: 'offer_lapsed',
      reason: 'its sender wrote something else instead of asking for it again',
      platform: message.chat.platform,
      chatId: message.chat.chatId,
      id,
      ...defined({ sessionId }),
    });
  }
}
