/**
 * The part of the Bot API's update objects that the adapter reads. What does not fit is left out (`readable`); an update
 * of which nothing is left is skipped with a warning: delivering it again would not help.
 * Source: https://core.telegram.org/bots/api#available-types
 */
import { type Static, Type } from 'typebox';

const User = Type.Object({
  id: Type.Integer(),
  is_bot: Type.Boolean(),
  first_name: Type.String(),
  last_name: Type.Optional(Type.String()),
  username: Type.Optional(Type.String()),
  language_code: Type.Optional(Type.String()),
});

const Chat = Type.Object({
  id: Type.Integer(),
  type: Type.String(),
  title: Type.Optional(Type.String()),
  username: Type.Optional(Type.String()),
});

const Entity = Type.Object({
  type: Type.String(),
  /** UTF-16 units. */
  offset: Type.Integer({ minimum: 0 }),
  length: Type.Integer({ minimum: 0 }),
  user: Type.Optional(User),
  url: Type.Optional(Type.String()),
});

const File = Type.Object({
  file_id: Type.String(),
  file_size: Type.Optional(Type.Integer()),
  file_name: Type.Optional(Type.String()),
  mime_type: Type.Optional(Type.String()),
});

const Location = Type.Object({ latitude: Type.Number(), longitude: Type.Number() });

/** What a message holds: the same in a message, in one that it answers, and in an answer across chats. */
const content = {
  text: Type.Optional(Type.String()),
  entities: Type.Optional(Type.Array(Entity)),
  caption: Type.Optional(Type.String()),
  caption_entities: Type.Optional(Type.Array(Entity)),
  photo: Type.Optional(
    Type.Array(
      Type.Object({
        file_id: Type.String(),
        file_size: Type.Optional(Type.Integer()),
        width: Type.Integer(),
        height: Type.Integer(),
      }),
    ),
  ),
  document: Type.Optional(File),
  audio: Type.Optional(File),
  voice: Type.Optional(File),
  video: Type.Optional(File),
  video_note: Type.Optional(File),
  animation: Type.Optional(File),
  sticker: Type.Optional(
    Type.Object({
      file_id: Type.String(),
      file_size: Type.Optional(Type.Integer()),
      emoji: Type.Optional(Type.String()),
      is_animated: Type.Optional(Type.Boolean()),
      is_video: Type.Optional(Type.Boolean()),
    }),
  ),
  location: Type.Optional(Location),
  venue: Type.Optional(Type.Object({ location: Location, title: Type.String(), address: Type.String() })),
  contact: Type.Optional(
    Type.Object({
      phone_number: Type.String(),
      first_name: Type.String(),
      last_name: Type.Optional(Type.String()),
    }),
  ),
  poll: Type.Optional(
    Type.Object({
      question: Type.String(),
      options: Type.Array(Type.Object({ text: Type.String(), voter_count: Type.Optional(Type.Integer()) })),
      is_closed: Type.Optional(Type.Boolean()),
    }),
  ),
  checklist: Type.Optional(
    Type.Object({
      title: Type.String(),
      tasks: Type.Array(Type.Object({ text: Type.String(), completion_date: Type.Optional(Type.Integer()) })),
    }),
  ),
  /** Blocks of formatted text and media; read by what they have in common. */
  rich_message: Type.Optional(Type.Object({ blocks: Type.Array(Type.Unknown()) })),
} as const;

export const Content = Type.Object(content);

/** Where a forwarded message comes from: `user`, `hidden_user`, `chat` or `channel`. */
const Origin = Type.Object({
  type: Type.String(),
  date: Type.Optional(Type.Integer()),
  sender_user: Type.Optional(User),
  sender_user_name: Type.Optional(Type.String()),
  sender_chat: Type.Optional(Chat),
  chat: Type.Optional(Chat),
  author_signature: Type.Optional(Type.String()),
});

const ReplyTarget = Type.Object({
  ...content,
  message_id: Type.Integer(),
  date: Type.Optional(Type.Integer()),
  from: Type.Optional(User),
  sender_chat: Type.Optional(Chat),
  forward_origin: Type.Optional(Origin),
  /** The head of a forum topic: every message of the topic refers to it without being a reply. */
  forum_topic_created: Type.Optional(Type.Object({ name: Type.Optional(Type.String()) })),
});

const ExternalReply = Type.Object({
  ...content,
  origin: Origin,
  message_id: Type.Optional(Type.Integer()),
});

export const Message = Type.Object({
  ...content,
  message_id: Type.Integer(),
  date: Type.Integer(),
  chat: Chat,
  from: Type.Optional(User),
  sender_chat: Type.Optional(Chat),
  author_signature: Type.Optional(Type.String()),
  edit_date: Type.Optional(Type.Integer()),
  message_thread_id: Type.Optional(Type.Integer()),
  is_topic_message: Type.Optional(Type.Boolean()),
  is_automatic_forward: Type.Optional(Type.Boolean()),
  media_group_id: Type.Optional(Type.String()),
  forward_origin: Type.Optional(Origin),
  reply_to_message: Type.Optional(ReplyTarget),
  external_reply: Type.Optional(ExternalReply),
  reply_to_story: Type.Optional(Type.Object({ chat: Chat })),
  quote: Type.Optional(Type.Object({ text: Type.String(), entities: Type.Optional(Type.Array(Entity)) })),
  forum_topic_created: Type.Optional(Type.Object({ name: Type.Optional(Type.String()) })),
  forum_topic_edited: Type.Optional(Type.Object({ name: Type.Optional(Type.String()) })),
  migrate_to_chat_id: Type.Optional(Type.Integer()),
  migrate_from_chat_id: Type.Optional(Type.Integer()),
});

export const CallbackQuery = Type.Object({
  id: Type.String(),
  from: User,
  data: Type.Optional(Type.String()),
  message: Type.Optional(
    Type.Object({
      message_id: Type.Integer(),
      chat: Chat,
      text: Type.Optional(Type.String()),
      message_thread_id: Type.Optional(Type.Integer()),
      is_topic_message: Type.Optional(Type.Boolean()),
    }),
  ),
});

export const Update = Type.Object({
  update_id: Type.Integer(),
  /** A `Message`, as far as it can be read. */
  message: Type.Optional(Type.Unknown()),
  edited_message: Type.Optional(Type.Unknown()),
  /** A `CallbackQuery`. */
  callback_query: Type.Optional(Type.Unknown()),
});

export const UpdateId = Type.Object({ update_id: Type.Integer() });

export const Me = Type.Object({
  id: Type.Integer(),
  first_name: Type.String(),
  username: Type.Optional(Type.String()),
  can_join_groups: Type.Optional(Type.Boolean()),
  can_read_all_group_messages: Type.Optional(Type.Boolean()),
});

export type TelegramUser = Static<typeof User>;
export type TelegramEntity = Static<typeof Entity>;
export type TelegramMessage = Static<typeof Message>;
export type TelegramContent = Static<typeof Content>;
export type TelegramOrigin = Static<typeof Origin>;
export type TelegramCallback = Static<typeof CallbackQuery>;

/** The updates the adapter asks for: channel posts, reactions, polls and the like are never sent to us. */
export const ALLOWED_UPDATES = ['message', 'edited_message', 'callback_query'] as const;
