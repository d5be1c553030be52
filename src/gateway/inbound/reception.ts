import { randomUUID } from 'node:crypto';
import type { Adapter, Part } from '../adapter.ts';
import type { Clock } from '../clock.ts';
import type { BusyMode } from '../config/schema.ts';
import type { Settings } from '../config/settings.ts';
import type { Conversations, Place } from '../conversation/conversations.ts';
import type { SessionRecord } from '../conversation/sessions.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { EventStream } from '../events.ts';
import type { Logger } from '../log.ts';
import { type ChatRef, chatKey, type InboundMessage, type RefusalView } from '../model.ts';
import type { Outbox } from '../outbound/outbox.ts';
import type { Door } from '../security/door.ts';
import { PAIRING_LIMITS, type PairingRequest, pairingView } from '../security/pairing.ts';
import { showPairingCode } from '../security/pairing-code.ts';
import { LoopBreaker, RateLimiter } from '../security/rate-limit.ts';
import type { Database } from '../store/database.ts';
import { type Admission, admit } from './admission.ts';
import { Bursts, joinPieces } from './bursts.ts';
import { cleanMessage } from './clean-message.ts';
import type { ChatCommands } from './commands/chat-commands.ts';
import type { Inbox, InboxItem } from './inbox.ts';

export interface ReceptionDeps {
  readonly db: Database;
  readonly settings: Settings;
  readonly door: Door;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly conversations: Conversations;
  readonly commands: ChatCommands;
  readonly adapter: (chat: ChatRef) => Adapter | undefined;
  readonly events: EventStream;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onRefusal: (refusal: RefusalView) => void;
}

/** The way in: clean, recognise, admit, make durable, hand over. `accept` resolves when nothing can be lost any more. */
export class Reception {
  readonly #deps: ReceptionDeps;
  readonly #rates: RateLimiter;
  readonly #loops = new LoopBreaker();
  /** Updates being accepted right now: a duplicate that arrives meanwhile shares their fate. */
  readonly #underway = new Map<string, Promise<void>>();
  /** Messages of one chat are accepted one after the other, so that their order is the order of arrival. */
  readonly #tails = new Map<string, Promise<void>>();
  readonly #bursts: Bursts;
  #closed = false;

  constructor(deps: ReceptionDeps) {
    this.#deps = deps;
    this.#rates = new RateLimiter(deps.settings.rateLimit.maxRequests, deps.settings.rateLimit.windowMs);
    this.#bursts = new Bursts((items, session) => void this.#join(items, session));
  }

