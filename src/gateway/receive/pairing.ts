import { randomUUID } from 'node:crypto';
import type { KeyedQueue } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Tx } from '../../store/database.ts';
import type { Access } from '../access/access.ts';
import { type PairingRequest, pairingView, senderOf, showPairingCode } from '../access/pairing-request.ts';
import type { OutboundMeta } from '../adapter.ts';
import { inWords } from '../config/section-schemas.ts';
import type { Core } from '../core.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import { chatKey, type InboundMessage } from '../model.ts';
import type { Outbox } from '../send/outbox.ts';
import type { Conversations } from '../turns/conversations.ts';
import { RateLimiter } from './admission.ts';
import type { ChatCommands } from './commands/chat-commands.ts';
import type { Inbox, InboxItem } from './inbox.ts';
import { editedMessage, overBudget, textBytes } from './message-text.ts';

const NOT_NOW = say('access.notNow');
const STILL_PENDING = say('access.pending');
const NOT_KEPT = say('access.notKept');
const WELCOME = say('access.welcome');

interface PairingDeps extends Core {
  readonly access: Access;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly conversations: Conversations;
  readonly commands: Pick<ChatCommands, 'held'>;
  readonly chats: KeyedQueue;
  /** One try; what rejects was not accepted. */
  readonly write: <T>(body: (tx: Tx) => T) => Promise<T>;
  readonly refused: (message: InboundMessage, code: string, reason: string) => void;
  /** True while only the store is open: what is decided is carried out at the next start. */
  readonly offline: () => boolean;
}

/** What becomes of people who are not let in yet, and of their first words. */
export class Pairing {
  readonly #deps: PairingDeps;
  readonly #lockNotices: RateLimiter;

  constructor(deps: PairingDeps) {
    this.#deps = deps;
    this.#lockNotices = new RateLimiter(1, deps.settings.pairing.lockMs);
  }

