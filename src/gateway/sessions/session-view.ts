import { defined } from '../../base/defined.ts';
import { ownText } from '../../base/text.ts';
import type { BoundView, ChatKind, ChatRef, SessionState } from '../model.ts';

/** A session as it is kept. Here, so that the types of the package know nothing of the store. */
export interface SessionRecord {
  readonly id: string;
  readonly key: string;
  readonly chat: ChatRef;
  readonly chatKind: ChatKind;
  readonly chatName: string | undefined;
  /** Who began it; `erased` once everything about them is. */
  senderId: string;
  senderName: string;
  title: string;
  readonly createdAt: number;
  lastUserAt: number;
  endedAt: number | undefined;
  endReason: string | undefined;
  /** The agent's own session file, once known. */
  sessionFile: string | undefined;
  /** The working directory that the session began in; later settings count for later sessions. */
  cwd: string | undefined;
  /** The host of a pool of agents that has the session's file. */
  host: string | undefined;
  model: string | undefined;
  thinking: string | undefined;
  /** The operator has taken over: messages wait. */
  paused: boolean;
  turns: number;
  /** Why the last turn did not end with an answer; not kept over a restart. */
  lastFailure?: { readonly at: number; readonly reason: string } | undefined;
  /** The chat is bound to this session; known while the binding is active. */
  bound?: BoundView | undefined;
}

/** What operators see of a session. A value more is a line here, and one in `sessionView`. */
export interface SessionView {
  readonly id: string;
  readonly chat: ChatRef;
  readonly chatKind: ChatKind;
  readonly senderId: string;
  readonly senderName: string;
  readonly chatName?: string;
  readonly title: string;
  readonly state: SessionState;
  /** Messages waiting behind the running turn. */
  readonly waiting: number;
  readonly createdAt: number;
  readonly lastUserAt: number;
  readonly endedAt?: number;
  readonly endReason?: string;
  /** First words of the message being worked on. */
  readonly current?: string;
  /** What the agent does before it continues with that. */
  readonly doing?: 'starting' | 'compacting';
  /** The host of `agent.hosts` on which it lives. */
  readonly host?: string;
  readonly turns: number;
  readonly model?: string;
  /** The last turn did not end with an answer; gone with the next answer. */
  readonly lastFailure?: NonNullable<SessionRecord['lastFailure']>;
  readonly bound?: BoundView;
}

/** The queue of a session that has one. */
export interface Queue {
  readonly current: { readonly message: { readonly text: string } } | undefined;
  readonly waiting: readonly unknown[];
  readonly doing: SessionView['doing'] | undefined;
  readonly paused: boolean;
}

/** The first words of a conversation serve as its title until someone gives it one. */
export function sessionTitle(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return ownText(line.length > 60 ? `${line.slice(0, 59).toWellFormed()}…` : line);
}

function stateOf(session: SessionRecord, queue: Queue | undefined): SessionState {
  if (session.endedAt !== undefined) return 'ended';
  if (session.paused || queue?.paused) return 'paused';
  if (queue?.current !== undefined || queue?.doing !== undefined) return 'running';
  return queue !== undefined && queue.waiting.length > 0 ? 'queued' : 'idle';
}

export function sessionView(session: SessionRecord, queue: Queue | undefined): SessionView {
  const current = queue?.current;
  return {
    id: session.id,
    chat: session.chat,
    chatKind: session.chatKind,
    senderId: session.senderId,
    senderName: session.senderName,
    ...defined({ chatName: session.chatName }),
    title: session.title,
    state: stateOf(session, queue),
    waiting: queue?.waiting.length ?? 0,
    createdAt: session.createdAt,
    lastUserAt: session.lastUserAt,
    ...defined({ endedAt: session.endedAt, endReason: session.endReason }),
    ...(current !== undefined
      ? { current: sessionTitle(current.message.text) }
      : queue?.doing === undefined
        ? {}
        : { current: '/compact' }),
    ...(queue?.doing === undefined ? {} : { doing: queue.doing }),
    turns: session.turns,
    ...defined({
      host: session.host,
      model: session.model,
      lastFailure: session.lastFailure,
      bound: session.bound,
    }),
  };
}
