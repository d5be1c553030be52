/** Platforms and their chats: the words that every other word of the domain stands on. */

export const PLATFORMS = ['telegram', 'discord', 'slack', 'whatsapp', 'twitch', 'websocket'] as const;

/** As people write them. */
export const PLATFORM_NAMES: Readonly<Record<Platform, string>> = {
  telegram: 'Telegram',
  discord: 'Discord',
  slack: 'Slack',
  whatsapp: 'WhatsApp',
  twitch: 'Twitch',
  websocket: 'WebSocket',
};
export type Platform = (typeof PLATFORMS)[number];

export function isPlatform(value: unknown): value is Platform {
  return typeof value === 'string' && (PLATFORMS as readonly string[]).includes(value);
}

export type ChatKind = 'dm' | 'group';

/** Where a message came from and where an answer goes. */
export interface ChatRef {
  readonly platform: Platform;
  /** Which of our bots on that platform; "default" where there is one. */
  readonly accountId: string;
  readonly chatId: string;
  readonly threadId?: string;
}

/** One string for one chat (thread included); used as a map key and the key of its send queue. */
export function chatKey(chat: ChatRef): string {
  return JSON.stringify([chat.platform, chat.accountId, chat.chatId, chat.threadId ?? null]);
}
