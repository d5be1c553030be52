import { randomUUID } from 'node:crypto';
import { KeyedQueue } from '../../base/async.ts';
import { GatewayError, messageOf } from '../../base/errors.ts';
import type { Access } from '../access/access.ts';
import type { PairingRequest } from '../access/pairing-request.ts';
import type { Core } from '../core.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import { languageOf } from '../language/languages.ts';
import {
  type Attachment,
  type ChatRef,
  chatKey,
  type InboundMessage,
  type ReferredMessage,
  type RefusalView,
} from '../model.ts';
import type { Outbox } from '../send/outbox.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Conversations } from '../turns/conversations.ts';
import { type Admission, admit, isListed, LoopBreaker, RateLimiter } from './admission.ts';
import type { ChatCommands } from './commands/chat-commands.ts';
import { GroupMemory } from './group-memory.ts';
import { duplicateId, findPrompt, type Inbox, type InboxItem } from './inbox.ts';
import { Intake } from './intake.ts';
import { Pairing, sayDirectly } from './pairing.ts';
import { sanitiseName, sanitiseText } from './sanitise.ts';

/** The longest text taken from outside; far above any platform's own limit, below a frame. */
const MAX_TEXT_CHARS = 1_000_000;
const MAX_ID_CHARS = 200;
const MAX_CODE_CHARS = 35;
/** Of a rejected message. */
const REFUSED_CHARS = 500;

/** The longest quoted text, and the longest of a message above. */
const MAX_QUOTE_CHARS = 4000;
const MAX_ABOVE_CHARS = 2000;
const MAX_ABOVE = 50;
const MAX_QUOTED_FILES = 20;
/** The last moment that a date can name. */
const MAX_TIME = 8.64e15;

const id = (raw: string): string => sanitiseText(raw, MAX_ID_CHARS).replaceAll('\n', ' ');

/** The one place where text from outside is cleaned: everything behind it may show it unchanged. */
export function cleanMessage(raw: InboundMessage): InboundMessage {
  const { replyTo, forwardedFrom, above, chatName, threadName, unreadable, sentAt, attachments, ...more } =
    raw;
  const { language, ...rest } = more;
  return {
    ...rest,
    text: sanitiseText(raw.text, MAX_TEXT_CHARS),
    sender: { ...raw.sender, id: id(raw.sender.id), name: sanitiseName(raw.sender.name) },
    ...(chatName === undefined ? {} : { chatName: sanitiseName(chatName) }),
    ...(threadName === undefined ? {} : { threadName: sanitiseName(threadName) }),
    ...(unreadable === undefined ? {} : { unreadable: sanitiseName(unreadable) }),
    ...(isTime(sentAt) ? { sentAt } : {}),
    ...(languageOf(language) === undefined ? {} : { language: language?.slice(0, MAX_CODE_CHARS) }),
    ...(replyTo === undefined
      ? {}
      : { replyTo: { ...cleanReferred(replyTo, MAX_QUOTE_CHARS), messageId: replyTo.messageId } }),
    ...(forwardedFrom === undefined ? {} : { forwardedFrom: cleanReferred(forwardedFrom, MAX_TEXT_CHARS) }),
    ...(above === undefined || above.length === 0
      ? {}
      : { above: above.slice(-MAX_ABOVE).map((each) => cleanReferred(each, MAX_ABOVE_CHARS)) }),
    ...(attachments === undefined ? {} : { attachments: attachments.map(cleanFile) }),
  };
}

function cleanReferred(raw: ReferredMessage, maxChars: number): ReferredMessage {
  const { author, text, attachments, sentAt, ...rest } = raw;
  return {
    ...rest,
    ...(author === undefined ? {} : { author: sanitiseName(author) }),
    ...(text === undefined ? {} : { text: sanitiseText(text, maxChars) }),
    ...(isTime(sentAt) ? { sentAt } : {}),
    ...(attachments === undefined || attachments.length === 0
      ? {}
      : { attachments: attachments.slice(0, MAX_QUOTED_FILES).map(cleanFile) }),
  };
}

