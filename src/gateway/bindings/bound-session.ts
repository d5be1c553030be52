/** The session that stands for a binding: how it begins and is stored, and where its messages go when it ends. */
import { randomUUID } from 'node:crypto';
import type { Tx } from '../../store/database.ts';
import { isObject } from '../agent/pi-files.ts';
import type { Core } from '../core.ts';
import type { ChatRef } from '../model.ts';
import type { Inbox, InboxItem } from '../receive/inbox.ts';
import type { Resolved } from '../sessions/resolve-session.ts';
import { boundKey, type SessionRecord, type Sessions } from '../sessions/sessions.ts';
import type { Conversations } from '../turns/conversations.ts';
import type { TerminalPi } from './terminal.ts';

export type BoundPlace = Pick<TerminalPi, 'sessionFile' | 'cwd'>;

/** The session that stands for a binding; `known` is another one of the same chat. */
export function boundSession(
  chat: ChatRef,
  known: SessionRecord | undefined,
  { sessionFile, cwd }: BoundPlace,
  title: string | undefined,
  now: number,
): SessionRecord {
  return {
    id: randomUUID(),
    key: boundKey(chat),
    chat,
    chatKind: known?.chatKind ?? 'dm',
    chatName: known?.chatName,
    senderId: known?.senderId ?? chat.chatId,
    senderName: known?.senderName ?? chat.chatId,
    title: title ?? `pi in ${cwd}`,
    createdAt: now,
    lastUserAt: now,
    endedAt: undefined,
    endReason: undefined,
    sessionFile,
    cwd,
    host: undefined,
    model: undefined,
    thinking: undefined,
    paused: false,
    turns: 0,
  };
}

/** What is stored of a binding. */
export interface Stored {
  readonly sessionId: string;
  /** The pi in a terminal; absent for a session that the gateway works in. */
  readonly terminal?: { readonly lease: string; readonly process: string };
}

/** Undefined for what we did not write. */
export function parseStored(text: string): Stored | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || typeof value['sessionId'] !== 'string') return undefined;
    const { sessionId, terminal } = value;
    if (!isObject(terminal)) return { sessionId };
    const { lease, process } = terminal;
    return typeof lease === 'string' && typeof process === 'string'
      ? { sessionId, terminal: { lease, process } }
      : undefined;
  } catch {
    return undefined;
  }
}

export interface MoveOutDeps extends Pick<Core, 'persist' | 'clock'> {
  readonly sessions: Sessions;
  readonly conversations: Conversations;
  readonly inbox: Inbox;
}

/** How a binding ends. */
interface Ending {
  readonly reason: string;
  /** Stored together with the end. */
  readonly more: (tx: Tx) => void;
  /** The model has been reached for the running turn: anyone who works on it ends it, and it is offered. */
  readonly reached: boolean;
}

/**
 * The chat of a bound session is unbound: the session ends, and what has no outcome goes on in the chat's own one. A turn
 * that has not reached the model waits again. In one commit: nothing is lost, and nothing is defined twice.
 */
export async function moveOut(
  deps: MoveOutDeps,
  session: SessionRecord,
  { reason, more, reached }: Ending,
): Promise<void> {
  const { sessions, conversations, inbox, persist } = deps;
  const now = deps.clock();
  session.endedAt = now;
  session.endReason = reason;
  sessions.remember(session);
  const queue = conversations.queue(session.id);
  const closed = queue?.close();
  if (!reached) queue?.abort('shutdown');
  await closed;
  const waiting = queue?.takeWaiting() ?? [];
  const last = reached ? inbox.lastOf(session.id) : undefined;
  const targets = new Map<string, Resolved>();
  const moves = [...(last === undefined ? [] : [last]), ...inbox.openOf(session.id)].map((item) => {
    const key = conversations.keyOf(item.message);
    const resolved = targets.get(key) ?? conversations.resolve(item.message, now);
    targets.set(key, resolved);
    return { item, resolved };
  });
  await persist((tx) => {
    sessions.end(tx, session.id, now, reason);
    more(tx);
    for (const resolved of targets.values()) conversations.commitResolved(tx, resolved, now);
    for (const { item, resolved } of moves) {
      inbox.move(tx, item, resolved.session.id);
      if (item === last) inbox.offerAgain(tx, item.id, resolved.session.id);
    }
  });
  for (const resolved of targets.values()) conversations.rememberResolved(resolved, now);
  conversations.show(session);
  for (const item of waiting) {
    const resolved = targets.get(conversations.keyOf(item.message));
    if (resolved !== undefined) conversations.waitIn(resolved.session, moved(item, resolved));
  }
  conversations.retire(session);
}

/** A message was accepted for a session whose binding ended in this very moment. */
export async function moveLate(
  { conversations, inbox, persist, clock }: MoveOutDeps,
  item: InboxItem,
): Promise<void> {
  const now = clock();
  const resolved = conversations.resolve(item.message, now);
  await persist((tx) => {
    conversations.commitResolved(tx, resolved, now);
    inbox.setState(tx, item, 'queued');
    inbox.move(tx, item, resolved.session.id);
  });
  conversations.rememberResolved(resolved, now);
  conversations.waitIn(resolved.session, moved(item, resolved));
}

function moved(item: InboxItem, { session }: Resolved): InboxItem {
  return { ...item, sessionId: session.id, state: 'queued' };
}
