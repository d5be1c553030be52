import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { GatewayError, messageOf } from '../../base/errors.ts';
import type { Attachment } from '../../gateway/model.ts';
import { attachmentTooLarge, attachmentUnavailable, readLimited } from '../kit/download.ts';
import type { BotClient } from './client.ts';

const TelegramFile = Type.Object({
  file_path: Type.Optional(Type.String()),
  file_size: Type.Optional(Type.Integer()),
});

/** The bytes behind an attachment. Bots may download 20 MB at most. */
export async function fetchFile(
  client: BotClient,
  attachment: Attachment,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { name, ref } = attachment;
  try {
    const file = await client.call('getFile', { file_id: ref }, { signal });
    if (!Value.Check(TelegramFile, file) || file.file_path === undefined)
      throw attachmentUnavailable(name, 'Telegram did not say where it is');
    if ((file.file_size ?? 0) > maxBytes) throw attachmentTooLarge(name, maxBytes);
    if (file.file_path.startsWith('/'))
      throw attachmentUnavailable(name, 'a Bot API server in local mode is not supported');
    const response = await client.fetch(client.fileUrl(file.file_path), { signal, redirect: 'error' });
    return await readLimited(response, name, maxBytes);
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw attachmentUnavailable(name, client.scrub(messageOf(error)));
  }
}
