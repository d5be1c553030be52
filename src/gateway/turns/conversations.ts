import { randomUUID } from 'node:crypto';
import { settlesWithin } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import type { Tx } from '../../store/database.ts';
import type { Conversation } from '../agent/agent.ts';
import type { BusyMode } from '../config/schema.ts';
import type { ChatRef, InboundMessage, Platform } from '../model.ts';
import { sameRoom } from '../questions/dialog.ts';
import type { InboxItem } from '../receive/inbox.ts';
import { tellTurn } from '../send/reply.ts';
import type { Handoffs } from '../sessions/handoffs.ts';
import {
  type BoundChats,
  bindingOver,
  GoneSessions,
  isResetReason,
  type Resolved,
  refuseBound,
  resetReason,
  SessionResolver,
} from '../sessions/resolve-session.ts';
import { keepLine } from '../sessions/said.ts';
import { type SessionView, sessionView } from '../sessions/session-view.ts';
import { isBoundKey, SessionFeed, type SessionKeyset, type SessionRecord } from '../sessions/sessions.ts';
import { LiveSession, type LiveSessionDeps } from './live-session.ts';
import type { Beginning, TurnQueue } from './turn-queue.ts';

const RESUMED = 'another one was resumed';
/** Dropped messages that can be restored. */
const DROPPED_KEPT = 20;
/** Sessions that an operator sees without asking for more: open ones, and ended ones. */
const SHOWN = { open: 800, ended: 200 } as const;
/** Sessions that one sweep looks at. */
const SWEPT_AT_ONCE = 1_000;
/** Longest time that turns get to end once they are aborted. */
const ENDING_MS = 15_000;

/** Everything but what the conversations themselves bring along. */
export interface ConversationsDeps extends Omit<LiveSessionDeps, 'feed' | 'silent'> {
  /** A task of this session runs: it is not reset in the meantime. */
  readonly busyElsewhere: (sessionId: string) => boolean;
  /** Sessions that the operator has in a terminal. */
  readonly handoffs: Pick<Handoffs, 'refuse' | 'wrote'>;
  /** Chats that are bound to a session of pi. */
  readonly bindings: BoundChats;
}

/** Sessions at work: which there are, which of them live, and when they end. */
export class Conversations {
  readonly #deps: ConversationsDeps;
  readonly #feed: SessionFeed;
  readonly #resolver: SessionResolver;
  readonly #live = new Map<string, LiveSession>();
  readonly #dropped = new Map<string, InboxItem>();
  readonly #liveDeps: LiveSessionDeps;
  /** Where the last sweep came to. */
  #swept: SessionKeyset | undefined;

