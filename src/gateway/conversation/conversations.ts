import { randomUUID } from 'node:crypto';
import type { Adapter } from '../adapter.ts';
import type { Agent, AgentInput, Conversation } from '../agent/agent.ts';
import type { Clock } from '../clock.ts';
import type { BusyMode } from '../config/schema.ts';
import type { Settings } from '../config/settings.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { EventStream } from '../events.ts';
import type { Inbox, InboxItem } from '../inbound/inbox.ts';
import type { Logger } from '../log.ts';
import type { ChatRef, InboundMessage, Platform, SessionView } from '../model.ts';
import type { NewOutbound } from '../outbound/outbound-row.ts';
import type { Outbox } from '../outbound/outbox.ts';
import { Reply } from '../outbound/reply.ts';
import { showTyping } from '../outbound/typing.ts';
import type { Database, Tx } from '../store/database.ts';
import { Lane, type LanePort, type Outcome } from './lane.ts';
import { outcomeMeta, outcomeText } from './outcome-text.ts';
import { persist } from './persist.ts';
import { resetDecision } from './reset-policy.ts';
import { sessionKey } from './session-key.ts';
import { sessionTitle, sessionView } from './session-view.ts';
import type { SessionRecord, Sessions } from './sessions.ts';
import { Transcripts } from './transcripts.ts';
import type { TurnSlots } from './turn-slots.ts';

export interface ConversationsDeps {
  readonly db: Database;
  readonly settings: Settings;
  readonly sessions: Sessions;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly slots: TurnSlots;
  /** Undefined with `noAgent`: messages are kept and shown, nobody gets an automatic answer. */
  readonly agent: Agent | undefined;
  readonly adapter: (platform: Platform) => Adapter | undefined;
  readonly egress: (text: string) => string;
  readonly prepare: (message: InboundMessage, session: SessionRecord) => Promise<Omit<AgentInput, 'id'>>;
  /** A task of this session runs: it is not reset meanwhile. */
  readonly busyElsewhere: (sessionId: string) => boolean;
  readonly events: EventStream;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Live {
  readonly lane: Lane;
  conversation: Conversation | undefined;
  reply: Reply | undefined;
  endTyping: () => void;
}

/** What the inbox commits together with a message: its session, new or known, and a notice when one was reset. */
export interface Place {
  readonly session: SessionRecord;
  readonly fresh: boolean;
  readonly ended: { readonly session: SessionRecord; readonly reason: string } | undefined;
}

/** Sessions at work: finds the session of a message, runs its lane, and turns outcomes into durable answers. */
export class Conversations {
  readonly transcripts = new Transcripts();
  readonly #deps: ConversationsDeps;
  readonly #live = new Map<string, Live>();
  readonly #stopping = new AbortController();

  constructor(deps: ConversationsDeps) {
    this.#deps = deps;
  }

