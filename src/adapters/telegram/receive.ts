import { createHash } from 'node:crypto';
import { Value } from 'typebox/value';
import { defined } from '../../base/defined.ts';
import type { Attachment, ChatRef, InboundMessage, ReferredMessage, Sender } from '../../gateway/model.ts';
import { readable } from '../kit/run-adapter.ts';
import {
  addressed,
  contentText,
  described,
  linked,
  mediaOf,
  type OwnName,
  STRANGE,
  unreadableOf,
} from './contents.ts';
import {
  CallbackQuery,
  Message,
  type TelegramCallback,
  type TelegramContent,
  type TelegramMessage,
  type TelegramOrigin,
  type TelegramUser,
  Update,
} from './wire.ts';

const EXTENSIONS: Readonly<Record<string, string>> = {
  'audio/ogg': 'ogg',
  'audio/mpeg': 'mp3',
  'video/mp4': 'mp4',
  'image/webp': 'webp',
  'video/webm': 'webm',
};

interface TelegramFile {
  readonly file_id: string;
  readonly file_size?: number;
  readonly file_name?: string;
  readonly mime_type?: string;
}

function attachment(
  kind: Attachment['kind'],
  file: TelegramFile,
  fallback: { readonly stem: string; readonly mimeType: string },
): Attachment {
  const mimeType = file.mime_type ?? fallback.mimeType;
  const extension = EXTENSIONS[mimeType] ?? 'bin';
  return {
    kind,
    name: file.file_name ?? `${fallback.stem}.${extension}`,
    mimeType,
    ...defined({ sizeBytes: file.file_size }),
    // Valid for this bot forever, even after a restart; says nothing without the token.
    ref: file.file_id,
  };
}

/** The files of a message. Telegram puts at most one into each, except into rich messages. */
function attachmentsOf(message: TelegramContent, id: number): readonly Attachment[] {
  const largest = message.photo?.toSorted((a, b) => a.width * a.height - b.width * b.height).at(-1);
  if (largest !== undefined)
    return [
      {
        kind: 'image',
        name: `photo-${id}.jpg`,
        mimeType: 'image/jpeg',
        ...defined({ sizeBytes: largest.file_size }),
        ref: largest.file_id,
      },
    ];
  // An animation comes with a document field for old clients: it is the same file.
  const { animation, audio, voice, video, video_note: note, document, sticker } = message;
  if (animation !== undefined)
    return [attachment('video', animation, { stem: `animation-${id}`, mimeType: 'video/mp4' })];
  if (audio !== undefined)
    return [attachment('audio', audio, { stem: `audio-${id}`, mimeType: 'audio/mpeg' })];
  if (voice !== undefined)
    return [attachment('audio', voice, { stem: `voice-${id}`, mimeType: 'audio/ogg' })];
  if (video !== undefined)
    return [attachment('video', video, { stem: `video-${id}`, mimeType: 'video/mp4' })];
  if (note !== undefined)
    return [attachment('video', note, { stem: `video-note-${id}`, mimeType: 'video/mp4' })];
  if (document !== undefined) {
    const image = document.mime_type?.startsWith('image/') ?? false;
    return [
      attachment(image ? 'image' : 'file', document, {
        stem: `document-${id}`,
        mimeType: 'application/octet-stream',
      }),
    ];
  }
  if (sticker !== undefined && sticker.is_animated !== true)
    return sticker.is_video === true
      ? [attachment('video', sticker, { stem: `sticker-${id}`, mimeType: 'video/webm' })]
      : [attachment('image', sticker, { stem: `sticker-${id}`, mimeType: 'image/webp' })];
  return mediaOf(message.rich_message).flatMap((each) => attachmentsOf(each, id));
}

function nameOf(user: TelegramUser): string {
  const name = [user.first_name, user.last_name]
    .filter((part) => part !== undefined && part !== '')
    .join(' ');
  return name === '' ? (user.username ?? String(user.id)) : name;
}

/** Who wrote a forwarded message first, as far as Telegram says. */
function originOf(origin: TelegramOrigin, ownId: number): ReferredMessage {
  const chat = origin.sender_chat ?? origin.chat;
  const title = chat?.title ?? chat?.username;
  const name =
    origin.sender_user !== undefined
      ? nameOf(origin.sender_user)
      : (origin.sender_user_name ??
        (title !== undefined && origin.author_signature !== undefined
          ? `${title} (${origin.author_signature})`
          : (title ?? origin.author_signature)));
  return {
    ...defined({ author: name }),
    ...(origin.sender_user?.id === ownId ? { fromBot: true } : {}),
    ...(origin.date === undefined ? {} : { sentAt: origin.date * 1000 }),
  };
}

