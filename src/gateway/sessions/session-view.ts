import { ownText } from '../../base/own-text.ts';
import type { SessionState, SessionView } from '../model.ts';
import type { Lane } from '../turns/lane.ts';
import type { SessionRecord } from './sessions.ts';

/** The first words of a conversation serve as its title until somebody gives it one. */
export function sessionTitle(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return ownText(line.length > 60 ? `${line.slice(0, 59).toWellFormed()}…` : line);
}

function stateOf(session: SessionRecord, lane: Lane | undefined): SessionState {
  if (session.endedAt !== undefined) return 'ended';
  if (session.paused || lane?.paused) return 'paused';
  if (lane?.current !== undefined || lane?.doing !== undefined) return 'running';
  return lane !== undefined && lane.waiting.length > 0 ? 'queued' : 'idle';
}

export function sessionView(session: SessionRecord, lane: Lane | undefined): SessionView {
  const current = lane?.current;
  return {
    id: session.id,
    chat: session.chat,
    chatKind: session.chatKind,
    senderId: session.senderId,
    senderName: session.senderName,
    ...(session.chatName === undefined ? {} : { chatName: session.chatName }),
    title: session.title,
    state: stateOf(session, lane),
    waiting: lane?.waiting.length ?? 0,
    createdAt: session.createdAt,
    lastUserAt: session.lastUserAt,
    ...(session.endedAt === undefined ? {} : { endedAt: session.endedAt }),
    ...(session.endReason === undefined ? {} : { endReason: session.endReason }),
    ...(current !== undefined
      ? { current: sessionTitle(current.message.text) }
      : lane?.doing === undefined
        ? {}
        : { current: '/compact' }),
    ...(lane?.doing === undefined ? {} : { doing: lane.doing }),
    turns: session.turns,
    ...(session.host === undefined ? {} : { host: session.host }),
    ...(session.model === undefined ? {} : { model: session.model }),
    ...(session.lastFailure === undefined ? {} : { lastFailure: session.lastFailure }),
    ...(session.bound === undefined ? {} : { bound: session.bound }),
  };
}
