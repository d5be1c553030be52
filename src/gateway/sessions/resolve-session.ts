/** Which session a message belongs to; when a session ends: idle, at its hour, not while it is bound; and how it is forgotten. */

import { randomUUID } from 'node:crypto';
import { settlesWithin } from '../../base/async.ts';
import type { Tx } from '../../store/database.ts';
import type { ResetSettings, Settings } from '../config/settings.ts';
import { ChatError, type ChatText, say } from '../language/chat-text.ts';
import type { ChatRef, InboundMessage } from '../model.ts';
import type { InboxItem } from '../receive/inbox.ts';
import { momentOf, wallTime } from '../time-zone.ts';
import type { LiveSession, LiveSessionDeps } from '../turns/live-session.ts';
import { sessionTitle } from './session-view.ts';
import { isBoundKey, type SessionFeed, type SessionRecord, type Sessions, sessionKey } from './sessions.ts';

/** Why a session came to its end. `ResetReason` ones are told to the user, once, in one line. */
type ResetReason = 'idle' | 'daily' | 'reset by the operator';

export function isResetReason(reason: string | undefined): reason is ResetReason {
  return reason === 'idle' || reason === 'daily' || reason === 'reset by the operator';
}

/** The same for the operator. */
export function resetReason(reason: string): string {
  switch (reason) {
    case 'idle':
      return 'no messages for as long as the policy allows';
    case 'daily':
      return 'the hour of the daily reset has passed';
    default:
      return reason;
  }
}

/** The line that a user reads above the first answer of a session that began on its own. */
export function resetNotice(reason: ResetReason): ChatText {
  return say('receive.newSession', { why: reason });
}

type ResetDecision =
  | { readonly reset: false }
  | { readonly reset: true; readonly reason: 'idle' | 'daily'; readonly boundary: number };

/**
 * Is the session due for a new start? Only a user's message moves `lastUserAt`. A clock that jumped backwards
 * (last activity in the future) never resets. With `both`, the boundary that came first gives the reason.
 */
export function resetDecision(settings: ResetSettings, lastUserAt: number, now: number): ResetDecision {
  if (settings.policy === 'none' || now <= lastUserAt) return { reset: false };
  const due: { reason: 'idle' | 'daily'; boundary: number }[] = [];
  if (settings.policy !== 'daily') {
    const boundary = lastUserAt + settings.idleMinutes * 60_000;
    if (now >= boundary) due.push({ reason: 'idle', boundary });
  }
  if (settings.policy !== 'idle') {
    const latest = latestDailyBoundary(now, settings.dailyHour, settings.timeZone);
    if (lastUserAt < latest) due.push({ reason: 'daily', boundary: nextDailyBoundary(lastUserAt, settings) });
  }
  due.sort((a, b) => a.boundary - b.boundary);
  const first = due[0];
  return first === undefined ? { reset: false } : { reset: true, ...first };
}

/** The latest moment at or before `now` at which the wall clock of `timeZone` showed `hour`:00. */
export function latestDailyBoundary(now: number, hour: number, timeZone: string): number {
  const local = wallTime(now, timeZone);
  for (let daysBack = 0; ; daysBack += 1) {
    const boundary = momentOf(local.year, local.month, local.day - daysBack, hour, timeZone);
    if (boundary <= now) return boundary;
  }
}

/** The first boundary after `from`. */
function nextDailyBoundary(from: number, settings: ResetSettings): number {
  const local = wallTime(from, settings.timeZone);
  for (let days = 0; ; days += 1) {
    const boundary = momentOf(
      local.year,
      local.month,
      local.day + days,
      settings.dailyHour,
      settings.timeZone,
    );
    if (boundary > from) return boundary;
  }
}

/** A task keeps its session from being reset, but not for longer than this. */
const TASK_KEEPS_MS = 24 * 60 * 60_000;

