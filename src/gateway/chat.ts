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

export interface Sender {
  /** The platform's stable id; never a name. */
  readonly id: string;
  /** Other stable ids of the same person (WhatsApp: phone JID next to LID). */
  readonly aliases?: readonly string[];
  readonly name: string;
  /** The platform knows no name: the one here is made up, and no better one gives way to it. */
  readonly unnamed?: true;
  readonly isBot?: boolean;
  /** True for our own bot's messages and the platform's echo of them. */
  readonly isSelf?: boolean;
}

export interface Attachment {
  readonly kind: 'image' | 'audio' | 'video' | 'file';
  readonly name: string;
  readonly mimeType: string;
  readonly sizeBytes?: number;
  /** Opaque to the core: the adapter fetches the bytes from it, even after a restart. */
  readonly ref: string;
}

/** A message that another one refers to: quoted, forwarded, or above it in a thread. Texts are raw, as in `InboundMessage`. */
export interface ReferredMessage {
  readonly messageId?: string;
  /** Display name of its author; absent where the platform hides it. */
  readonly author?: string;
  /** Written by this gateway's bot. */
  readonly fromBot?: boolean;
  readonly text?: string;
  readonly attachments?: readonly Attachment[];
  /** When the platform says it was sent. */
  readonly sentAt?: number;
}

/** A message as an adapter hands it in. Texts are raw here; the inbox sanitises them. */
export interface InboundMessage {
  /** Identity of the platform's update on this account; the same update delivered again has the same key. */
  readonly dedupeKey: string;
  /** Further identities of the same message (for example chat + message id next to the update id). */
  readonly alsoKnownAs?: readonly string[];
  readonly chat: ChatRef;
  readonly chatKind: ChatKind;
  readonly chatName?: string;
  readonly sender: Sender;
  readonly text: string;
  /** The platform's id of this message: replies refer to it. */
  readonly messageId: string;
  /** The client's own correlation id (WebSocket `prompt.id`). */
  readonly promptId?: string;
  /** It has its outcome, and its text was too long to be kept. */
  readonly textForgotten?: true;
  /** The message that this one answers. Its attachments are given to the agent like the message's own. */
  readonly replyTo?: ReferredMessage & { readonly messageId: string };
  /**
   * The content was forwarded: who wrote it first (a person, a channel), as far as the platform says. With a `text` or
   * `attachments` of its own this is the forwarded message, and the message's own text is a comment on it; without, the
   * message's own content is what was forwarded.
   */
  readonly forwardedFrom?: ReferredMessage;
  /** The messages above this one in a thread that the bot was called into, oldest first; at most 30. */
  readonly above?: readonly ReferredMessage[];
  /** Name of the topic or thread, where the platform sends it. */
  readonly threadName?: string;
  /** The thread is a room of the group (a forum topic), not a branch of one message: follow-ups need their mention. */
  readonly topic?: boolean;
  /** Spoken: an attachment of this message is a voice recording. */
  readonly voice?: boolean;
  /**
   * What the message contains that cannot be read, as a noun phrase ("a story", "a game"). With no text and no
   * attachment next to it, a direct message is answered with one sentence that names it.
   */
  readonly unreadable?: string;
  /**
   * Written in another chat that only shows up here (Twitch shared chat): the rules of this chat say nothing about its
   * author, and it is not answered.
   */
  readonly fromElsewhere?: true;
  /** The platform has no direct messages: a new user who calls the bot here is paired here. */
  readonly pairsHere?: true;
  /** The bot was mentioned, or the message replies to the bot. Always true in DMs. */
  readonly mentioned: boolean;
  readonly attachments?: readonly Attachment[];
  /** Pieces of one album share this id: the core joins them. */
  readonly albumId?: string;
  /**
   * Set by the core: the pieces that this message was joined from, in order. An edit of one changes its part. `cut`: the
   * next piece goes on in the middle of a line.
   */
  readonly joinedFrom?: readonly {
    readonly messageId: string;
    readonly text: string;
    readonly cut?: boolean;
    readonly files?: number;
  }[];
  /** Set by the core: its author edited it before its turn began. */
  readonly revised?: boolean;
  /** Set by the core: no mention, but the bot was called in this thread before. */
  readonly followsUp?: boolean;
  /** This is an edit of the message with the same `messageId`. */
  readonly edited?: boolean;
  /** When the platform says it was sent; absent where unknown. */
  readonly sentAt?: number;
  /** The language code that the platform gives for the sender (`de`, `pt-BR`); absent where it gives none. */
  readonly language?: string;
}

// ---- what an operator sees ------------------------------------------------------------------------------------