  /** A new user wrote. Resolves when what is kept of it is durable. */
  async wrote(message: InboundMessage): Promise<void> {
    const { access, inbox, write, clock } = this.#deps;
    const now = clock();
    if (message.edited === true && (await this.#reworded(message))) return;
    const invited = await access.acceptInvitation(message);
    if (invited === 'locked') return this.#locked(message);
    if (invited !== undefined) return this.#invited(message, invited);
    const view = access.requests.consider(message);
    if (view.answer === 'silent') {
      if (view.request !== undefined && this.#isHeld(view.request, message))
        return this.#stillWaits(view.request, message);
      this.#deps.refused(message, view.code, view.reason);
      // Only those who know of their request already read that it is pending; everything else stays untold.
      return this.#refusePrompt(message, view.code === 'pairing_pending' ? STILL_PENDING : NOT_NOW);
    }
    if (view.answer === 'remind' || view.answer === 'code') {
      const { request } = view;
      const code = await (view.answer === 'code'
        ? access.requests.promote(request)
        : access.requests.remind(request));
      this.#deps.events.emit({ type: 'pairing', request: pairingView(request) });
      const { promptId: _, ...asked } = message;
      const kept = inbox.get(request.heldId)?.message.promptId;
      // The code belongs to the prompt that is kept: only that one is answered later.
      this.#sendCode(
        kept === undefined ? asked : { ...asked, promptId: kept },
        code,
        request.expiresAt - now,
      );
      if (message.promptId !== kept) this.#refusePrompt(message, NOT_KEPT);
      return;
    }
    const over = overBudget(inbox.inUse.of(message), textBytes(message), this.#deps.settings.limits);
    if (over !== undefined && view.coded) {
      this.#deps.refused(message, over.code, over.say.in('en'));
      return sayDirectly(this.#deps, message, 'refusal', over.say, { kind: 'outcome', code: 'refused' });
    }
    // Many may be queued: only what is short is kept until someone decides.
    const kept =
      over === undefined &&
      (view.coded || message.text.length <= this.#deps.settings.pairing.queuedHeldChars);
    // What is refused was not accepted: a program may send it again under the same id.
    const refused = !kept && message.promptId !== undefined;
    const request = access.requests.begin(message, kept ? randomUUID() : '', view.coded);
    try {
      // Two files, two steps: a held message whose request was cut off gets a new one at the next start.
      const held = await write((tx) =>
        refused || inbox.markSeen(tx, message, now)
          ? !kept || inbox.add(tx, request.heldId, message, 'held', undefined, now)
          : undefined,
      );
      if (held === undefined) return access.requests.cancel(request);
    } catch (error) {
      inbox.inUse.release(request.heldId);
      access.requests.cancel(request);
      throw error;
    }
    await this.#ask(request, message);
    if (refused) this.#refusePrompt(message, NOT_KEPT);
  }

  /** The author edited the message that is kept: what is answered later is what it says then. */
  async #reworded(message: InboundMessage): Promise<boolean> {
    const { access, events, inbox, write, clock, settings, refused } = this.#deps;
    const held = inbox.asideWithId(message.chat, message.messageId);
    if (held?.state !== 'held' || held.message.sender.id !== message.sender.id) return false;
    const changed = editedMessage(held.message, message.messageId, message.text);
    const bytes = Buffer.byteLength(message.text) - Buffer.byteLength(held.message.text);
    const over = bytes <= 0 ? undefined : overBudget(inbox.inUse.of(message), bytes, settings.limits);
    if (over !== undefined) refused(message, over.code, over.say.in('en'));
    await write((tx) => {
      inbox.markSeen(tx, message, clock());
      if (changed !== undefined && over === undefined && inbox.isHeld(tx, held.id))
        inbox.setMessage(tx, { ...held, message: changed });
    });
    const request = access.requests.pendingFor(held.id);
    if (request === undefined || changed === undefined || over !== undefined) return true;
    await access.requests.reword(request, changed.text);
    events.emit({ type: 'pairing', request: pairingView(request) });
    return true;
  }

  /** A held message without a request: the gateway was killed between the two steps. */
  async adopt(item: InboxItem): Promise<void> {
    const { access, inbox, outbox, persist, refused } = this.#deps;
    const view = access.requests.consider(item.message);
    if (view.answer === 'new')
      return this.#ask(access.requests.begin(item.message, item.id, view.coded), item.message);
    if (view.answer === 'silent') refused(item.message, view.code, view.reason);
    const { chat, promptId, sender } = item.message;
    const row = await persist((tx) => {
      inbox.setState(tx, item, 'done');
      if (promptId === undefined) return undefined;
      const meta = { kind: 'outcome', code: 'refused', promptId } as const;
      return outbox.add(tx, { chat, meta, parts: outbox.format(chat, NOT_NOW, sender) });
    });
    if (row !== undefined) void outbox.release(row);
  }

  /** The new user was let in: the held first message is answered as if it had just arrived. Safe to repeat. */
  release(request: PairingRequest): Promise<void> {
    // In the chat's own order: what the person writes next must not find another session.
    return this.#deps.chats.run(chatKey(request.chat), () => this.#release(request));
  }

  /**
   * The new user was not let in: what was held is dropped. A person is told once, of a denial only; a program hears
   * what became of its prompt whatever the reason. Safe to repeat.
   */
  async reject(request: PairingRequest, tell: boolean): Promise<void> {
    const { inbox, persist, outbox, offline } = this.#deps;
    const held = inbox.get(request.heldId);
    const read = held === undefined ? undefined : this.#deps.readers.heard(held.message);
    if (read !== undefined) await read;
    // A code that was made for someone has no chat yet.
    const told = tell && request.kind === 'asked';
    if (held === undefined && !told) return;
    const row = await persist((tx) => {
      // The decision may have been undone and changed in the meantime: what was released has another outcome to come.
      const drops = held !== undefined && inbox.isHeld(tx, held.id);
      const promptId = drops ? held.message.promptId : undefined;
      if (drops) inbox.setState(tx, held, 'done');
      if (!told && promptId === undefined) return undefined;
      return outbox.add(tx, {
        chat: request.chat,
        meta: {
          kind: told ? 'denied' : 'outcome',
          code: 'refused',
          ...defined({ promptId }),
        },
        parts: outbox.format(request.chat, told ? say('access.denied') : NOT_NOW, senderOf(request)),
      });
    });
    if (row !== undefined && !offline()) void outbox.release(row);
  }

  /**
   * The operator took a denial or a block back: the first message is held again. Except a prompt that has its outcome:
   * its program sends another one. Safe to repeat.
   */
  async holdAgain(request: PairingRequest): Promise<void> {
    const { inbox, persist } = this.#deps;
    await persist((tx) => inbox.holdAgain(tx, request.heldId));
  }

  async #release(request: PairingRequest): Promise<void> {
    const { access, inbox, persist, conversations, clock, outbox, offline, readers } = this.#deps;
    const now = clock();
    const held = inbox.get(request.heldId);
    // After a restart the message is all that tells their language.
    const read = held === undefined ? undefined : readers.heard(held.message);
    if (read !== undefined) await read;
    const sender = senderOf(request);
    // Revoked in the very moment of the approval, or before the restart that repeats it: nothing is answered.
    if (!access.people.isAllowed(request.chat.platform, sender)) return this.reject(request, false);
    const tooLate = say('access.tooLate', { time: timeText(this.#deps.settings.pairing.lifetimeMs) });
    const young = held?.state === 'held' && now - held.acceptedAt < this.#deps.settings.pairing.lifetimeMs;
    const command = young ? this.#deps.commands.held(held.message) : undefined;
    const resolved = young && command === undefined ? conversations.resolve(held.message, now) : undefined;
    const { rows, released } = await persist((tx) => {
      const taken =
        held !== undefined && resolved !== undefined && inbox.release(tx, held.id, resolved.session.id, now);
      if (taken) conversations.commitResolved(tx, resolved, now);
      else if (held?.state === 'held')
        // Where only the store is open no one could answer a command: the person sends it again.
        inbox.setState(tx, held, command === undefined || offline() ? 'done' : 'running');
      const { chat } = request;
      const welcome = outbox.add(tx, {
        chat,
        meta: { kind: 'paired' },
        parts: outbox.format(chat, WELCOME, sender),
      });
      if (held?.state !== 'held' || young || held.message.promptId === undefined)
        return { released: taken, rows: [welcome] };
      const meta = { kind: 'outcome', code: 'refused', promptId: held.message.promptId } as const;
      const late = outbox.add(tx, { chat, meta, parts: outbox.format(chat, tooLate, sender) });
      return { released: taken, rows: [welcome, late] };
    });
    if (!offline()) for (const row of rows) void outbox.release(row);
    if (held !== undefined && command !== undefined && !offline()) command({ ...held, state: 'running' });
    if (held === undefined || resolved === undefined || !released) return;
    conversations.rememberResolved(resolved, now);
    if (offline()) return; // only the store is open: the next start takes it up
    if (!access.people.isAllowed(request.chat.platform, sender)) return this.#drop(held);
    conversations.enqueue({ ...held, state: 'queued', sessionId: resolved.session.id }, resolved.session);
  }

  /** Access was taken away while the message was being stored: it came too late to be dropped with the others. */
  async #drop(held: InboxItem): Promise<void> {
    const { inbox, outbox, persist } = this.#deps;
    const { chat, promptId, sender } = held.message;
    const row = await persist((tx) => {
      inbox.setState(tx, held, 'done');
      if (promptId === undefined) return undefined;
      const meta = { kind: 'outcome', code: 'refused', promptId } as const;
      return outbox.add(tx, { chat, meta, parts: outbox.format(chat, NOT_NOW, sender) });
    });
    if (row !== undefined) void outbox.release(row);
  }

  /** Too many wrong invite codes came from this platform: none is taken for a while, the right ones neither. */
  #locked(message: InboundMessage): void {
    const time = inWords(this.#deps.settings.pairing.lockMs);
    this.#deps.refused(message, 'code_locked', `too many invalid invite codes: none is accepted for ${time}`);
    if (this.#lockNotices.hit(chatKey(message.chat), this.#deps.clock()) === 'allowed')
      sayDirectly(
        this.#deps,
        message,
        'refusal',
        say('access.locked', { time: timeText(this.#deps.settings.pairing.lockMs) }),
        { kind: 'outcome', code: 'refused' },
      );
  }

  /** The message is the code and nothing to answer. */
  async #invited(message: InboundMessage, how: 'approved' | 'admitted'): Promise<void> {
    const { inbox, outbox, write, clock } = this.#deps;
    const rows = await write((tx) => {
      inbox.markSeen(tx, message, clock());
      const { chat, promptId, sender } = message;
      const parts = outbox.format(chat, WELCOME, sender);
      return [
        ...(how === 'approved' ? [] : [outbox.add(tx, { chat, meta: { kind: 'paired' }, parts })]),
        ...(promptId === undefined
          ? []
          : [outbox.add(tx, { chat, meta: { kind: 'command', promptId }, parts })]),
      ];
    });
    for (const row of rows) void outbox.release(row);
  }

  async #ask(request: PairingRequest, message: InboundMessage): Promise<void> {
    const { access, events, log } = this.#deps;
    await access.requests.store(request);
    if ((await access.arrived(request)) === 'decided') return;
    log.info('a new user requests access', {
      platform: message.chat.platform,
      user: message.sender.id,
    });
    events.emit({ type: 'pairing', request: pairingView(request) });
    if (request.code !== undefined)
      this.#sendCode(message, showPairingCode(request.code), this.#deps.settings.pairing.lifetimeMs);
    else if (request.heldId !== '') this.#stillWaits(request, message);
  }

  /** Is this the prompt that the request keeps, sent again by a program that was cut off? */
  #isHeld(request: PairingRequest, { promptId }: InboundMessage): boolean {
    return promptId !== undefined && this.#deps.inbox.get(request.heldId)?.message.promptId === promptId;
  }

  /** A program hears that its prompt waits for the operator; a person who has no code hears nothing. */
  #stillWaits(request: PairingRequest, message: InboundMessage): void {
    if (message.promptId === undefined) return;
    const code = request.code === undefined ? null : showPairingCode(request.code);
    sayDirectly(this.#deps, message, 'pairing', say('access.waiting'), {
      kind: 'pairing',
      pairing: { code, expiresInMs: request.expiresAt - this.#deps.clock() },
    });
  }

  /** A program waits for an outcome of each of its prompts. */
  #refusePrompt(message: InboundMessage, text: ChatText): void {
    if (message.promptId !== undefined)
      sayDirectly(this.#deps, message, 'refusal', text, { kind: 'outcome', code: 'refused' });
  }

  /** The code goes out directly: it must never touch the disk or a log line. */
  #sendCode(message: InboundMessage, code: string, expiresInMs: number): void {
    const minutes = Math.max(1, Math.round(expiresInMs / 60_000));
    sayDirectly(this.#deps, message, 'pairing', say('access.code', { code, minutes }), {
      kind: 'pairing',
      pairing: { code, expiresInMs },
    });
  }
}

const MINUTE_MS = 60_000;

/** A time as a sentence names it: "one hour", "10 minutes". */
function timeText(ms: number): ChatText {
  const minutes = Math.max(1, Math.round(ms / MINUTE_MS));
  return minutes % 60 === 0 ? say('time.hours', { n: minutes / 60 }) : say('time.minutes', { n: minutes });
}

/**
 * Says something about a message that was not accepted: sent once, in the chat's order, never stored and never
 * retried. `what` names the kind of thing for the platform's idempotency and for the log.
 */
export function sayDirectly(
  deps: { readonly outbox: Outbox; readonly log: Logger },
  message: InboundMessage,
  what: string,
  text: ChatText,
  meta: OutboundMeta,
): void {
  const { outbox, log } = deps;
  const { chat, messageId, promptId, sender } = message;
  const [part] = outbox.format(chat, text, sender);
  if (part === undefined) return;
  outbox
    .direct(chat, (adapter, signal) =>
      adapter.send(
        {
          idempotencyKey: `${what}:${messageId}`,
          chat,
          part,
          partIndex: 0,
          partCount: 1,
          replyToMessageId: messageId,
          meta: promptId === undefined ? meta : { ...meta, promptId },
        },
        signal,
      ),
    )
    .catch((error: unknown) =>
      log.warn(`${what} did not reach its chat`, { platform: chat.platform, error: messageOf(error) }),
    );
}