  /** The session that a message of this chat and sender belongs to, after a due reset. Pure until committed. */
  place(message: InboundMessage, now: number): Place {
    const { sessions, settings } = this.#deps;
    const { platform } = message.chat;
    const key = sessionKey({
      chat: message.chat,
      chatKind: message.chatKind,
      senderId: message.sender.id,
      perUser: settings.chats(platform).groupSessionsPerUser,
    });
    const known = sessions.active(key);
    if (known !== undefined) {
      const decision = resetDecision(settings.reset(platform, message.chatKind), known.lastUserAt, now);
      if (!decision.reset || this.#atWork(known.id))
        return { session: known, fresh: false, ended: undefined };
      return {
        session: this.#fresh(key, message, now),
        fresh: true,
        ended: { session: known, reason: decision.reason },
      };
    }
    return { session: this.#fresh(key, message, now), fresh: true, ended: undefined };
  }

  /** The session's part of the transaction that accepts a message. */
  commitPlace(tx: Tx, place: Place, now: number): void {
    const { sessions } = this.#deps;
    if (place.ended !== undefined) sessions.end(tx, place.ended.session.id, now, place.ended.reason);
    if (place.fresh) sessions.insert(tx, place.session);
    else sessions.touch(tx, place.session.id, now);
  }

  /** Memory follows once the transaction is durable. */
  rememberPlace(place: Place, now: number): void {
    if (place.ended !== undefined) this.#ended(place.ended.session, now, place.ended.reason);
    place.session.lastUserAt = now;
    if (place.fresh) this.#deps.sessions.remember(place.session);
  }

  /** Is there room in the session's lane for one more message? */
  hasRoom(sessionId: string): boolean {
    return !(this.#live.get(sessionId)?.lane.full ?? false);
  }

  /** Hands an accepted message to its lane. */
  enqueue(item: InboxItem, session: SessionRecord, mode?: BusyMode): void {
    const { message } = item;
    const { platform } = message.chat;
    this.#say(session, 'user', message.text);
    this.#deps.events.emit({
      type: 'inbound',
      chat: message.chat,
      sessionId: session.id,
      messageId: item.id,
      ...(message.promptId === undefined ? {} : { promptId: message.promptId }),
      senderId: message.sender.id,
      senderName: message.sender.name,
      text: message.text,
    });
    if (this.#deps.agent === undefined) {
      void this.#settle(session, item, { kind: 'dropped' }, undefined);
      return;
    }
    const live = this.#liveOf(session);
    const place = live.lane.push(item, mode ?? this.#deps.settings.busyMode(platform, message.chatKind));
    if (place > 0 || live.lane.paused)
      this.#deps
        .adapter(platform)
        ?.turnEvent?.(message.chat, message.promptId, { type: 'queued', position: place });
  }

  lane(sessionId: string): Lane | undefined {
    return this.#live.get(sessionId)?.lane;
  }

  /** The session's lane, made when there is none yet. */
  openLane(session: SessionRecord): Lane {
    return this.#liveOf(session).lane;
  }

  /** Opens (lazily) what controls the model of a session. */
  conversation(session: SessionRecord): Conversation {
    const live = this.#liveOf(session);
    const { agent, settings } = this.#deps;
    if (agent === undefined)
      throw new GatewayError('no_agent', 'this gateway runs without an agent', { status: 409 });
    live.conversation ??= agent.open({
      id: session.id,
      kind: 'chat',
      cwd: settings.agent.cwd,
      ...(session.sessionFile === undefined ? {} : { sessionFile: session.sessionFile }),
      ...((session.model ?? settings.agent.model) === undefined
        ? {}
        : { model: session.model ?? settings.agent.model }),
      ...((session.thinking ?? settings.agent.thinking) === undefined
        ? {}
        : { thinking: session.thinking ?? settings.agent.thinking }),
    } as Parameters<Agent['open']>[0]);
    return live.conversation;
  }

  /** Ends a session; the next message starts a new one. Resolves when durable. */
  async endSession(session: SessionRecord, reason: string): Promise<void> {
    const now = this.#deps.clock();
    this.lane(session.id)?.stop();
    await this.#deps.db.write((tx) => this.#deps.sessions.end(tx, session.id, now, reason));
    this.#ended(session, now, reason);
  }

  /** Makes an ended session the current one of its key again. */
  async reopen(session: SessionRecord): Promise<void> {
    const { sessions, db, clock } = this.#deps;
    const now = clock();
    const current = sessions.active(session.key);
    if (current === session) return;
    if (current !== undefined) this.lane(current.id)?.stop();
    await db.write((tx) => {
      if (current !== undefined) sessions.end(tx, current.id, now, 'resumed another');
      sessions.reopen(tx, session.id, now);
    });
    if (current !== undefined) this.#ended(current, now, 'resumed another');
    session.endedAt = undefined;
    session.endReason = undefined;
    session.lastUserAt = now;
    sessions.remember(session);
    this.#show(session);
  }

  /** Stores a change of the session's own fields and shows it. */
  async save(session: SessionRecord): Promise<void> {
    await this.#deps.db.write((tx) => this.#deps.sessions.save(tx, session));
    this.#show(session);
  }

  /** Drops the conversation so that the next turn opens it with the session's present model and file. */
  async closeConversation(session: SessionRecord): Promise<void> {
    const live = this.#live.get(session.id);
    const open = live?.conversation;
    if (live !== undefined) live.conversation = undefined;
    await open?.close();
  }

  view(session: SessionRecord): SessionView {
    return sessionView(session, this.#live.get(session.id)?.lane);
  }

  views(): SessionView[] {
    return [...this.#deps.sessions.all()].map((session) => this.view(session));
  }

  note(session: SessionRecord, role: 'operator' | 'notice', text: string): void {
    this.#say(session, role, text);
  }

  /** Ends the sessions that are due by their policy although nobody wrote. Called by the minute sweep. */
  async sweep(now: number): Promise<SessionRecord[]> {
    const due: SessionRecord[] = [];
    for (const session of this.#deps.sessions.all()) {
      if (session.endedAt !== undefined || this.#atWork(session.id)) continue;
      const decision = resetDecision(
        this.#deps.settings.reset(session.chat.platform, session.chatKind),
        session.lastUserAt,
        now,
      );
      if (!decision.reset) continue;
      await this.endSession(session, decision.reason);
      due.push(session);
    }
    return due;
  }

  /** Forgets sessions that ended before `before`, at most `limit` of them. */
  async forgetEnded(before: number, limit: number): Promise<void> {
    const old = [...this.#deps.sessions.all()]
      .filter((each) => (each.endedAt ?? Number.POSITIVE_INFINITY) < before)
      .slice(0, limit);
    if (old.length === 0) return;
    await this.#deps.db.write((tx) => {
      for (const session of old) tx.run('DELETE FROM sessions WHERE id = ?', [session.id]);
    });
    for (const session of old) {
      this.#deps.sessions.forget(session.id);
      this.#deps.events.emit({ type: 'session-removed', id: session.id });
    }
  }

  get running(): number {
    return this.#deps.slots.running;
  }

  /** No new turns; running ones get `graceMs`, then are aborted. */
  async stop(graceMs: number): Promise<void> {
    const closing = [...this.#live.values()].map((live) => live.lane.close());
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        for (const live of this.#live.values()) live.lane.abort('stopped');
        resolve();
      }, graceMs);
    });
    await Promise.race([Promise.all(closing), grace.then(() => Promise.all(closing))]);
    clearTimeout(timer);
    this.#stopping.abort();
    await Promise.all([...this.#live.values()].map((live) => live.conversation?.close()));
  }

  #atWork(sessionId: string): boolean {
    return !(this.#live.get(sessionId)?.lane.idle ?? true) || this.#deps.busyElsewhere(sessionId);
  }

  #fresh(key: string, message: InboundMessage, now: number): SessionRecord {
    return {
      id: randomUUID(),
      key,
      chat: message.chat,
      chatKind: message.chatKind,
      chatName: message.chatName,
      senderId: message.sender.id,
      senderName: message.sender.name,
      title: sessionTitle(message.text),
      createdAt: now,
      lastUserAt: now,
      endedAt: undefined,
      endReason: undefined,
      sessionFile: undefined,
      model: undefined,
      thinking: undefined,
      paused: false,
      turns: 0,
    };
  }

  #liveOf(session: SessionRecord): Live {
    let live = this.#live.get(session.id);
    if (live === undefined) {
      live = {
        lane: new Lane(this.#port(session)),
        conversation: undefined,
        reply: undefined,
        endTyping: () => {},
      };
      if (session.paused) live.lane.pause();
      this.#live.set(session.id, live);
    }
    return live;
  }

  #port(session: SessionRecord): LanePort {
    const { agent: limits } = this.#deps.settings;
    return {
      slots: this.#deps.slots,
      maxWaiting: limits.maxWaiting,
      turnMs: limits.turnMs,
      silenceMs: limits.silenceMs,
      retryDelaysMs: [500, 2000, 8000],
      conversation: () => this.conversation(session),
      prepare: async (item) => ({ id: item.id, ...(await this.#deps.prepare(item.message, session)) }),
      mark: (item, state) => this.#persist((tx) => this.#deps.inbox.setState(tx, item.id, state)),
      began: (item) => this.#began(session, item),
      event: (item, event) => {
        if (event.type === 'session') {
          session.sessionFile = event.sessionFile;
          void this.save(session).catch((error: unknown) =>
            this.#deps.log.warn('the session file could not be noted', { error: messageOf(error) }),
          );
          return;
        }
        const live = this.#live.get(session.id);
        const shown = live?.reply?.message === item.message ? live.reply.take(event) : undefined;
        if (shown !== undefined)
          this.#deps.events.emit({ type: 'turn', sessionId: session.id, event: shown });
      },
      settled: (item, outcome) => {
        const live = this.#live.get(session.id);
        const reply = live?.reply?.message === item.message ? live.reply : undefined;
        if (live !== undefined && reply !== undefined) live.reply = undefined;
        live?.endTyping();
        return this.#settle(session, item, outcome, reply);
      },
      changed: () => this.#show(session),
    };
  }

  #began(session: SessionRecord, item: InboxItem): void {
    const live = this.#liveOf(session);
    live.endTyping();
    live.reply = new Reply(item.message, {
      adapter: () => this.#deps.adapter(item.message.chat.platform),
      outbox: this.#deps.outbox,
      clock: this.#deps.clock,
      toolActivity: this.#deps.settings.chats(item.message.chat.platform).toolActivity,
      egress: this.#deps.egress,
    });
    live.endTyping = showTyping(
      this.#deps.adapter(item.message.chat.platform),
      item.message.chat,
      this.#deps.settings.agent.turnMs,
    );
  }

  /** Outcome and answer in one commit; then the delivery starts. */
  async #settle(
    session: SessionRecord,
    item: InboxItem,
    outcome: Outcome,
    reply: Reply | undefined,
  ): Promise<void> {
    const { inbox, outbox, egress, log } = this.#deps;
    const final = reply ?? new Reply(item.message, this.#replyDeps(item.message.chat.platform));
    const text = outcomeText(outcome, final.text, item.message);
    const outbound: NewOutbound | undefined =
      text === undefined || (outcome.kind === 'dropped' && this.#deps.agent === undefined)
        ? undefined
        : await final.finish(egress(text), outcomeMeta(outcome, session.id));
    if (outcome.kind === 'answered') session.turns += 1;
    const row = await this.#persist((tx) => {
      inbox.setState(tx, item.id, 'done');
      if (outcome.kind === 'answered') {
        tx.run('UPDATE sessions SET turns = ? WHERE id = ?', [session.turns, session.id]);
      }
      return outbound === undefined ? undefined : outbox.add(tx, outbound);
    }).catch((error: unknown) => {
      log.error('an outcome could not be stored', { id: item.id, error: messageOf(error) });
      return undefined;
    });
    if (row !== undefined) outbox.release(row);
    if (outcome.kind === 'failed')
      log.error(`turn failed: ${outcome.end.message}`, {
        code: outcome.end.code,
        next: outcome.end.hint,
        session: session.id,
      });
    else if (outcome.kind !== 'answered' && outcome.kind !== 'joined')
      log.info(`turn ${outcome.kind}`, { session: session.id });
    if (text !== undefined && text !== '')
      this.#say(session, outcome.kind === 'answered' ? 'agent' : 'notice', text);
  }

  #replyDeps(platform: Platform) {
    return {
      adapter: () => this.#deps.adapter(platform),
      outbox: this.#deps.outbox,
      clock: this.#deps.clock,
      toolActivity: 'off' as const,
      egress: this.#deps.egress,
    };
  }

  #persist<T>(body: (tx: Tx) => T): Promise<T> {
    return persist(this.#deps.db, body, this.#stopping.signal, this.#deps.log);
  }

  #ended(session: SessionRecord, now: number, reason: string): void {
    session.endedAt = now;
    session.endReason = reason;
    this.#deps.sessions.remember(session);
    const live = this.#live.get(session.id);
    this.#live.delete(session.id);
    void live?.conversation?.close();
    this.#show(session);
  }

  #say(session: SessionRecord, role: 'user' | 'agent' | 'operator' | 'notice', text: string): void {
    const entry = { at: this.#deps.clock(), role, text };
    this.transcripts.add(session.id, entry);
    this.#deps.events.emit({ type: 'transcript', sessionId: session.id, entry });
  }

  #show(session: SessionRecord): void {
    this.#deps.events.emit({ type: 'session', session: this.view(session) });
  }

  /** Where a chat's notices go: its present session, if one is known. */
  sessionOfChat(chat: ChatRef, senderId: string): SessionRecord | undefined {
    for (const session of this.#deps.sessions.all())
      if (
        session.endedAt === undefined &&
        session.chat.platform === chat.platform &&
        session.chat.chatId === chat.chatId &&
        session.chat.threadId === chat.threadId &&
        session.senderId === senderId
      )
        return session;
    return undefined;
  }
}
