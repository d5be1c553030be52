/**
 * What Discord sends, as far as the adapter reads it, and what a message says: its text, and everything that is neither
 * text nor a file, in words.
 */

import { type Static, Type } from 'typebox';
import type { Attachment } from '../../gateway/model.ts';

/** Kinds that the agent gets. One table: the docs are made of it. */
export const GIVEN = {
  content: 'the text; mentions, custom emoji and slash commands by name',
  attachments: 'files and pictures, several in one message',
  'voice message': 'a file; the message is marked as a voice message',
  embeds: 'author, title with its address, description, fields and footer',
  stickers: 'the name of each',
  poll: 'question and answers, with votes',
  components: 'their texts',
  message_snapshots: 'the forwarded message with all of these, marked as a forward',
  referenced_message: 'author, text and files of the message that is answered; whether it was deleted',
} as const satisfies Readonly<Record<string, string>>;

/** Kinds that cannot be read, and what they are called. */
export const UNREADABLE = {
  activity: 'an invitation to an activity',
  call: 'a call',
  'anything else': 'this kind of message',
} as const satisfies Readonly<Record<string, string>>;

/** Notices that Discord writes in someone's name, where a quote or a thread shows them. Others are "a notice". */
const NOTICES: Readonly<Record<number, string>> = {
  1: 'added someone to the group',
  2: 'removed someone from the group',
  3: 'called',
  4: 'renamed the channel',
  5: 'changed the icon of the channel',
  6: 'pinned a message',
  7: 'joined the server',
  8: 'boosted the server',
  12: 'followed a channel',
  18: 'started a thread',
  46: 'a poll has ended',
};

/** Discord calls a recording a file of a message with this flag. */
const VOICE = 1 << 13;

/** Messages that someone wrote: plain ones, replies, and what a bot answers to a command. */
const WRITTEN: ReadonlySet<number> = new Set([0, 19, 20, 23]);

export function isWritten(type: number | undefined): boolean {
  return type === undefined || WRITTEN.has(type);
}

export function isVoice(message: DiscordContent): boolean {
  return ((message.flags ?? 0) & VOICE) !== 0;
}

/** The text of a message, a line for each thing; empty where it has none. `named` resolves what stands for a name. */
export function contentText(message: DiscordContent, named: (text: string) => string): string {
  if (!isWritten(message.type)) {
    const said = NOTICES[message.type ?? 0] ?? 'a notice of Discord';
    return `[${said}]`;
  }
  const content = message.content ?? '';
  const parts = [
    named(content),
    ...(message.embeds ?? []).map((embed) => named(embedText(embed, content))),
    ...(message.poll === undefined || message.poll === null ? [] : [pollText(message.poll)]),
    ...(message.sticker_items ?? []).map(({ name }) => `[sticker ${name}]`),
    named(componentText(message.components)),
  ];
  return parts.filter((part) => part.trim() !== '').join('\n');
}

/** A preview of an address that is in the text does not repeat the address. */
function embedText(
  { author, title, url, description, fields, footer, image }: DiscordEmbed,
  content: string,
): string {
  const address = url ?? undefined;
  const linked = address === undefined || content.includes(address) ? undefined : address;
  const heading = title ?? '';
  const lines = [
    author?.name ?? '',
    heading !== '' && linked !== undefined
      ? `[${heading}](${linked})`
      : heading !== ''
        ? heading
        : (linked ?? ''),
    description ?? '',
    ...(fields ?? []).map(({ name, value }) => [name, value].filter((part) => part !== '').join(': ')),
    footer?.text ?? '',
  ].filter((line) => line !== '');
  if (lines.length === 0 && image?.url !== undefined && !content.includes(image.url))
    return `[image](${image.url})`;
  return lines.join('\n');
}

function pollText({ question, answers = [], results }: DiscordPoll): string {
  const votes = new Map((results?.answer_counts ?? []).map(({ id, count }) => [id, count]));
  const voted = [...votes.values()].some((count) => count > 0);
  const options = answers.map(({ answer_id: id, poll_media: media }) => {
    const name = [media.emoji?.name ?? '', media.text ?? ''].filter((part) => part !== '').join(' ');
    return `- ${name}${voted ? ` (${votes.get(id ?? -1) ?? 0})` : ''}`;
  });
  const over = results?.is_finalized === true ? ', closed' : '';
  return [`[poll${over}] ${question.text ?? ''}`, ...options].join('\n');
}

/** Text displays and labels, however deep they stand. */
function componentText(components: unknown, depth = 0): string {
  if (!Array.isArray(components) || depth > 5) return '';
  return components
    .map((component: unknown) => {
      if (typeof component !== 'object' || component === null) return '';
      const content =
        'content' in component && typeof component.content === 'string' ? component.content : '';
      const below = 'components' in component ? componentText(component.components, depth + 1) : '';
      return [content, below].filter((part) => part !== '').join('\n');
    })
    .filter((part) => part !== '')
    .join('\n');
}