/** What the inbox commits together with a message: its session, new or known, and what the user is told about it. */
export interface Resolved {
  readonly session: SessionRecord;
  readonly fresh: boolean;
  /** The session that this message ends. */
  readonly ended: { readonly session: SessionRecord; readonly reason: ResetReason } | undefined;
  /** The session before this one came to its end on its own, now or a while ago: told once. */
  readonly notice: ResetReason | undefined;
  /** What the person who began the session is called now, when that changed: a client may say its name late. */
  readonly renamed?: string;
}

interface SessionResolverDeps {
  readonly settings: Settings;
  readonly sessions: Sessions;
  /** A turn runs or waits in this session: it is not reset. */
  readonly queueBusy: (sessionId: string) => boolean;
  /** A task of this session is working. */
  readonly busyElsewhere: (sessionId: string) => boolean;
  /** The key of the session that a chat is bound to; undefined: it has its own. */
  readonly boundKey: (chat: ChatRef) => string | undefined;
}

/** Finds the session of a message. */
export class SessionResolver {
  readonly #deps: SessionResolverDeps;

  constructor(deps: SessionResolverDeps) {
    this.#deps = deps;
  }

  /** The key of the conversation that a message belongs to. */
  keyOf(message: InboundMessage): string {
    const bound = this.#deps.boundKey(message.chat);
    if (bound !== undefined) return bound;
    return sessionKey({
      chat: message.chat,
      chatKind: message.chatKind,
      senderId: message.sender.id,
      perUser: this.#deps.settings.chats(message.chat.platform).groupSessionsPerUser,
    });
  }

  /** The session that a message belongs to, after a due reset. Nothing has happened until it is committed. */
  resolve(message: InboundMessage, now: number): Resolved {
    const { sessions } = this.#deps;
    const key = this.keyOf(message);
    const known = sessions.active(key);
    const due = known === undefined ? undefined : this.due(known, now);
    if (known !== undefined && due === undefined)
      return {
        session: known,
        fresh: false,
        ended: undefined,
        notice: undefined,
        ...renamed(known, message),
      };
    const before = sessions.latest(key)?.endReason;
    return {
      session: fresh(key, message, now, this.#deps.settings.agentOf(message.chat).cwd),
      fresh: true,
      ended: known === undefined || due === undefined ? undefined : { session: known, reason: due },
      notice: due ?? (isResetReason(before) ? before : undefined),
    };
  }

  /** The running session of a sender in a chat, without a message. */
  ofChat(chat: ChatRef, senderId: string): SessionRecord | undefined {
    const { sessions, boundKey } = this.#deps;
    const bound = boundKey(chat);
    if (bound !== undefined) return sessions.active(bound);
    // Where not the message but only the chat is known, its account is that of the chat's sessions.
    const accountId = sessions.inChat(chat.platform, chat.chatId)?.chat.accountId ?? chat.accountId;
    for (const account of new Set([chat.accountId, accountId]))
      for (const perUser of [true, false]) {
        const place = {
          chat: { ...chat, accountId: account },
          chatKind: 'group',
          senderId,
          perUser,
        } as const;
        const session = sessions.active(sessionKey(place));
        if (session?.senderId === senderId) return session;
      }
    return undefined;
  }

  /** Why a session has to come to its end now, if it has to. */
  due(session: SessionRecord, now: number): ResetReason | undefined {
    // A chat is bound until someone unbinds it.
    if (isBoundKey(session.key)) return undefined;
    const { settings, queueBusy, busyElsewhere } = this.#deps;
    const decision = resetDecision(
      settings.reset(session.chat.platform, session.chatKind),
      session.lastUserAt,
      now,
    );
    if (!decision.reset || queueBusy(session.id)) return undefined;
    if (now - decision.boundary < TASK_KEEPS_MS && busyElsewhere(session.id)) return undefined;
    return decision.reason;
  }

  /** The session's part of the transaction that accepts a message. */
  commit(tx: Tx, resolved: Resolved, now: number): void {
    const { sessions } = this.#deps;
    if (resolved.ended !== undefined) sessions.end(tx, resolved.ended.session.id, now, resolved.ended.reason);
    if (resolved.fresh) sessions.insert(tx, resolved.session);
    else sessions.touch(tx, resolved.session.id, now, resolved.renamed ?? resolved.session.senderName);
  }
}

function renamed(session: SessionRecord, { sender }: InboundMessage): { readonly renamed?: string } {
  if (session.senderId !== sender.id || session.senderName === sender.name) return {};
  return sender.unnamed === true ? {} : { renamed: sender.name };
}

function fresh(key: string, message: InboundMessage, now: number, cwd: string): SessionRecord {
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
    cwd,
    host: undefined,
    model: undefined,
    thinking: undefined,
    paused: false,
    turns: 0,
  };
}

