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
    ...(session.chatName === undefined ? {} : { chatName: session.chatName }),
    title: session.title,
    state: stateOf(session, queue),
    waiting: queue?.waiting.length ?? 0,
    createdAt: session.createdAt,
    lastUserAt: session.lastUserAt,
    ...(session.endedAt === undefined ? {} : { endedAt: session.endedAt }),
    ...(session.endReason === undefined ? {} : { endReason: session.endReason }),
    ...(current !== undefined
      ? { current: sessionTitle(current.message.text) }
      : queue?.doing === undefined
        ? {}
        : { current: '/compact' }),
    ...(queue?.doing === undefined ? {} : { doing: queue.doing }),
    turns: session.turns,
    ...(session.host === undefined ? {} : { host: session.host }),
    ...(session.model === undefined ? {} : { model: session.model }),
    ...(session.lastFailure === undefined ? {} : { lastFailure: session.lastFailure }),
    ...(session.bound === undefined ? {} : { bound: session.bound }),
  };
}
