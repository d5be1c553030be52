import { defined } from '../../base/defined.ts';
import { ownText } from '../../base/own-text.ts';
import type { SessionState, SessionView } from '../model.ts';
import type { TurnQueue } from '../turns/turn-queue.ts';
import type { SessionRecord } from './sessions.ts';

/** The first words of a conversation serve as its title until somebody gives it one. */
export function sessionTitle(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return ownText(line.length > 60 ? `${line.slice(0, 59).toWellFormed()}…` : line);
}

function stateOf(session: SessionRecord, queue: TurnQueue | undefined): SessionState {
  if (session.endedAt !== undefined) return 'ended';
  if (session.paused || queue?.paused) return 'paused';
  if (queue?.current !== undefined || queue?.doing !== undefined) return 'running';
  return queue !== undefined && queue.waiting.length > 0 ? 'queued' : 'idle';
}

export function sessionView(session: SessionRecord, queue: TurnQueue | undefined): SessionView {
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