/** What the turns ask about chats that are bound. */
export interface BoundChats {
  readonly keyOf: (chat: ChatRef) => string | undefined;
  readonly refuse: (session: SessionRecord) => void;
  readonly tookLate: (item: InboxItem) => void;
}

/** The session of a bound chat does not end on its own. */
export function refuseBound({ bound }: SessionRecord): void {
  if (bound !== undefined)
    throw new ChatError('session_bound', say('agent.bound'), {
      status: 409,
      hint: say('agent.boundHint'),
    });
}

export function bindingOver(): ChatError {
  return new ChatError('binding_over', say('agent.bindingOver'), {
    status: 410,
    hint: say('agent.bindingOverHint'),
  });
}

/** Longest time that a turn gets to end once it is aborted. */
const ENDING_MS = 15_000;

interface GoneSessionsDeps extends Pick<LiveSessionDeps, 'dialogs' | 'db' | 'timings'> {
  readonly sessions: Sessions;
  readonly live: Map<string, LiveSession>;
  /** Messages that could be restored. */
  readonly dropped: Map<string, InboxItem>;
  readonly feed: SessionFeed;
}

/** Sessions that are forgotten: by age, or with their person. At rest first, then gone from memory as from the store. */
export class GoneSessions {
  readonly #deps: GoneSessionsDeps;

  constructor(deps: GoneSessionsDeps) {
    this.#deps = deps;
  }

  /** Ends what runs and waits in these sessions, and what the agent holds of them; resolves when they are at rest. */
  async quiet(ids: readonly string[]): Promise<void> {
    await Promise.all(
      ids.map(async (id) => {
        const live = this.#deps.live.get(id);
        if (live === undefined) return;
        await live.queue.stop().stored;
        await settlesWithin(live.queue.settled(), ENDING_MS);
        await settlesWithin(live.closeConversation(), ENDING_MS);
      }),
    );
  }

  /** Forgets sessions that ended before `before`, at most `limit` of them; returns their ids. */
  async ended(before: number, limit: number): Promise<string[]> {
    const { db, sessions, feed, timings } = this.#deps;
    const old = sessions.endedBefore(before, limit);
    if (old.length === 0) return old;
    await db.write((tx) => {
      for (const id of old) tx.run('DELETE FROM sessions WHERE id = ?', [id]);
    });
    for (const id of old) {
      sessions.forget(id);
      feed.removed(id);
    }
    timings.forget(old);
    return old;
  }

  /** They are no longer in the store. */
  forget(ids: readonly string[]): void {
    const { live, dropped, dialogs, sessions, feed, timings } = this.#deps;
    timings.forget(ids);
    for (const id of ids) {
      live.delete(id);
      dialogs.ended(id);
      sessions.forget(id);
      feed.removed(id);
    }
    for (const [id, item] of dropped) if (ids.includes(item.sessionId ?? '')) dropped.delete(id);
  }

  /** The person who began this session was erased, and others go on in it. */
  rename(id: string, senderIds: readonly string[]): void {
    const { live, sessions, feed } = this.#deps;
    const session = sessions.get(id);
    if (session === undefined || !senderIds.includes(session.senderId)) return;
    session.senderId = 'erased';
    session.senderName = 'erased';
    session.title = '';
    feed.show(session, live.get(id)?.queue);
  }
}
