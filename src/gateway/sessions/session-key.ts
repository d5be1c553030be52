import type { ChatKind, ChatRef } from '../model.ts';

export interface SessionKeyInput {
  readonly chat: ChatRef;
  readonly chatKind: ChatKind;
  readonly senderId: string;
  /** In groups each user has their own session. */
  readonly perUser: boolean;
}

const BOUND = 'bound:';

/** The conversation of a chat that is bound to a session of pi, no matter who writes there. */
export function boundKey({
  platform,
  chatId,
  threadId,
}: Pick<ChatRef, 'platform' | 'chatId'> & { readonly threadId?: string | undefined }): string {
  return BOUND + JSON.stringify([platform, chatId, threadId ?? null]);
}

export function isBoundKey(key: string): boolean {
  return key.startsWith(BOUND);
}

/** The conversation a message belongs to: platform, account, chat, thread if any; in groups also the sender. */
export function sessionKey({ chat, chatKind, senderId, perUser }: SessionKeyInput): string {
  const sender = chatKind === 'group' && perUser ? senderId : null;
  return JSON.stringify([chat.platform, chat.accountId, chat.chatId, chat.threadId ?? null, sender]);
}
