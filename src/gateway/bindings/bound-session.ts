import { randomUUID } from 'node:crypto';
import { isObject } from '../agent/pi-files.ts';
import type { ChatRef } from '../model.ts';
import type { SessionRecord } from '../sessions/sessions.ts';
import { boundKey } from '../sessions/sessions.ts';
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