function cleanFile(raw: Attachment): Attachment {
  return { ...raw, name: sanitiseName(raw.name) };
}

function isTime(value: number | undefined): value is number {
  return value !== undefined && Math.abs(value) <= MAX_TIME;
}

/** A chat is told at most this often that nothing can be stored. */
const FULL_NOTICE_MS = 10 * 60_000;

export interface ReceiverDeps extends Core {
  readonly access: Access;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly conversations: Conversations;
  readonly sessions: Pick<Sessions, 'recent'>;
  readonly commands: ChatCommands;
  readonly onRefusal: (refusal: RefusalView) => void;
}

/** The way in: clean, recognize, admit, make durable, hand over. `accept` resolves when nothing can be lost anymore. */
export class Receiver {
  readonly #deps: ReceiverDeps;
  readonly #rates: RateLimiter;
  /** Of control words. */
  readonly #controls: RateLimiter;
  readonly #loops: LoopBreaker;
  /** One notice a chat and window about a full disk. */
  readonly #fullNotices = new RateLimiter(1, FULL_NOTICE_MS);
  /** Updates being accepted right now: a duplicate that arrives in the meantime shares their fate. */
  readonly #underway = new Map<string, Promise<void>>();
  /** Messages of one chat are accepted one after the other, so that their order is the order of arrival. */
  readonly #chats = new KeyedQueue();
  readonly #intake: Intake;
  readonly #pairing: Pairing;
  readonly #groups: GroupMemory;
  #closed = false;

