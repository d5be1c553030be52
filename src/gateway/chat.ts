/**
 * Platforms, their chats, the messages that come from them, and what the ids of each look like: the words that every
 * other word of the domain stands on.
 */
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

/**
 * What the ids of each platform look like. Access is decided by comparing ids: an entry that has another shape matches
 * no one, in silence, so it is refused wherever an operator can write one.
 */

/** `user`: who writes. `group`: where a bot listens. `chat`: any chat, direct messages included. */
export type IdKind = 'user' | 'group' | 'chat';

export interface IdFault {
  /** Completes "expected …". */
  readonly expected: string;
  /** What was probably meant, and how to find the id. */
  readonly advice: string;
}

interface Shape {
  readonly fits: RegExp;
  /** Completes "expected …". */
  readonly expected: string;
  readonly find: string;
}

const SEEN = 'when someone writes to the bot, the pairing list shows their id';

/** Discord's ids begin with the milliseconds since 2015: shorter ones were never given out. */
const SNOWFLAKE = /^\d{15,20}$/;

const SHAPES: Readonly<Record<Platform, Readonly<Record<IdKind, Shape>>>> = {
  telegram: {
    // Channels and anonymous administrators write under the (negative) id of their chat.
    user: shape(
      /^-?[1-9]\d{0,18}$/,
      'a numeric Telegram user id such as 81234567; names never match',
      `To find it: ${SEEN}.`,
    ),
    group: shape(
      /^-[1-9]\d{0,18}$/,
      'a numeric Telegram group id such as -1001234567890',
      'To find it: write to the bot in the group, the rejected messages show its id.',
    ),
    chat: shape(
      /^-?[1-9]\d{0,18}$/,
      'a numeric Telegram chat id such as 81234567 or -1001234567890',
      'To find it: the session list shows the id of each chat.',
    ),
  },
  discord: {
    user: shape(
      SNOWFLAKE,
      'a Discord user id of 15 to 20 digits such as 370000000000000001; names never match',
      'To find it: turn on Developer Mode in Discord (Settings, Advanced), then right-click the user and select Copy User ID.',
    ),
    group: discordChannel(),
    chat: discordChannel(),
  },
  slack: {
    user: shape(
      /^(?:[TE][A-Z\d]+:)?[UWB][A-Z\d]{3,}$/,
      'a Slack member id such as U0123ABCD, or <team>:<member> such as T0123ABCD:U0123ABCD; names never match',
      'To find it: open the profile of the user in Slack, then More and Copy member ID.',
    ),
    group: slackChannel('CG', 'a Slack channel id such as C0123ABCD; names never match'),
    chat: slackChannel('CGD', 'a Slack channel id such as C0123ABCD or D0123ABCD; names never match'),
  },
  whatsapp: {
    user: shape(
      /^(?:\+[1-9]\d{4,19}|\d+@(?:lid|s\.whatsapp\.net|bot))$/,
      'a phone number such as +4915112345678 without spaces, or a WhatsApp id such as 447700900123@lid',
      `Write the number with + and country code. To find the id: ${SEEN}.`,
    ),
    group: shape(
      /^[\d-]+@g\.us$/,
      'a WhatsApp group id such as 120363000000000000@g.us; names never match',
      'To find it: write to the bot in the group, the rejected messages show its id.',
    ),
    chat: shape(
      /^[\d-]+@(?:g\.us|lid|s\.whatsapp\.net)$/,
      'a WhatsApp chat id such as 447700900123@lid or 120363000000000000@g.us',
      'To find it: the session list shows the id of each chat.',
    ),
  },
  twitch: {
    user: shape(
      /^\d{1,20}$/,
      'a numeric Twitch user id such as 500123; login names change and never match',
      `To find it: ${SEEN}.`,
    ),
    group: twitchChannel(),
    chat: twitchChannel(),
  },
  websocket: { user: client(), group: client(), chat: client() },
};

/** Why an id can never match; undefined for one that can. Pure. */
export function idFault(platform: Platform, kind: IdKind, id: string): IdFault | undefined {
  const { fits, expected, find } = SHAPES[platform][kind];
  if (fits.test(id)) return undefined;
  const meant = meantId(platform, kind, id);
  return { expected, advice: meant === undefined ? find : `Did you mean "${meant}"? ${find}` };
}