/** The message that this one answers, in this chat or in another; a quote is the part of it that is meant. */
function repliedTo(
  message: TelegramMessage,
  ownId: number,
): (ReferredMessage & { readonly messageId: string }) | undefined {
  const { quote, reply_to_message: replied, external_reply: external, reply_to_story: story } = message;
  const marked = quote === undefined ? undefined : linked(quote.text, quote.entities ?? []);
  if (external !== undefined) {
    const id = external.message_id ?? 0;
    return {
      messageId: `external-${id}`,
      ...originOf(external.origin, ownId),
      ...contents(marked ?? contentText(external), attachmentsOf(external, id)),
    };
  }
  if (replied !== undefined && replied.forum_topic_created === undefined) {
    const { from, sender_chat: chat, date, message_id: id } = replied;
    const author = chat?.title ?? (from === undefined ? undefined : nameOf(from));
    return {
      messageId: String(id),
      ...defined({ author }),
      ...(from?.id === ownId ? { fromBot: true } : {}),
      ...(date === undefined ? {} : { sentAt: date * 1000 }),
      ...contents(marked ?? contentText(replied), attachmentsOf(replied, id)),
    };
  }
  if (story === undefined) return undefined;
  const author = story.chat.title ?? story.chat.username;
  return { messageId: 'story', text: '[story]', ...defined({ author }) };
}

function contents(
  text: string,
  attachments: readonly NonNullable<ReferredMessage['attachments']>[number][],
): Pick<ReferredMessage, 'text' | 'attachments'> {
  return {
    ...(text === '' ? {} : { text }),
    ...(attachments.length === 0 ? {} : { attachments }),
  };
}

export interface InboundContext {
  readonly own: OwnName;
  /** The id under which the gateway knows a chat whose id has changed (group that became a supergroup). */
  readonly knownAs: (chatId: string) => string;
  /** The name of a topic, where it is known from an earlier message. */
  readonly topicName?: (chat: ChatRef) => string | undefined;
}

/** What an update means for the gateway. */
type Reading =
  | { readonly type: 'message'; readonly message: InboundMessage; readonly callbackId?: string }
  | { readonly type: 'migrated'; readonly from: string; readonly to: string }
  | { readonly type: 'topic'; readonly chat: ChatRef; readonly name: string }
  | { readonly type: 'ignored'; readonly reason: string };

const MALFORMED = 'malformed update';
const ignored = (reason: string): Reading => ({ type: 'ignored', reason });

/** Reads one update of the Bot API. Pure; never throws. */
export function readUpdate(raw: unknown, context: InboundContext): Reading {
  if (!Value.Check(Update, raw)) return ignored(MALFORMED);
  const { update_id: updateId, message, edited_message: edited, callback_query: callback } = raw;
  if (message !== undefined) return readMessage(updateId, message, false, context);
  if (edited !== undefined) return readMessage(updateId, edited, true, context);
  if (callback === undefined) return ignored('not a message');
  const read = readable(CallbackQuery, callback);
  return read === undefined ? ignored(MALFORMED) : readCallback(updateId, read.value, context);
}

