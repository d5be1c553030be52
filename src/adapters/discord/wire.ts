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

const Content = Type.Object({
  content: Type.Optional(Type.String()),
  attachments: Type.Optional(Type.Array(Attachment)),
});

export const Message = Type.Object({
  id: Type.String(),
  /** 0 is a plain message, 19 a reply; every other type is a notice of Discord itself. */
  type: Type.Integer(),
  channel_id: Type.String(),
  guild_id: Type.Optional(Type.String()),
  author: User,
  member: Type.Optional(Member),
  webhook_id: Type.Optional(Type.String()),
  content: Type.String(),
  timestamp: Type.String(),
  edited_timestamp: Nullable(Type.String()),
  mentions: Type.Optional(Type.Array(User)),
  mention_roles: Type.Optional(Type.Array(Type.String())),
  attachments: Type.Optional(Type.Array(Attachment)),
  sticker_items: Type.Optional(Type.Array(Type.Object({ name: Type.String() }))),
  /** A forwarded message has its content here. */
  message_snapshots: Type.Optional(Type.Array(Type.Object({ message: Content }))),
  referenced_message: Nullable(
    Type.Object({ id: Type.String(), author: User, content: Type.Optional(Type.String()) }),
  ),
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
  channel: Type.Optional(Channel),
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
export type DiscordAttachment = Static<typeof Attachment>;
export type DiscordMessage = Static<typeof Message>;
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
