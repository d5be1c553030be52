import { Value } from 'typebox/value';
import type { Attachment, ChatRef, InboundMessage, Sender } from '../../gateway/model.ts';
import { type OwnName, readableText } from './mentions.ts';
import { type DiscordAttachment, type DiscordMessage, type DiscordUser, Message } from './wire.ts';

/** Where a message was written: a thread belongs to its channel. */
export interface Place {
  readonly chat: ChatRef;
  readonly kind: 'dm' | 'group';
  readonly name?: string;
}

/** What a message event means for the gateway. */
export type Reading =
  | { readonly type: 'message'; readonly message: DiscordMessage }
  | { readonly type: 'ignored'; readonly reason: string };

export interface ReadingRules {
  readonly ownId: string;
  /** Only this server is served; undefined: every server. */
  readonly guildId: string | undefined;
  readonly edited: boolean;
}

const ignored = (reason: string): Reading => ({ type: 'ignored', reason });

/** Decides whether an event brings a message for the gateway at all. Pure; never throws. */
export function readMessage(raw: unknown, rules: ReadingRules): Reading {
  if (!Value.Check(Message, raw)) return ignored('malformed message');
  if (raw.author.id === rules.ownId) return ignored('our own message');
  if (raw.guild_id !== undefined && rules.guildId !== undefined && raw.guild_id !== rules.guildId)
    return ignored('another server');
  // 0 is a message, 19 a reply; the rest are joins, pins, boosts and other notices.
  if (raw.type !== 0 && raw.type !== 19) return ignored('a notice of Discord');
  // Discord also "updates" a message when it has looked at its links.
  if (rules.edited && (raw.edited_timestamp ?? null) === null) return ignored('not edited by its author');
  if (textOf(raw) === '' && (raw.attachments ?? []).length === 0) return ignored('nothing to read');
  return { type: 'message', message: raw };
}

/** The message as the gateway takes it. Pure. */
export function inboundMessage(
  message: DiscordMessage,
  place: Place,
  own: OwnName,
  edited: boolean,
): InboundMessage {
  const replied = message.referenced_message ?? undefined;
  const attachments = filesOf(message);
  const mentioned =
    place.kind === 'dm' ||
    (message.mentions ?? []).some((user) => user.id === own.id) ||
    (own.roleId !== undefined && (message.mention_roles ?? []).includes(own.roleId)) ||
    replied?.author.id === own.id;
  return {
    dedupeKey: edited ? `dc:${message.id}:${message.edited_timestamp}` : `dc:${message.id}`,
    chat: place.chat,
    chatKind: place.kind,
    ...(place.name === undefined ? {} : { chatName: place.name }),
    sender: senderOf(message),
    text: readableText(textOf(message), own, message.mentions ?? []),
    messageId: message.id,
    ...(replied === undefined
      ? {}
      : {
          replyTo: {
            messageId: replied.id,
            ...(replied.content === undefined || replied.content === '' ? {} : { text: replied.content }),
          },
        }),
    mentioned,
    ...(attachments.length === 0 ? {} : { attachments }),
    ...(edited ? { edited: true } : {}),
    ...sentAt((edited ? message.edited_timestamp : undefined) ?? message.timestamp),
  };
}

export function personOf(user: DiscordUser, nick: string | null | undefined): Sender {
  return {
    id: user.id,
    name: nick ?? user.global_name ?? user.username,
    ...(user.bot === true ? { isBot: true } : {}),
  };
}

function senderOf(message: DiscordMessage): Sender {
  const person = personOf(message.author, message.member?.nick);
  // A webhook writes under any name it likes.
  return message.webhook_id === undefined ? person : { ...person, isBot: true };
}

/** What was written: the text, else what was forwarded, else the names of stickers. */
function textOf(message: DiscordMessage): string {
  if (message.content !== '') return message.content;
  const forwarded = (message.message_snapshots ?? [])
    .map((snapshot) => snapshot.message.content ?? '')
    .filter((content) => content !== '');
  if (forwarded.length > 0) return forwarded.join('\n');
  return (message.sticker_items ?? []).map((sticker) => `[sticker ${sticker.name}]`).join(' ');
}

/** What is needed to fetch a file again after its address has expired. */
export interface FileRef {
  readonly channelId: string;
  readonly messageId: string;
  readonly attachmentId: string;
  readonly url: string;
}

function filesOf(message: DiscordMessage): readonly Attachment[] {
  const own = message.attachments ?? [];
  const forwarded = (message.message_snapshots ?? []).flatMap(
    (snapshot) => snapshot.message.attachments ?? [],
  );
  return [...own, ...forwarded].map((file) => {
    const ref: FileRef = {
      channelId: message.channel_id,
      messageId: message.id,
      attachmentId: file.id,
      url: file.url,
    };
    return {
      kind: kindOf(file),
      name: file.filename,
      mimeType: file.content_type ?? 'application/octet-stream',
      sizeBytes: file.size,
      ref: JSON.stringify(ref),
    };
  });
}

function kindOf(file: DiscordAttachment): Attachment['kind'] {
  const major = (file.content_type ?? '').split('/')[0];
  return major === 'image' || major === 'audio' || major === 'video' ? major : 'file';
}

function sentAt(timestamp: string): { readonly sentAt?: number } {
  const at = Date.parse(timestamp);
  return Number.isNaN(at) ? {} : { sentAt: at };
}
