import type { Attachment } from '../../gateway/model.ts';
import { mediaOf } from './rich-message.ts';
import type { TelegramContent } from './wire.ts';

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
    ...(file.file_size === undefined ? {} : { sizeBytes: file.file_size }),
    // Valid for this bot for ever, also after a restart; says nothing without the token.
    ref: file.file_id,
  };
}

/** The files of a message. Telegram puts at most one into each, except into rich messages. */
export function attachmentsOf(message: TelegramContent, id: number): readonly Attachment[] {
  const largest = message.photo?.toSorted((a, b) => a.width * a.height - b.width * b.height).at(-1);
  if (largest !== undefined)
    return [
      {
        kind: 'image',
        name: `photo-${id}.jpg`,
        mimeType: 'image/jpeg',
        ...(largest.file_size === undefined ? {} : { sizeBytes: largest.file_size }),
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