/** What is needed to fetch a file again after its address has expired. */
interface FileRef {
  readonly channelId: string;
  readonly messageId: string;
  readonly attachmentId: string;
  readonly url: string;
}

/** The files of a message; `holder` is the message that Discord shows them with. */
export function filesOf(
  content: DiscordContent,
  holder: { readonly channelId: string; readonly messageId: string },
): readonly Attachment[] {
  return (content.attachments ?? []).map((file) => {
    const ref: FileRef = { ...holder, attachmentId: file.id, url: file.url };
    const major = (file.content_type ?? '').split('/')[0];
    return {
      kind: major === 'image' || major === 'audio' || major === 'video' ? major : 'file',
      name: file.filename,
      mimeType: file.content_type ?? 'application/octet-stream',
      sizeBytes: file.size,
      ref: JSON.stringify(ref),
    };
  });
}

/** What of a message cannot be read; undefined where all of it can. */
export function unreadableOf(
  message: DiscordContent & { readonly activity?: unknown; readonly call?: unknown },
) {
  if ((message.activity ?? undefined) !== undefined) return UNREADABLE.activity;
  if ((message.call ?? undefined) !== undefined) return UNREADABLE.call;
  return undefined;
}

/** Who we are, as far as a text can name us. */
export interface OwnName {
  readonly id: string;
  readonly name: string;
  /** The role Discord made for us in the server of the message. */
  readonly roleId: string | undefined;
  /** Names of channels, as far as they are known. */
  readonly channelName?: (id: string) => string | undefined;
}

/**
 * The text as people read it: our own mention at its start or end is only an address and goes, elsewhere mentions
 * and custom emoji become names.
 */
export function readableText(content: string, own: OwnName, mentions: readonly DiscordUser[]): string {
  const ours = own.roleId === undefined ? `<@!?${own.id}>` : `<@!?${own.id}>|<@&${own.roleId}>`;
  const addressed = content
    .replace(new RegExp(`^\\s*(?:(?:${ours})[\\s,:]*)+`), '')
    .replace(new RegExp(`(?:\\s*(?:${ours}))+\\s*$`), '');
  return namedText(addressed, own, mentions);
}

/** Mentions, channels, custom emoji and commands as names; nothing is left out. */
export function namedText(text: string, own: OwnName, mentions: readonly DiscordUser[]): string {
  const names = new Map(mentions.map((user) => [user.id, user.global_name ?? user.username]));
  names.set(own.id, own.name);
  const named = (token: string, id: string): string => {
    const name = names.get(id);
    return name === undefined ? token : `@${name}`;
  };
  return text
    .replace(/<@!?(\d+)>/g, named)
    .replace(/<@&(\d+)>/g, (token, id: string) => (id === own.roleId ? `@${own.name}` : token))
    .replace(/<#(\d+)>/g, (token, id: string) => {
      const name = own.channelName?.(id);
      return name === undefined ? token : `#${name}`;
    })
    .replace(/<(\/[^:<>]{1,100}):\d+>/g, '$1')
    .replace(/<a?(:\w+:)\d+>/g, '$1');
}

/**
 * The part of Discord's objects that the adapter reads, from gateway events and REST answers alike.
 * Source: https://discord.com/developers/docs/resources/message
 */

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Optional(Type.Union([type, Type.Null()]));

const User = Type.Object({
  id: Type.String(),
  username: Type.String(),
  global_name: Nullable(Type.String()),
  bot: Type.Optional(Type.Boolean()),
});

const Member = Type.Object({ nick: Nullable(Type.String()) });

export const AttachedFile = Type.Object({
  id: Type.String(),
  filename: Type.String(),
  content_type: Nullable(Type.String()),
  size: Type.Integer(),
  url: Type.String(),
});

const Embed = Type.Object({
  author: Nullable(Type.Object({ name: Nullable(Type.String()) })),
  title: Nullable(Type.String()),
  url: Nullable(Type.String()),
  description: Nullable(Type.String()),
  fields: Nullable(Type.Array(Type.Object({ name: Type.String(), value: Type.String() }))),
  footer: Nullable(Type.Object({ text: Nullable(Type.String()) })),
  image: Nullable(Type.Object({ url: Type.String() })),
});

const PollMedia = Type.Object({
  text: Nullable(Type.String()),
  emoji: Nullable(Type.Object({ name: Nullable(Type.String()) })),
});

const Poll = Type.Object({
  question: PollMedia,
  answers: Type.Optional(
    Type.Array(Type.Object({ answer_id: Type.Optional(Type.Integer()), poll_media: PollMedia })),
  ),
  results: Nullable(
    Type.Object({
      is_finalized: Type.Optional(Type.Boolean()),
      answer_counts: Type.Optional(Type.Array(Type.Object({ id: Type.Integer(), count: Type.Integer() }))),
    }),
  ),
});

