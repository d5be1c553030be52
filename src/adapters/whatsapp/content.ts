import type { proto } from 'baileys';
import type { Attachment } from '../../gateway/model.ts';
import { type MediaType, refOfMedia } from './media-ref.ts';

/** What a person wrote, taken out of its wrappers. */
export interface Content {
  readonly text: string;
  readonly attachments: readonly Attachment[];
  readonly context?: proto.IContextInfo;
}

/** Wrappers (disappearing, view once, document with caption, album…) are nested a few levels at most. */
const MAX_WRAPPERS = 6;

/** The message inside its wrappers. */
export function unwrap(message: proto.IMessage | null | undefined): proto.IMessage | undefined {
  let inner = message ?? undefined;
  for (let level = 0; level < MAX_WRAPPERS && inner !== undefined; level += 1) {
    const wrapper =
      inner.ephemeralMessage ??
      inner.viewOnceMessage ??
      inner.viewOnceMessageV2 ??
      inner.viewOnceMessageV2Extension ??
      inner.documentWithCaptionMessage ??
      inner.associatedChildMessage ??
      inner.editedMessage ??
      inner.deviceSentMessage;
    if (!wrapper) return inner;
    inner = wrapper.message ?? undefined;
  }
  return inner;
}

/** Undefined for everything that is no message of a person to the bot: reactions, votes, keys, protocol. */
export function contentOf(message: proto.IMessage | null | undefined): Content | undefined {
  const inner = unwrap(message);
  if (inner === undefined) return undefined;
  return plainText(inner) ?? media(inner) ?? choice(inner) ?? described(inner);
}

function content(
  text: string | null | undefined,
  context: proto.IContextInfo | null | undefined,
  attachment?: Attachment,
): Content {
  return {
    text: text ?? '',
    attachments: attachment === undefined ? [] : [attachment],
    ...(context ? { context } : {}),
  };
}

function plainText(m: proto.IMessage): Content | undefined {
  if (m.conversation) return content(m.conversation, undefined);
  if (m.extendedTextMessage) return content(m.extendedTextMessage.text, m.extendedTextMessage.contextInfo);
  return undefined;
}

function media(m: proto.IMessage): Content | undefined {
  const image = m.imageMessage;
  if (image) return content(image.caption, image.contextInfo, attachment('image', image, 'image/jpeg'));
  const video = m.videoMessage ?? m.ptvMessage;
  if (video) return content(video.caption, video.contextInfo, attachment('video', video, 'video/mp4'));
  const audio = m.audioMessage;
  if (audio) return content('', audio.contextInfo, attachment('audio', audio, 'audio/ogg'));
  const sticker = m.stickerMessage;
  if (sticker) return content('', sticker.contextInfo, attachment('sticker', sticker, 'image/webp'));
  const file = m.documentMessage;
  if (file) {
    const found = attachment('document', file, 'application/octet-stream', file.fileName ?? file.title);
    return content(file.caption, file.contextInfo, found);
  }
  return undefined;
}

/** A tapped button or list row counts as its label being written. */
function choice(m: proto.IMessage): Content | undefined {
  const button = m.buttonsResponseMessage;
  if (button) return content(button.selectedDisplayText ?? button.selectedButtonId, button.contextInfo);
  const template = m.templateButtonReplyMessage;
  if (template) return content(template.selectedDisplayText ?? template.selectedId, template.contextInfo);
  const list = m.listResponseMessage;
  if (list) return content(list.title ?? list.singleSelectReply?.selectedRowId, list.contextInfo);
  return undefined;
}

/** Things without words become one line that says what they are. */
function described(m: proto.IMessage): Content | undefined {
  const place = m.locationMessage ?? m.liveLocationMessage;
  if (place) {
    const name = m.locationMessage?.name ?? m.locationMessage?.address ?? m.liveLocationMessage?.caption;
    const where = `${place.degreesLatitude ?? 0}, ${place.degreesLongitude ?? 0}`;
    return content(`[location ${where}${name ? ` ${name}` : ''}]`, place.contextInfo);
  }
  if (m.contactMessage)
    return content(`[contact ${m.contactMessage.displayName ?? ''}]`, m.contactMessage.contextInfo);
  if (m.contactsArrayMessage) {
    const names = (m.contactsArrayMessage.contacts ?? []).map((contact) => contact.displayName ?? '');
    return content(`[contacts ${names.join(', ')}]`, m.contactsArrayMessage.contextInfo);
  }
  const poll = m.pollCreationMessage ?? m.pollCreationMessageV2 ?? m.pollCreationMessageV3;
  if (poll) {
    const options = (poll.options ?? []).map((option) => option.optionName ?? '');
    return content(`[poll ${poll.name ?? ''}: ${options.join(' | ')}]`, poll.contextInfo);
  }
  return undefined;
}

interface Media {
  readonly mimetype?: string | null;
  readonly fileLength?: number | { toNumber(): number } | null;
  readonly mediaKey?: Uint8Array | null;
  readonly directPath?: string | null;
  readonly url?: string | null;
  readonly fileSha256?: Uint8Array | null;
}

const KINDS: Readonly<Record<MediaType, Attachment['kind']>> = {
  image: 'image',
  sticker: 'image',
  video: 'video',
  audio: 'audio',
  document: 'file',
};

/** Undefined for media without a key: an edited caption refers to the file without carrying it. */
function attachment(
  type: MediaType,
  found: Media,
  usualType: string,
  fileName?: string | null,
): Attachment | undefined {
  if (!found.mediaKey?.length || !(found.directPath || found.url)) return undefined;
  const mimeType = (found.mimetype ?? usualType).split(';', 1)[0]?.trim() || usualType;
  const sizeBytes = numberOf(found.fileLength);
  const subtype = mimeType.split('/')[1] ?? 'bin';
  return {
    kind: KINDS[type],
    name: fileName || `${type}.${subtype === 'jpeg' ? 'jpg' : subtype}`,
    mimeType,
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ref: refOfMedia({
      type,
      key: Buffer.from(found.mediaKey).toString('base64'),
      ...(found.directPath ? { path: found.directPath } : {}),
      ...(found.url ? { url: found.url } : {}),
      ...(found.fileSha256?.length ? { sha256: Buffer.from(found.fileSha256).toString('base64') } : {}),
    }),
  };
}

/** Protobuf's 64-bit numbers arrive as numbers or as Long objects. */
export function numberOf(value: number | { toNumber(): number } | null | undefined): number | undefined {
  if (value === null || value === undefined) return undefined;
  const number = typeof value === 'number' ? value : value.toNumber();
  return Number.isFinite(number) && number >= 0 ? number : undefined;
}
