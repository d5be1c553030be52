import { stat } from 'node:fs/promises';
import type { Part } from '../../gateway/adapter.ts';
import { DeliveryError, messageOf } from '../../gateway/errors.ts';

const MB = 1024 * 1024;
/** Bot API limits: 50 MB for a file, 10 MB for a photo. */
const MAX_FILE_BYTES = 50 * MB;
const MAX_PHOTO_BYTES = 10 * MB;

export type UploadMethod = 'sendPhoto' | 'sendAnimation' | 'sendVideo' | 'sendAudio' | 'sendDocument';

const METHODS: Readonly<Record<string, UploadMethod>> = {
  'image/jpeg': 'sendPhoto',
  'image/png': 'sendPhoto',
  'image/webp': 'sendPhoto',
  'image/gif': 'sendAnimation',
  'video/mp4': 'sendVideo',
  'audio/mpeg': 'sendAudio',
  'audio/mp4': 'sendAudio',
};

/** How a file is sent, so that people see or hear it in the chat where Telegram can show it. */
export async function uploadMethod(file: NonNullable<Part['attachment']>): Promise<UploadMethod> {
  let size: number;
  try {
    const found = await stat(file.path);
    if (!found.isFile()) throw new Error('it is not a file');
    size = found.size;
  } catch (error) {
    throw new DeliveryError('rejected', `${file.name} cannot be read: ${messageOf(error)}`);
  }
  if (size === 0) throw new DeliveryError('rejected', `${file.name} is empty`);
  if (size > MAX_FILE_BYTES)
    throw new DeliveryError('rejected', `${file.name} is larger than the 50 MB a bot may send`);
  const method = METHODS[file.mimeType] ?? 'sendDocument';
  return method === 'sendPhoto' && size > MAX_PHOTO_BYTES ? 'sendDocument' : method;
}
