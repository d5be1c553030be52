/**
 * The part of Discord's objects that the adapter reads, from gateway events and REST answers alike.
 * Source: https://discord.com/developers/docs/resources/message
 */
import { type Static, Type } from 'typebox';

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Optional(Type.Union([type, Type.Null()]));

const User = Type.Object({
  id: Type.String(),
  username: Type.String(),
  global_name: Nullable(Type.String()),
  bot: Type.Optional(Type.Boolean()),
});

const Member = Type.Object({ nick: Nullable(Type.String()) });

export const Attachment = Type.Object({
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
  attachments: Type.Optional(Type.Array(Attachment)),
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
export type DiscordEmbed = Static<typeof Embed>;
export type DiscordPoll = Static<typeof Poll>;
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