  constructor(deps: ConversationsDeps) {
    this.#deps = deps;
    this.#feed = new SessionFeed(deps.events, deps.clock);
    this.#resolver = new SessionResolver({
      ...deps,
      queueBusy: (id) => !(this.queue(id)?.idle ?? true),
      boundKey: (chat) => deps.bindings.keyOf(chat),
    });
    this.#liveDeps = { ...deps, feed: this.#feed, silent: deps.agent === undefined };
  }

  /** The session that a message of this chat and sender belongs to, after a due reset. Pure until committed. */
  resolve(message: InboundMessage, now: number): Resolved {
    return this.#resolver.resolve(message, now);
  }

  /** The key of the conversation that a message belongs to. */
  keyOf(message: InboundMessage): string {
    return this.#resolver.keyOf(message);
  }

  /** The running session of a message's conversation, if there is one. */
  sessionOf(message: InboundMessage): SessionRecord | undefined {
    return this.#deps.sessions.active(this.keyOf(message));
  }

  /** The session's part of the transaction that accepts a message. */
  commitResolved(tx: Tx, resolved: Resolved, now: number): void {
    this.#resolver.commit(tx, resolved, now);
  }

  /** Memory follows once the transaction is durable. */
  rememberResolved(resolved: Resolved, now: number): void {
    if (resolved.ended !== undefined) this.#end(resolved.ended.session, now, resolved.ended.reason);
    resolved.session.lastUserAt = now;
    if (resolved.renamed !== undefined) resolved.session.senderName = resolved.renamed;
    if (resolved.fresh) this.#deps.sessions.remember(resolved.session);
  }

  /** Is there room in the session's queue for one more message? */
  hasRoom(sessionId: string): boolean {
    return !(this.#live.get(sessionId)?.queue.full ?? false);
  }

  /**
   * Takes a message that its sender has sent already under another meaning, together with `more`. False: no room.
   * Resolves when it is durable.
   */
  async take(message: InboundMessage, more: (tx: Tx) => void): Promise<boolean> {
    const { clock, persist, inbox } = this.#deps;
    const now = clock();
    const resolved = this.resolve(message, now);
    if (!this.hasRoom(resolved.session.id)) return false;
    const item = await persist((tx) => {
      more(tx);
      this.commitResolved(tx, resolved, now);
      return inbox.add(tx, randomUUID(), message, 'queued', resolved.session.id, now);
    });
    this.rememberResolved(resolved, now);
    this.enqueue(item, resolved.session);
    return true;
  }

  /** Could a message of this session begin its turn this very moment? See `TurnQueue.begin`. */
  begin(session: SessionRecord): Beginning | undefined {
    const { agent, slots } = this.#deps;
    if (agent === undefined) return undefined;
    // A session that is only about to be has no queue yet: it gets one when its first message is durable.
    const queue = this.queue(session.id);
    if (queue !== undefined) return queue.begin();
    const release = session.paused ? undefined : slots.tryAcquire();
    return release === undefined ? undefined : { release };
  }

  /** Hands an accepted message to its queue; `begun` when it is stored as running. */
  enqueue(item: InboxItem, session: SessionRecord, mode?: BusyMode, begun?: Beginning): void {
    const { message } = item;
    const { platform } = message.chat;
    if (session.endedAt !== undefined && isBoundKey(session.key)) {
      // Accepted while its chat was unbound: it goes where the chat continues.
      begun?.release();
      this.#deps.bindings.tookLate(item);
      return;
    }
    this.#feed.say(session, 'user', message.text, { id: item.id, name: message.sender.name });
    this.#deps.events.emit({
      type: 'inbound',
      chat: message.chat,
      sessionId: session.id,
      messageId: item.id,
      ...defined({ promptId: message.promptId }),
      senderId: message.sender.id,
      senderName: message.sender.name,
      text: message.text,
    });
    this.#deps.handoffs.wrote(session);
    const live = this.live(session);
    if (this.#deps.agent === undefined && this.#deps.terminalOf(session) === undefined) {
      live.setAside(item);
      return;
    }
    const busy = mode ?? this.#deps.settings.busyMode(platform, message.chatKind);
    const place = live.queue.push(item, busy, begun);
    // Accepted while its session came to an end: it is answered there, and nothing of it stays open.
    if (session.endedAt !== undefined) void live.queue.settled().then(() => this.#retire(live));
    if (place > 0 || live.queue.paused)
      tellTurn(this.#deps.adapter(platform), message.chat, message.promptId, {
        type: 'queued',
        position: place,
      });
  }

  /** Takes one waiting message out; for a while it can be restored. False: it does not wait. */
  drop(session: SessionRecord, id: string): boolean {
    const queue = this.queue(session.id);
    const item = queue?.waiting.find((each) => each.id === id);
    if (queue === undefined || item === undefined || !queue.drop(id)) return false;
    this.#dropped.set(id, item);
    const [oldest] = this.#dropped.keys();
    if (this.#dropped.size > DROPPED_KEPT && oldest !== undefined) this.#dropped.delete(oldest);
    return true;
  }

  /** A dropped message waits again, as if it had just arrived. False: it is too late. */
  async restore(session: SessionRecord, id: string): Promise<boolean> {
    const item = this.#dropped.get(id);
    if (item === undefined || session.endedAt !== undefined || !this.hasRoom(session.id)) return false;
    this.#dropped.delete(id);
    const { inbox, persist, clock } = this.#deps;
    const again = await persist((tx) =>
      inbox.add(tx, randomUUID(), item.message, 'queued', session.id, clock()),
    );
    // It waits, whatever it wanted to do to the turn that ran when it came.
    this.openQueue(session).push(again, 'queue');
    return true;
  }

  queue(sessionId: string): TurnQueue | undefined {
    return this.#live.get(sessionId)?.queue;
  }

  /** The session's queue, made when there is none yet. */
  openQueue(session: SessionRecord): TurnQueue {
    return this.live(session).queue;
  }

  /** Opens (lazily) what controls the model of a session. */
  conversation(session: SessionRecord): Conversation {
    this.#deps.handoffs.refuse(session);
    return this.live(session).conversation();
  }

  /** Ends what the agent holds of a session; the next use opens it again. */
  async closeConversation(session: SessionRecord): Promise<void> {
    await this.#live.get(session.id)?.closeConversation();
  }

  /** Ends a session at once; the next message starts a new one. Resolves when that is durable. */
  async endSession(session: SessionRecord, reason: string): Promise<void> {
    refuseBound(session);
    const now = this.#deps.clock();
    // Memory first: what is written in this very moment must not find the old session anymore.
    this.#end(session, now, reason);
    await this.#deps.persist((tx) => this.#deps.sessions.end(tx, session.id, now, reason));
  }

  /** Makes an ended session the current one of its key again. Resolves when that is durable. */
  async reopen(session: SessionRecord): Promise<void> {
    const { sessions, persist, clock } = this.#deps;
    const now = clock();
    if (isBoundKey(session.key)) throw bindingOver();
    this.#deps.bindings.refuse(session);
    const current = sessions.active(session.key);
    if (current === session) return;
    if (current !== undefined) this.#end(current, now, RESUMED);
    session.endedAt = undefined;
    session.endReason = undefined;
    session.lastUserAt = now;
    sessions.remember(session);
    this.show(session);
    await persist((tx) => {
      if (current !== undefined) sessions.end(tx, current.id, now, RESUMED);
      sessions.reopen(tx, session.id, now);
    });
  }

  /** A message waits in a session, whichever it was accepted in. */
  waitIn(session: SessionRecord, item: InboxItem): void {
    const live = this.live(session);
    if (this.#deps.agent === undefined && this.#deps.terminalOf(session) === undefined) live.setAside(item);
    else live.queue.push(item, 'queue');
  }

  /** Frees what an ended session holds. */
  retire(session: SessionRecord): void {
    this.#retire(this.#live.get(session.id));
  }

  /** Stores a change of the session's own fields and shows it. */
  async save(session: SessionRecord): Promise<void> {
    await this.#deps.persist((tx) => this.#deps.sessions.save(tx, session));
    this.show(session);
  }

  view(session: SessionRecord): SessionView {
    return sessionView(session, this.queue(session.id));
  }

  /** Those at work and those that were used last, oldest first: what an operator sees before asking for pages. */
  views(): SessionView[] {
    const found = new Set(this.#deps.sessions.recent(SHOWN.open, SHOWN.ended));
    for (const { session, queue } of this.#live.values()) if (!queue.idle) found.add(session);
    return [...found].sort((a, b) => a.createdAt - b.createdAt).map((session) => this.view(session));
  }

  /** One page of all sessions, newest first. */
  page(limit: number, after?: SessionKeyset): SessionView[] {
    return this.#deps.sessions.page(limit, after).map((session) => this.view(session));
  }

  beginning(id: string, limit: number): SessionView[] {
    return this.#deps.sessions.beginning(id, limit).map((session) => this.view(session));
  }

  note(session: SessionRecord, role: 'operator' | 'notice' | 'agent', text: string): void {
    this.#feed.say(session, role, text);
    void this.#deps
      .persist((tx) => keepLine(tx, { sessionId: session.id, at: this.#deps.clock(), role, text }))
      .catch(() => {}); // the gateway stops
  }

  /** Ends the sessions that are due by their policy although no one wrote. Called by the minute sweep. */
  async sweep(now: number): Promise<SessionRecord[]> {
    const due: SessionRecord[] = [];
    const portion = this.#deps.sessions.longestUnused(SWEPT_AT_ONCE, this.#swept);
    const last = portion.at(-1);
    // With more sessions than this the sweep takes them in turn.
    this.#swept =
      last === undefined || portion.length < SWEPT_AT_ONCE ? undefined : { at: last.lastUserAt, id: last.id };
    for (const session of portion) {
      const reason = session.endedAt === undefined ? this.#resolver.due(session, now) : undefined;
      if (reason === undefined) continue;
      await this.endSession(session, reason);
      due.push(session);
    }
    return due;
  }

  /** What is forgotten of sessions, by age or with their person. */
  get gone(): GoneSessions {
    return new GoneSessions({ ...this.#deps, live: this.#live, dropped: this.#dropped, feed: this.#feed });
  }

  get running(): number {
    return this.#deps.slots.running;
  }

  /** Messages that are waiting for their turns. */
  get waiting(): InboxItem[] {
    return [...this.#live.values()].flatMap(({ queue }) => queue.waiting);
  }

  /** Turns that are waiting for an answer of people: see `Turn.cutQuestion`. */
  cutQuestions(): void {
    for (const { queue } of this.#live.values()) queue.cutQuestion();
  }

  /** No new turns; running ones get `graceMs`, then are aborted. Bounded, even when the store takes nothing. */
  async stop(graceMs: number): Promise<void> {
    const live = [...this.#live.values()];
    const ended = Promise.all(live.map(({ queue }) => queue.close()));
    if (!(await settlesWithin(ended, graceMs))) {
      for (const { queue } of live) queue.abort('shutdown');
      await settlesWithin(ended, ENDING_MS);
    }
    await settlesWithin(Promise.all(live.map((each) => each.closeConversation())), ENDING_MS);
  }

  /** People lost access: their turns end, what is waiting for them is dropped. */
  cutOff(platform: Platform, senderIds: readonly string[]): void {
    for (const { session, queue } of this.#live.values())
      if (session.chat.platform === platform) for (const id of senderIds) queue.stop(id);
  }

  /** A message was deleted by its author; see `TurnQueue.deleted`. */
  deleted(chat: ChatRef, messageId: string): ReturnType<TurnQueue['deleted']> {
    for (const { session, queue } of this.#live.values()) {
      const found = sameRoom(session.chat, chat) ? queue.deleted(messageId) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Where a chat's notices go: its present session, if one is known. */
  sessionOfChat(chat: ChatRef, senderId: string): SessionRecord | undefined {
    return this.#resolver.ofChat(chat, senderId);
  }

  /** The session at work, made when it is not yet. */
  live(session: SessionRecord): LiveSession {
    const live = this.#live.get(session.id) ?? new LiveSession(session, this.#liveDeps);
    this.#live.set(session.id, live);
    return live;
  }

  /** In memory: what runs is ended, what is waiting is dropped; the rest follows when the queue is at rest. */
  #end(session: SessionRecord, now: number, reason: string): void {
    session.endedAt = now;
    session.endReason = reason;
    this.#deps.sessions.remember(session);
    const live = this.#live.get(session.id);
    live?.queue.stop();
    this.#deps.dialogs.ended(session.id);
    void live?.queue.settled().then(() => this.#retire(live));
    const { platform, chatId } = session.chat;
    this.#deps.decide({
      what: 'session',
      kind: 'reset',
      code: isResetReason(reason) ? reason.replaceAll(' ', '_') : 'asked',
      reason: resetReason(reason),
      platform,
      chatId,
      sessionId: session.id,
    });
    this.show(session);
  }

  /** Frees what an ended session holds, unless it was resumed in the meantime. */
  #retire(live: LiveSession | undefined): void {
    if (live?.session.endedAt === undefined || this.#live.get(live.session.id) !== live) return;
    if (!live.queue.idle) return; // something came after all
    this.#live.delete(live.session.id);
    void live.closeConversation();
  }

  show(session: SessionRecord): void {
    this.#feed.show(session, this.queue(session.id));
  }
}
