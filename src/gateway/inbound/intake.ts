import { randomUUID } from 'node:crypto';
import type { Adapter } from '../adapter.ts';
import type { Clock } from '../clock.ts';
import type { BusyMode } from '../config/schema.ts';
import type { Conversations, Place } from '../conversation/conversations.ts';
import type { Beginning } from '../conversation/lane.ts';
import { resetNotice } from '../conversation/reset-notice.ts';
import type { Decide } from '../decisions.ts';
import type { ChatRef, InboundMessage } from '../model.ts';
import type { OutboundRow } from '../outbound/outbound-row.ts';
import type { Outbox } from '../outbound/outbox.ts';
import type { Database, Tx } from '../store/database.ts';
import { Bursts } from './bursts.ts';
import type { ChatCommands } from './commands/chat-commands.ts';
import type { Inbox, InboxItem } from './inbox.ts';
import { wordlessAnswer } from './wordless.ts';

export interface IntakeDeps {
  readonly db: Database;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly conversations: Conversations;
  readonly commands: ChatCommands;
  readonly adapter: (chat: ChatRef) => Adapter | undefined;
  /** Messages that may wait in one session. */
  readonly maxWaiting: number;
  readonly refused: (message: InboundMessage, code: string, reason: string) => void;
  /** May the sender still speak here? Asks without counting towards any limit. */
  readonly welcome: (message: InboundMessage) => boolean;
  readonly persist: <T>(body: (tx: Tx) => T) => Promise<T>;
  readonly decide: Decide;
  readonly clock: Clock;
}

/** What becomes of a message whose sender may speak: a command, an edit, or a durable item of its session's lane. */
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
    const place = conversations.place(message, now);
    if (!conversations.hasRoom(place.session.id)) return this.#full(message);
    await this.#accept(message, place, now, mode);
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
    place: Place,
    now: number,
    mode: BusyMode | undefined,
  ): Promise<void> {
    const { conversations, db, inbox, outbox, adapter } = this.#deps;
    const { session } = place;
    const lapsed = inbox.offered(session.id, message.sender.id);
    const textLimit = adapter(message.chat)?.capabilities.textLimit ?? Number.POSITIVE_INFINITY;
    const whole = mode !== undefined || this.#bursts.passes(message, session, textLimit);
    let begun: Beginning | undefined;
    const storing = db.write((tx) => {
      if (!inbox.markSeen(tx, message, now)) return undefined;
      begun = whole ? conversations.begin(session) : undefined;
      conversations.commitPlace(tx, place, now);
      for (const offer of lapsed) inbox.setState(tx, offer, 'done');
      const state = begun === undefined ? 'queued' : 'running';
      const item = inbox.add(tx, randomUUID(), message, state, session.id, now);
      const notice: OutboundRow | undefined =
        place.notice === undefined
          ? undefined
          : outbox.add(tx, {
              chat: message.chat,
              meta: { kind: 'notice', sessionId: session.id },
              parts: outbox.format(message.chat, resetNotice(place.notice)),
            });
      return { item, notice };
    });
    storing.catch(() => begun?.release());
    const accepted = await storing;
    if (accepted === undefined) return;
    conversations.rememberPlace(place, now);
    if (accepted.notice !== undefined) void outbox.release(accepted.notice);
    for (const offer of lapsed) this.#lapsed(offer);
    if (!this.#deps.welcome(message)) return this.#cutOff(accepted.item, begun);
    if (whole) return conversations.enqueue(accepted.item, session, mode, begun);
    return this.#bursts.add(accepted.item, session, textLimit);
  }

  /** Nothing for the agent: answered here, once, or not at all. */
  async #wordless(message: InboundMessage, answer: { readonly text: string } | 'silent'): Promise<void> {
    const { db, inbox, outbox, clock } = this.#deps;
    const row = await db.write((tx) => {
      if (!inbox.markSeen(tx, message, clock()) || answer === 'silent') return undefined;
      return outbox.add(tx, {
        chat: message.chat,
        meta: {
          kind: 'command',
          ...(message.promptId === undefined ? {} : { promptId: message.promptId }),
        },
        parts: outbox.format(message.chat, answer.text),
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
    if (item.message.promptId !== undefined)
      await this.#refuse(item.message, 'This gateway does not take messages from here.');
  }

  /** Beyond the cap the newest is refused, with a sentence. */
  async #full(message: InboundMessage): Promise<void> {
    const { refused, maxWaiting } = this.#deps;
    refused(message, 'queue_full', 'too many messages wait in this session');
    await this.#refuse(
      message,
      `There are already ${maxWaiting} messages waiting here. Wait for an answer, or /stop.`,
    );
  }

  async #refuse(message: InboundMessage, text: string): Promise<void> {
    const { outbox } = this.#deps;
    await outbox.post({
      chat: message.chat,
      meta: {
        kind: 'outcome',
        code: 'refused',
        ...(message.promptId === undefined ? {} : { promptId: message.promptId }),
      },
      parts: outbox.format(message.chat, text),
      replyTo: message.messageId,
    });
  }

  /** An edit changes a message that still waits; one that was taken already stays as it was. */
  async #edited(message: InboundMessage): Promise<void> {
    const { conversations, db, inbox, clock, refused } = this.#deps;
    const session = conversations.sessionOf(message);
    const lane = session === undefined ? undefined : conversations.lane(session.id);
    const waiting = lane?.replaceText(message.messageId, message.text);
    await db.write((tx) => {
      inbox.markSeen(tx, message, clock());
      if (waiting !== undefined) inbox.setMessage(tx, waiting);
    });
    if (waiting === undefined)
      refused(message, 'edit_too_late', 'an edit came after its message had its turn; it changes nothing');
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
      ...(sessionId === undefined ? {} : { sessionId }),
    });
  }
}