  /** See `AdapterHost.accept`. */
  accept(raw: InboundMessage): Promise<void> {
    if (this.#closed)
      return Promise.reject(
        new GatewayError('stopping', 'the gateway is stopping', {
          status: 503,
          hint: 'Send it again in a moment.',
        }),
      );
    const message = cleanMessage(raw);
    const identity = JSON.stringify([message.chat.platform, message.chat.accountId, message.dedupeKey]);
    const same = this.#underway.get(identity);
    if (same !== undefined) return same;
    const key = chatKey(message.chat);
    const before = this.#tails.get(key);
    const mine = before === undefined ? this.#take(message) : before.then(() => this.#take(message));
    const settled = mine.catch(() => {});
    this.#tails.set(key, settled);
    this.#underway.set(identity, mine);
    void settled.then(() => {
      this.#underway.delete(identity);
      if (this.#tails.get(key) === settled) this.#tails.delete(key);
    });
    return mine;
  }

  /** Refuses new work; pieces of bursts that are already durable are handed over. */
  close(): void {
    this.#closed = true;
    this.#bursts.flush();
  }

  async #take(message: InboundMessage): Promise<void> {
    const { inbox, db, outbox, clock, events } = this.#deps;
    if (inbox.hasSeen(message)) {
      await db.flushed(); // seen in memory may be a moment ahead of the disk
      return;
    }
    events.emit({ type: 'traffic', direction: 'in', platform: message.chat.platform, at: clock() });
    outbox.revive(message.chat);
    const admission = this.judge(message);
    switch (admission.decision) {
      case 'allow':
        return this.#allowed(message);
      case 'pair':
        return this.#stranger(message);
      case 'refuse':
        this.#refused(message, admission.code, admission.reason);
        if (admission.notice !== undefined) this.#tell(message, admission.notice);
        else if (message.promptId !== undefined && admission.code !== 'rate_limited')
          this.#tell(message, 'This gateway does not take messages from here.');
        return;
      case 'ignore':
        if (admission.code !== 'own_message' && admission.code !== 'not_mentioned')
          this.#refused(message, admission.code, admission.reason);
        return;
    }
  }

  /** May this sender speak here now? Counts towards the rate limit. */
  judge(message: InboundMessage): Admission {
    const { settings, door, clock } = this.#deps;
    const { platform } = message.chat;
    const now = clock();
    return admit({
      message,
      policy: settings.chats(platform),
      allowAll: settings.allowAll,
      blocked: door.people.isBlocked(platform, message.sender),
      allowlisted: door.people.isAllowed(platform, message.sender),
      rate: () => this.#rates.hit(JSON.stringify([platform, message.sender.id]), now),
      botMuted: () => this.#loops.hit(chatKey(message.chat), message.sender.id, now),
    });
  }

  async #allowed(received: InboundMessage): Promise<void> {
    const { conversations, commands, db, inbox, clock, outbox } = this.#deps;
    const handled = await commands.handle(received);
    if (handled.handled) return;
    const { message, mode } = handled;
    const now = clock();
    if (message.edited) return this.#edited(message);
    const place = conversations.place(message, now);
    if (!conversations.hasRoom(place.session.id)) {
      this.#refused(message, 'queue_full', 'too many messages wait in this session');
      await outbox.post({
        chat: message.chat,
        meta: {
          kind: 'outcome',
          code: 'refused',
          ...(message.promptId === undefined ? {} : { promptId: message.promptId }),
        },
        parts: this.#parts(
          message.chat,
          `There are already ${this.#deps.settings.agent.maxWaiting} messages waiting here. Wait for an answer, or /stop.`,
        ),
        replyTo: message.messageId,
      });
      return;
    }
    const item = await db.write((tx) => {
      if (!inbox.markSeen(tx, message, now)) return undefined;
      conversations.commitPlace(tx, place, now);
      return inbox.add(tx, randomUUID(), message, 'queued', place.session.id, now);
    });
    if (item === undefined) return;
    this.#handOver(item, place, now, mode);
  }

  #handOver(item: InboxItem, place: Place, now: number, mode: BusyMode | undefined): void {
    const { conversations, outbox } = this.#deps;
    conversations.rememberPlace(place, now);
    if (place.ended !== undefined) {
      const text = `New session (${place.ended.reason === 'daily' ? 'the day is over' : 'quiet for a long time'}). /resume goes back to the old one.`;
      void outbox
        .post({
          chat: item.message.chat,
          meta: { kind: 'notice', sessionId: place.session.id },
          parts: this.#parts(item.message.chat, text),
        })
        .catch((error: unknown) =>
          this.#deps.log.warn('a reset notice was not stored', { error: messageOf(error) }),
        );
    }
    if (mode !== undefined) return conversations.enqueue(item, place.session, mode);
    const adapter = this.#deps.adapter(item.message.chat);
    this.#bursts.add(item, place.session, adapter?.capabilities.textLimit ?? Number.POSITIVE_INFINITY);
  }

  /** An edit changes a message that still waits; one that was taken already stays as it was. */
  async #edited(message: InboundMessage): Promise<void> {
    const { conversations, db, inbox, clock } = this.#deps;
    const place = conversations.place(message, clock());
    const waiting = conversations.lane(place.session.id)?.replaceText(message.messageId, message.text);
    await db.write((tx) => {
      inbox.markSeen(tx, message, clock());
      if (waiting !== undefined) inbox.setMessage(tx, waiting.id, waiting.message);
    });
    if (waiting === undefined)
      this.#refused(
        message,
        'edit_too_late',
        'an edit came after its message had its turn; it changes nothing',
      );
  }

  /** Pieces become one durable message; a crash before that leaves them as messages of their own. */
  async #join(items: readonly InboxItem[], session: SessionRecord): Promise<void> {
    const { conversations, db, inbox, log } = this.#deps;
    const joined = joinPieces(items);
    if (joined === undefined) return;
    if (items.length === 1) return conversations.enqueue(joined, session);
    try {
      await db.write((tx) => {
        inbox.setMessage(tx, joined.id, joined.message);
        for (const piece of items) if (piece.id !== joined.id) inbox.setState(tx, piece.id, 'done');
      });
      conversations.enqueue(joined, session);
    } catch (error) {
      log.error('pieces of a message could not be joined; they run one by one', { error: messageOf(error) });
      for (const piece of items) conversations.enqueue(piece, session);
    }
  }

  async #stranger(message: InboundMessage): Promise<void> {
    const { door, db, inbox, clock } = this.#deps;
    const now = clock();
    if (await door.acceptInvitation(message)) return this.#welcome(message);
    const view = door.desk.consider(message);
    if (view.answer === 'silent') return this.#refused(message, view.code, view.reason);
    if (view.answer === 'remind') {
      const code = await door.desk.remind(view.request);
      return this.#sendCode(message, code, view.request.expiresAt - now);
    }
    const heldId = randomUUID();
    // Two files, two steps: a held message without a request is dropped by the next sweep.
    const held = await db.write((tx) =>
      inbox.markSeen(tx, message, now) ? inbox.add(tx, heldId, message, 'held', undefined, now) : undefined,
    );
    if (held === undefined) return;
    const request = await door.desk.open(message, heldId);
    // Let in by id while the request was being written: nobody will decide it again.
    if (door.people.isAllowed(message.chat.platform, message.sender)) {
      await door.approve({ requestId: request.id }, { name: 'gateway', surface: 'gateway' });
      return;
    }
    this.#deps.log.info('a stranger asks to be let in', {
      platform: message.chat.platform,
      user: message.sender.id,
    });
    this.#deps.events.emit({ type: 'pairing', request: pairingView(request) });
    if (request.code !== undefined)
      this.#sendCode(message, showPairingCode(request.code), PAIRING_LIMITS.lifetimeMs);
  }

  /** An invitation was used: its message is the code and nothing to answer. */
  async #welcome(message: InboundMessage): Promise<void> {
    const { db, inbox, outbox, clock } = this.#deps;
    const row = await db.write((tx) => {
      inbox.markSeen(tx, message, clock());
      return outbox.add(tx, {
        chat: message.chat,
        meta: { kind: 'paired' },
        parts: this.#parts(message.chat, 'You are in. Welcome!'),
      });
    });
    outbox.release(row);
  }

  /** The code goes out directly: it must never touch the disk or a log line. */
  #sendCode(message: InboundMessage, code: string, expiresInMs: number): void {
    const text = `Hello! I do not know you yet. Please give this code to my operator: ${code}. It is good for ${Math.round(expiresInMs / 60_000)} minutes; your message is kept until then.`;
    const [part] = this.#parts(message.chat, text);
    if (part === undefined) return;
    this.#deps.outbox
      .direct(message.chat, (adapter, signal) =>
        adapter.send(
          {
            idempotencyKey: `pairing:${message.messageId}`,
            chat: message.chat,
            part,
            partIndex: 0,
            partCount: 1,
            replyToMessageId: message.messageId,
            meta: {
              kind: 'pairing',
              pairing: { code, expiresInMs },
              ...(message.promptId === undefined ? {} : { promptId: message.promptId }),
            },
          },
          signal,
        ),
      )
      .catch((error: unknown) =>
        this.#deps.log.warn('a pairing code did not reach its chat; approve the row by key', {
          platform: message.chat.platform,
          error: messageOf(error),
        }),
      );
  }

  /** The stranger was let in: the held first message is answered as if it had just arrived. */
  async release(request: PairingRequest): Promise<void> {
    const { inbox, db, conversations, clock, outbox } = this.#deps;
    const now = clock();
    const held = inbox.get(request.heldId);
    const fresh =
      held !== undefined && held.state === 'held' && now - held.acceptedAt < PAIRING_LIMITS.lifetimeMs;
    const place = fresh ? conversations.place(held.message, now) : undefined;
    const row = await db.write((tx) => {
      if (held !== undefined && held.state === 'held') {
        if (place === undefined) inbox.setState(tx, held.id, 'done');
        else {
          conversations.commitPlace(tx, place, now);
          inbox.release(tx, held.id, place.session.id, now);
        }
      }
      return outbox.add(tx, {
        chat: request.chat,
        meta: { kind: 'paired' },
        parts: this.#parts(request.chat, 'You are in. Welcome!'),
      });
    });
    if (!this.#closed) outbox.release(row);
    if (held === undefined || place === undefined) return;
    conversations.rememberPlace(place, now);
    if (this.#closed) return; // only the store is open: the next start takes it up
    conversations.enqueue({ ...held, state: 'queued', sessionId: place.session.id }, place.session);
  }

  /** The stranger was not let in: what was held is dropped; a denial is told once. */
  async reject(request: PairingRequest, tell: boolean): Promise<void> {
    const { inbox, db, outbox } = this.#deps;
    const held = inbox.get(request.heldId);
    const row = await db.write((tx) => {
      if (held?.state === 'held') inbox.setState(tx, held.id, 'done');
      return tell
        ? outbox.add(tx, {
            chat: request.chat,
            meta: {
              kind: 'denied',
              code: 'refused',
              ...(held?.message.promptId === undefined ? {} : { promptId: held.message.promptId }),
            },
            parts: this.#parts(request.chat, 'The operator did not let you in.'),
          })
        : undefined;
    });
    if (row !== undefined && !this.#closed) outbox.release(row);
  }

  /** A sentence for a refused sender. Not stored: nothing was accepted. */
  #tell(message: InboundMessage, text: string): void {
    const [part] = this.#parts(message.chat, text);
    if (part === undefined) return;
    this.#deps.outbox
      .direct(message.chat, (adapter, signal) =>
        adapter.send(
          {
            idempotencyKey: `refused:${message.messageId}`,
            chat: message.chat,
            part,
            partIndex: 0,
            partCount: 1,
            replyToMessageId: message.messageId,
            meta: {
              kind: 'outcome',
              code: 'refused',
              ...(message.promptId === undefined ? {} : { promptId: message.promptId }),
            },
          },
          signal,
        ),
      )
      .catch((error: unknown) => this.#deps.log.debug('a refusal was not told', { error: messageOf(error) }));
  }

  #refused(message: InboundMessage, code: string, reason: string): void {
    this.#deps.onRefusal({
      id: randomUUID(),
      at: this.#deps.clock(),
      platform: message.chat.platform,
      chatId: message.chat.chatId,
      senderId: message.sender.id,
      senderName: message.sender.name,
      code,
      reason,
    });
  }

  #parts(chat: ChatRef, text: string): readonly Part[] {
    return this.#deps.outbox.format(chat, text);
  }
}
