import { access, constants } from 'node:fs/promises';
import type { AnyMessageContent } from 'baileys';
import type { Part } from '../../gateway/adapter.ts';
import { DeliveryError } from '../../gateway/errors.ts';

/** Image formats that WhatsApp shows as pictures; others go as files. */
const PICTURES = new Set(['image/jpeg', 'image/png', 'image/webp']);

/** The text or file of a part as baileys sends it. Throws DeliveryError when the file cannot be read. */
export async function contentOfPart(part: Part): Promise<AnyMessageContent> {
  const file = part.attachment;
  // Without a preview: baileys would fetch links of the answer from here.
  if (file === undefined) return { text: part.text, linkPreview: null };
  try {
    await access(file.path, constants.R_OK);
  } catch (error) {
    throw new DeliveryError('rejected', `the file ${file.name} cannot be read`, { cause: error });
  }
  const media = { url: file.path };
  const mimetype = file.mimeType;
  const caption = part.text === '' ? {} : { caption: part.text };
  // An empty thumbnail keeps baileys from looking for an image library or starting ffmpeg.
  if (PICTURES.has(mimetype)) return { image: media, mimetype, jpegThumbnail: '', ...caption };
  if (mimetype.startsWith('video/')) return { video: media, mimetype, jpegThumbnail: '', ...caption };
  if (mimetype.startsWith('audio/') && part.text === '') return { audio: media, mimetype };
  return { document: media, mimetype, fileName: file.name, ...caption };
}