/** What a message, a forwarded one and a quoted one have in common. */
const CONTENT = {
  /** 0 is a plain message, 19 a reply; most other types are notices of Discord itself. */
  type: Type.Optional(Type.Integer()),
  content: Type.Optional(Type.String()),
  flags: Type.Optional(Type.Integer()),
  timestamp: Type.Optional(Type.String()),
  attachments: Type.Optional(Type.Array(AttachedFile)),
  embeds: Type.Optional(Type.Array(Embed)),
  sticker_items: Type.Optional(Type.Array(Type.Object({ name: Type.String() }))),
  poll: Nullable(Poll),
  components: Type.Optional(Type.Unknown()),
  mentions: Type.Optional(Type.Array(User)),
};

const Snapshots = Type.Optional(Type.Array(Type.Object({ message: Type.Object(CONTENT) })));

/** A message that another one shows, or one that was asked for. */
export const Quoted = Type.Object({
  ...CONTENT,
  id: Type.String(),
  channel_id: Type.Optional(Type.String()),
  author: User,
  /** A forwarded message has its content here. */
  message_snapshots: Snapshots,
  /** The message that a thread began with stands in the channel above: the thread's first message shows it. */
  referenced_message: Nullable(
    Type.Object({ ...CONTENT, id: Type.String(), author: User, message_snapshots: Snapshots }),
  ),
});

export const Message = Type.Object({
  ...CONTENT,
  id: Type.String(),
  type: Type.Integer(),
  channel_id: Type.String(),
  guild_id: Type.Optional(Type.String()),
  author: User,
  member: Type.Optional(Member),
  webhook_id: Type.Optional(Type.String()),
  content: Type.String(),
  timestamp: Type.String(),
  edited_timestamp: Nullable(Type.String()),
  mention_roles: Type.Optional(Type.Array(Type.String())),
  message_snapshots: Snapshots,
  message_reference: Nullable(
    Type.Object({
      message_id: Type.Optional(Type.String()),
      channel_id: Type.Optional(Type.String()),
    }),
  ),
  /** Null: deleted. Absent: Discord did not look it up. */
  referenced_message: Nullable(Quoted),
  activity: Type.Optional(Type.Unknown()),
  call: Type.Optional(Type.Unknown()),
});

export const Channel = Type.Object({
  id: Type.String(),
  type: Type.Integer(),
  name: Nullable(Type.String()),
  parent_id: Nullable(Type.String()),
});

const CommandOption = Type.Object({ name: Type.String(), value: Type.Optional(Type.Unknown()) });

export const Interaction = Type.Object({
  id: Type.String(),
  token: Type.String(),
  /** 2 is a slash command, 3 a pressed button. */
  type: Type.Integer(),
  channel_id: Type.String(),
  guild_id: Type.Optional(Type.String()),
  /** 0 in a server, 1 alone with the bot, 2 in a conversation of people that the bot is no part of. */
  context: Type.Optional(Type.Integer()),
  channel: Type.Optional(Channel),
  /** The language of the person's app. */
  locale: Type.Optional(Type.String()),
  user: Type.Optional(User),
  member: Type.Optional(Type.Object({ nick: Nullable(Type.String()), user: User })),
  data: Type.Optional(
    Type.Object({
      name: Type.Optional(Type.String()),
      options: Type.Optional(Type.Array(CommandOption)),
      custom_id: Type.Optional(Type.String()),
    }),
  ),
  message: Type.Optional(Type.Object({ id: Type.String(), content: Type.Optional(Type.String()) })),
});

export const Ready = Type.Object({
  user: Type.Object({ id: Type.String(), username: Type.String() }),
  application: Type.Object({ id: Type.String() }),
});

export const Sent = Type.Object({ id: Type.String() });

export type DiscordUser = Static<typeof User>;
type DiscordEmbed = Static<typeof Embed>;
type DiscordPoll = Static<typeof Poll>;
export type DiscordQuoted = Static<typeof Quoted>;
export type DiscordMessage = Static<typeof Message>;
const ContentObject = Type.Object(CONTENT);
export type DiscordContent = Static<typeof ContentObject>;
export type DiscordChannel = Static<typeof Channel>;
export type DiscordInteraction = Static<typeof Interaction>;

/** Threads are channels of these types: announcement, public, private. */
export const isThread = (type: number): boolean => type === 10 || type === 11 || type === 12;

/** `MESSAGE_DELETE` has one id, `MESSAGE_DELETE_BULK` several. */
export const Deletion = Type.Object({
  id: Type.Optional(Type.String()),
  ids: Type.Optional(Type.Array(Type.String())),
  channel_id: Type.String(),
  guild_id: Type.Optional(Type.String()),
});