/** Servers of WhatsApp that are other spellings of the two kinds of person. */
const WHATSAPP_SERVERS: Readonly<Record<string, string>> = {
  's.whatsapp.net': 's.whatsapp.net',
  'c.us': 's.whatsapp.net',
  hosted: 's.whatsapp.net',
  lid: 'lid',
  'hosted.lid': 'lid',
};

/**
 * The one spelling of a user id: two ids name the same person when theirs are equal. On WhatsApp a phone number has
 * several (`+<digits>`, `<digits>@s.whatsapp.net`, `@c.us`, with a device); elsewhere an id has one. Pure.
 */
export function canonicalId(platform: Platform, id: string): string {
  if (platform !== 'whatsapp') return id;
  const number = /^\+(\d+)$/.exec(id)?.[1];
  if (number !== undefined) return `${number}@s.whatsapp.net`;
  const [, user = '', written = ''] = /^(\d+)(?:[:_]\d+)*@([a-z.]+)$/.exec(id) ?? [];
  const server = WHATSAPP_SERVERS[written];
  return server === undefined ? id : `${user}@${server}`;
}

/** Those of `listed` that name the same person as one of `ids`, however they are written. Pure. */
export function namedBy(platform: Platform, listed: readonly string[], ids: readonly string[]): string[] {
  if (listed.length === 0) return [];
  const known = new Set(ids.map((id) => canonicalId(platform, id)));
  return listed.filter((id) => known.has(canonicalId(platform, id)));
}

/** The same as one sentence, for a prompt. */
export function userIdFault(platform: Platform, id: string): string | undefined {
  const fault = idFault(platform, 'user', id);
  return fault === undefined ? undefined : `Expected ${fault.expected}. ${fault.advice}`;
}

/** The id in what is nearly one: blanks, a platform before it, a mention, other letters, a number as people write it. */
function meantId(platform: Platform, kind: IdKind, id: string): string | undefined {
  const bare = id
    .trim()
    .replace(new RegExp(`^${platform}:`, 'i'), '')
    .replace(/^<[@#][!&]?([^>|]+)(?:\|[^>]*)?>$/, '$1')
    .replace(/^(["'])(.*)\1$/, '$2')
    .trim();
  const person = /^(\d+)(?:[:_]\d+)?@(?:c\.us|s\.whatsapp\.net|hosted)$/.exec(bare)?.[1];
  const tries = [bare, bare.toLowerCase().replace(/^#/, '')];
  // "bob" is a name, not the id BOB.
  if (platform === 'slack' && /\d/.test(bare)) tries.push(bare.toUpperCase());
  if (platform === 'telegram' && kind === 'group') tries.push(`-${bare}`);
  if (platform === 'whatsapp' && person !== undefined) tries.push(`${person}@s.whatsapp.net`);
  if (platform === 'whatsapp' && /^\+?[\d\s().-]+$/.test(bare)) tries.push(`+${bare.replace(/\D/g, '')}`);
  return tries.find((each) => SHAPES[platform][kind].fits.test(each));
}

function shape(fits: RegExp, expected: string, find: string): Shape {
  return { fits, expected, find };
}

function discordChannel(): Shape {
  return shape(
    SNOWFLAKE,
    'a Discord channel id of 15 to 20 digits such as 370000000000000001; names never match',
    'To find it: turn on Developer Mode in Discord (Settings, Advanced), then right-click the channel and select Copy Channel ID.',
  );
}

function slackChannel(first: string, expected: string): Shape {
  return shape(
    new RegExp(`^[${first}][A-Z\\d]{3,}$`),
    expected,
    'To find it: open the channel details in Slack; the channel id is at the bottom.',
  );
}

/** The login of a channel is the id of its chat. */
function twitchChannel(): Shape {
  return shape(
    /^[a-z\d_]{1,25}$/,
    'the login name of a Twitch channel in lowercase, without #',
    'It is the last part of the address of the channel: https://www.twitch.tv/<login>.',
  );
}

function client(): Shape {
  return shape(
    /^\S(?:.*\S)?$/s,
    'the client id of a WebSocket client, without spaces around it',
    `To find it: ${SEEN}.`,
  );
}