function readMessage(updateId: number, raw: unknown, edited: boolean, context: InboundContext): Reading {
  const read = readable(Message, raw);
  if (read === undefined) return ignored(MALFORMED);
  const { value: message, dropped } = read;
  const { chat } = message;
  if (message.migrate_to_chat_id !== undefined)
    return { type: 'migrated', from: String(chat.id), to: String(message.migrate_to_chat_id) };
  if (message.migrate_from_chat_id !== undefined)
    return { type: 'migrated', from: String(message.migrate_from_chat_id), to: String(chat.id) };
  if (chat.type === 'channel' || message.is_automatic_forward === true) return ignored('channel post');
  if (message.forum_topic_created !== undefined || message.forum_topic_edited !== undefined) {
    const name = topicName(message);
    if (name !== undefined) return { type: 'topic', chat: chatRef(message, context), name };
  }
  const sender = senderOf(message, context.own);
  if (sender === undefined) return ignored('no sender');

  const attachments = attachmentsOf(message, message.message_id);
  const lost = dropped.some((part) => !/^\/(caption_)?entities\//.test(part));
  const unreadable = unreadableOf(message) ?? (lost ? STRANGE : undefined);
  const written = message.text ?? message.caption ?? '';
  const beside = described(message);
  if (written === '' && beside === '' && attachments.length === 0 && unreadable === undefined)
    return ignored('service message');
  // Live locations report every move as an edit.
  if (edited && written === '' && message.rich_message === undefined) return ignored('edit without text');

  const dm = chat.type === 'private';
  const { text, mentioned } = addressed(
    written,
    (message.text === undefined ? message.caption_entities : message.entities) ?? [],
    context.own,
  );
  const replyTo = repliedTo(message, context.own.id);
  const ref = chatRef(message, context);
  const threadName = topicName(message) ?? context.topicName?.(ref);
  return {
    type: 'message',
    message: {
      dedupeKey: `tg:${updateId}`,
      alsoKnownAs: [messageKey(message, edited)],
      chat: ref,
      chatKind: dm ? 'dm' : 'group',
      ...defined({ chatName: chat.title }),
      ...(ref.threadId === undefined ? {} : { topic: true }),
      ...(ref.threadId === undefined || threadName === undefined ? {} : { threadName }),
      sender,
      text: [text, beside].filter((part) => part !== '').join('\n'),
      messageId: String(message.message_id),
      ...defined({ replyTo }),
      ...(message.forward_origin === undefined
        ? {}
        : { forwardedFrom: originOf(message.forward_origin, context.own.id) }),
      ...(message.voice === undefined ? {} : { voice: true }),
      ...defined({ unreadable }),
      mentioned: dm || mentioned || (replyTo?.fromBot === true && message.external_reply === undefined),
      ...(attachments.length === 0 ? {} : { attachments }),
      ...defined({ albumId: message.media_group_id }),
      ...(edited ? { edited: true } : {}),
      sentAt: (message.edit_date ?? message.date) * 1000,
      ...languageOf(message.from),
    },
  };
}

/** The name of the topic that the message stands in, where it says so: the head of the topic does. */
function topicName(message: TelegramMessage): string | undefined {
  return (
    message.forum_topic_edited?.name ??
    message.forum_topic_created?.name ??
    message.reply_to_message?.forum_topic_created?.name
  );
}

function readCallback(updateId: number, callback: TelegramCallback, context: InboundContext): Reading {
  const { message, data } = callback;
  if (message === undefined || data === undefined || data === '') return ignored('button without a command');
  const dm = message.chat.type === 'private';
  return {
    type: 'message',
    callbackId: callback.id,
    message: {
      dedupeKey: `tg:${updateId}`,
      alsoKnownAs: [`tg:button:${callback.id}`],
      chat: chatRef(message, context),
      chatKind: dm ? 'dm' : 'group',
      ...defined({ chatName: message.chat.title }),
      sender: personOf(callback.from, context.own),
      text: data,
      messageId: String(message.message_id),
      replyTo: {
        messageId: String(message.message_id),
        ...defined({ text: message.text }),
      },
      mentioned: true,
      ...languageOf(callback.from),
    },
  };
}

/** Telegram gives the language of the person's app. */
function languageOf(user: TelegramUser | undefined): { readonly language?: string } {
  return user?.language_code === undefined ? {} : { language: user.language_code };
}

/** The message itself, whatever the update id. Two edits in one second differ in their text only. */
function messageKey(message: TelegramMessage, edited: boolean): string {
  const key = `tg:${message.chat.id}:${message.message_id}:${message.edit_date ?? 0}`;
  if (!edited) return key;
  const content = message.text ?? message.caption ?? '';
  return `${key}:${createHash('sha256').update(content).digest('base64url').slice(0, 12)}`;
}

function chatRef(
  message: Pick<TelegramMessage, 'chat' | 'message_thread_id' | 'is_topic_message'>,
  context: InboundContext,
): ChatRef {
  // Replies in a group without topics also carry a thread id, which no message can be sent to.
  const topic = message.is_topic_message === true ? message.message_thread_id : undefined;
  return {
    platform: 'telegram',
    accountId: 'default',
    chatId: context.knownAs(String(message.chat.id)),
    ...(topic === undefined ? {} : { threadId: String(topic) }),
  };
}

/** Anonymous admins and linked channels write as a chat: the user behind it is a placeholder bot. */
function senderOf(message: TelegramMessage, own: OwnName): Sender | undefined {
  const chat = message.sender_chat;
  if (chat !== undefined) {
    const name = chat.title ?? chat.username ?? String(chat.id);
    const { author_signature: signature } = message;
    return { id: String(chat.id), name: signature === undefined ? name : `${name} (${signature})` };
  }
  return message.from === undefined ? undefined : personOf(message.from, own);
}

function personOf(user: TelegramUser, own: OwnName): Sender {
  return {
    id: String(user.id),
    name: nameOf(user),
    ...(user.is_bot ? { isBot: true } : {}),
    ...(user.id === own.id ? { isSelf: true } : {}),
  };
}
