import { randomUUID } from 'node:crypto';
import type { Settings } from '../config/settings.ts';
import type { InboundMessage } from '../model.ts';
import type { Tx } from '../store/database.ts';
import { isResetReason, type ResetReason } from './reset-notice.ts';
import { resetDecision } from './reset-policy.ts';
import { sessionKey } from './session-key.ts';
import { sessionTitle } from './session-view.ts';
import type { SessionRecord, Sessions } from './sessions.ts';

/** A task keeps its session from being reset, but not for longer than this. */
const TASK_KEEPS_MS = 24 * 60 * 60_000;

/** What the inbox commits together with a message: its session, new or known, and what the user is told about it. */
export interface Place {
  readonly session: SessionRecord;
  readonly fresh: boolean;
  /** The session that this message ends. */
  readonly ended: { readonly session: SessionRecord; readonly reason: ResetReason } | undefined;
  /** The session before this one came to its end by itself, now or a while ago: told once. */
  readonly notice: ResetReason | undefined;
}

export interface PlacingDeps {
  readonly settings: Settings;
  readonly sessions: Sessions;
  /** A turn runs or waits in this session: it is not reset. */
  readonly laneBusy: (sessionId: string) => boolean;
  /** A task of this session is at work. */
  readonly busyElsewhere: (sessionId: string) => boolean;
}

/** Finds the session of a message. */
export class Placing {
  readonly #deps: PlacingDeps;

  constructor(deps: PlacingDeps) {
    this.#deps = deps;
  }

  /** The key of the conversation that a message belongs to. */
  keyOf(message: InboundMessage): string {
    return sessionKey({
      chat: message.chat,
      chatKind: message.chatKind,
      senderId: message.sender.id,
      perUser: this.#deps.settings.chats(message.chat.platform).groupSessionsPerUser,
    });
  }

  /** The session that a message belongs to, after a due reset. Nothing has happened until it is committed. */
  place(message: InboundMessage, now: number): Place {
    const { sessions } = this.#deps;
    const key = this.keyOf(message);
    const known = sessions.active(key);
    const due = known === undefined ? undefined : this.due(known, now);
    if (known !== undefined && due === undefined)
      return { session: known, fresh: false, ended: undefined, notice: undefined };
    const before = sessions.latest(key)?.endReason;
    return {
      session: fresh(key, message, now, this.#deps.settings.agentOf(message.chat).cwd),
      fresh: true,
      ended: known === undefined || due === undefined ? undefined : { session: known, reason: due },
      notice: due ?? (isResetReason(before) ? before : undefined),
    };
  }

  /** Why a session has to come to its end now, if it has to. */
  due(session: SessionRecord, now: number): ResetReason | undefined {
    const { settings, laneBusy, busyElsewhere } = this.#deps;
    const decision = resetDecision(
      settings.reset(session.chat.platform, session.chatKind),
      session.lastUserAt,
      now,
    );
    if (!decision.reset || laneBusy(session.id)) return undefined;
    if (now - decision.boundary < TASK_KEEPS_MS && busyElsewhere(session.id)) return undefined;
    return decision.reason;
  }

  /** The session's part of the transaction that accepts a message. */
  commit(tx: Tx, place: Place, now: number): void {
    const { sessions } = this.#deps;
    if (place.ended !== undefined) sessions.end(tx, place.ended.session.id, now, place.ended.reason);
    if (place.fresh) sessions.insert(tx, place.session);
    else sessions.touch(tx, place.session.id, now);
  }
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