  constructor(deps: ReceiverDeps) {
    const { settings } = deps;
    const refused = this.#refused.bind(this);
    this.#deps = deps;
    const { maxRequests, windowMs } = settings.rateLimit;
    this.#rates = new RateLimiter(maxRequests, windowMs);
    const { botLoop } = settings;
    this.#loops = new LoopBreaker(botLoop.messages, botLoop.windowMs, botLoop.muteMs);
    this.#controls = new RateLimiter(maxRequests, windowMs);
    this.#groups = new GroupMemory({
      follow: settings.followThreads,
      listen: settings.listenToGroups,
      threads: (newest) => deps.sessions.recent(newest, 0),
    });
    this.#intake = new Intake({
      ...deps,
      maxWaiting: settings.agent.maxWaiting,
      budget: settings.limits,
      refused,
      welcome: (message) => this.#admission(message, false).decision === 'allow',
    });
    this.#pairing = new Pairing({
      ...deps,
      chats: this.#chats,
      write: (body) => deps.db.write(body),
      refused,
      offline: () => this.#closed,
    });
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
    // A program may use an id for another text: its prompts are looked at one by one.
    const same = message.promptId === undefined ? this.#underway.get(identity) : undefined;
    if (same !== undefined) return same;
    const mine = this.#chats
      .run(chatKey(message.chat), () => this.#take(message))
      .catch((error: unknown) => {
        this.#notTaken(message, error);
        throw forClients(error);
      });
    this.#underway.set(identity, mine);
    const over = (): void => {
      this.#underway.delete(identity);
    };
    mine.then(over, over);
    return mine;
  }

  /** See `AdapterHost.deleted`. */
  async deleted(chat: ChatRef, messageId: string): Promise<void> {
    this.#groups.forget(chat, messageId);
    if (this.#closed) return;
    await this.#chats
      .run(chatKey(chat), () => this.#intake.deleted(chat, messageId))
      .catch((error: unknown) =>
        this.#deps.log.warn('a deleted message may still be answered', { error: messageOf(error) }),
      );
  }

  /** Refuses new work; pieces of bursts that are already durable are handed over. */
  close(): void {
    this.#closed = true;
    this.#intake.flush();
  }

  /** Resolves when every message that came before `close` is accepted or refused, and every command answered. */
  async settled(): Promise<void> {
    await this.#chats.idle();
    await this.#deps.commands.settled();
  }

  /** Resolves when what has arrived until now is accepted or refused. */
  caughtUp(): Promise<void> {
    return this.#chats.idle();
  }

  /** Nothing that these people said in groups is told to anybody anymore. */
  forget(ids: readonly string[], names: readonly string[]): void {
    this.#groups.forgetPeople(ids, names);
  }

  /** Forgets what is too old to be told. Called by the minute sweep. */
  sweep(now: number): void {
    this.#groups.sweep(now);
  }

  /** People lost access: pieces that are waiting for more are handed over, so that they can be dropped with the rest. */
  flush(): void {
    this.#intake.flush();
  }

  /** May this sender speak here now? Counts towards the rate limit. */
  judge(message: InboundMessage): Admission {
    return this.#admission(message, true);
  }

  /** See `AdapterHost.refusal`. */
  refusal(message: InboundMessage): string | undefined {
    const admission = this.#admission(cleanMessage(message), false);
    return admission.decision === 'allow' || admission.decision === 'pair'
      ? undefined
      : refusedPrompt(admission.code).in(this.#deps.readers.of(message.chat, message.sender));
  }

  #admission(message: InboundMessage, counting: boolean): Admission {
    const { settings, access, clock } = this.#deps;
    const { platform } = message.chat;
    const now = clock();
    return admit({
      message,
      policy: settings.chats(platform),
      allowAll: settings.allowAll,
      blocked: access.people.isBlocked(platform, message.sender),
      allowlisted: access.people.isAllowed(platform, message.sender),
      control: this.#passes(message, now, counting),
      rate: () =>
        counting ? this.#rates.hit(JSON.stringify([platform, message.sender.id]), now) : 'allowed',
      botMuted: () => counting && this.#loops.hit(chatKey(message.chat), message.sender.id, now),
    });
  }

  /** Is this a control word that does not count towards the rate limit? */
  #passes(message: InboundMessage, now: number, counting: boolean): boolean {
    const control = this.#deps.commands.control(message);
    if (control !== 'own') return control === 'always';
    const { chat, sender } = message;
    return !counting || this.#controls.hit(JSON.stringify([chat.platform, sender.id]), now) === 'allowed';
  }

  /** The new user was let in. */
  release(request: PairingRequest): Promise<void> {
    return this.#pairing.release(request);
  }

  /** The new user was not let in. */
  reject(request: PairingRequest, tell: boolean): Promise<void> {
    return this.#pairing.reject(request, tell);
  }

  /** The operator took a denial or a block back. */
  holdAgain(request: PairingRequest): Promise<void> {
    return this.#pairing.holdAgain(request);
  }

  /** A new user's held message was found without a request. */
  adopt(item: InboxItem): Promise<void> {
    return this.#pairing.adopt(item);
  }

  async #take(received: InboundMessage): Promise<void> {
    const { inbox, db, outbox, clock, events, readers } = this.#deps;
    if (inbox.hasSeen(received)) {
      await db.flushed(); // seen in memory may be a moment ahead of the disk
      if (received.promptId !== undefined) await this.#again(received);
      return;
    }
    events.emit({ type: 'traffic', direction: 'in', platform: received.chat.platform, at: clock() });
    outbox.revive(received.chat);
    const message = this.#groups.read(received, clock());
    const read = readers.heard(message);
    if (read !== undefined) await read;
    const admission = this.judge(message);
    switch (admission.decision) {
      case 'allow':
        void readers.keep(message);
        return this.#called(message);
      case 'pair':
        return this.#pairing.wrote(message);
      case 'refuse':
        this.#refused(message, admission.code, admission.reason);
        if (admission.notice !== undefined) this.#tell(message, admission.notice, admission.code);
        else if (message.promptId !== undefined)
          this.#tell(message, refusedPrompt(admission.code), admission.code);
        else await this.#unanswered(message);
        return;
      case 'ignore':
        if (admission.code === 'not_mentioned') this.#groups.passedOver(message, clock());
        else if (admission.code !== 'own_message' && admission.code !== 'for_another_bot')
          this.#refused(message, admission.code, admission.reason);
        if (message.promptId !== undefined)
          return this.#tell(message, refusedPrompt(admission.code), admission.code);
        return this.#unanswered(message);
    }
  }

  /** A prompt under an id that was used before: its one outcome again, or an error; never silence. */
  async #again(message: InboundMessage): Promise<void> {
    const { db, outbox } = this.#deps;
    const known = findPrompt(db, message);
    if (known === undefined) throw duplicateId('its outcome is no longer kept');
    if (!known.sameText) throw duplicateId('with another text');
    const admission = this.judge(message);
    if (admission.decision === 'refuse' || admission.decision === 'ignore')
      return this.#tell(message, refusedPrompt(admission.code), admission.code);
    if (known.outcome !== undefined) {
      if (!(await outbox.repeat(known.outcome))) throw duplicateId('its outcome is no longer kept');
    } else if (admission.decision === 'pair') await this.#pairing.wrote(message);
    // Otherwise it is being worked on: the outcome that comes is the outcome of both.
  }

  async #unanswered({ chat, messageId }: InboundMessage): Promise<void> {
    await this.#deps.adapter(chat.platform)?.unanswered?.(chat, messageId);
  }

  async #called(called: InboundMessage): Promise<void> {
    const { access, settings, log } = this.#deps;
    const { platform } = called.chat;
    // Anyone who is only let in by an open chat is no one to remember.
    if (access.people.isAllowed(platform, called.sender) || isListed(settings.chats(platform), called))
      access.list
        .wrote(platform, called.sender)
        .catch((error: unknown) => log.warn('a name or id was not stored', { error: messageOf(error) }));
    const { pieces, message } = this.#groups.called(called, this.#deps.clock());
    for (const piece of pieces) await this.#intake.take(piece);
    await this.#intake.take(message);
  }

  /** Nothing was stored. A program hears of it as an error; a person gets one sentence. */
  #notTaken(message: InboundMessage, error: unknown): void {
    if (!(error instanceof GatewayError) || error.code === 'stopping') return;
    this.#refused(message, error.code, error.message);
    if (error.code !== 'storage_full' || message.promptId !== undefined) return;
    if (this.#fullNotices.hit(chatKey(message.chat), this.#deps.clock()) === 'allowed')
      this.#tell(message, say('receive.diskFull'));
  }

  /** A sentence for a refused sender. Not stored: nothing was accepted. Of the reasons a program learns only the limit. */
  #tell(message: InboundMessage, text: ChatText, why = ''): void {
    const code = why === 'rate_limited' ? why : 'refused';
    sayDirectly(this.#deps, message, 'refusal', text, { kind: 'outcome', code });
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
      ...(isKept(message, code) ? { text: message.text.slice(0, REFUSED_CHARS).toWellFormed() } : {}),
    });
  }
}

/** What people say to each other in groups is nothing to keep, nor what a blocked sender goes on saying. */
function isKept({ chatKind, text }: InboundMessage, code: string): boolean {
  return chatKind === 'dm' && text !== '' && code !== 'blocked';
}

/** A program gets an outcome for each of its prompts. */
function refusedPrompt(code: string): ChatText {
  return code === 'rate_limited' ? say('access.rateLimited') : say('access.notHere');
}

/** What a client hears of a failed store: a sentence without the operator's paths. The log has the rest. */
function forClients(error: unknown): unknown {
  if (!(error instanceof GatewayError) || !error.code.startsWith('storage_')) return error;
  const reason = error.code === 'storage_full' ? 'the disk is full' : 'the store does not work';
  return new GatewayError(error.code, `messages cannot be accepted right now: ${reason}`, {
    status: error.status,
    cause: error,
  });
}
