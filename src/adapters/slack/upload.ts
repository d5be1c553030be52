import { readFile } from 'node:fs/promises';
import type { SendReceipt, SendRequest } from '../../gateway/adapter.ts';
import { DeliveryError, messageOf } from '../../gateway/errors.ts';
import { pause } from '../kit/supervisor.ts';
import type { Way } from '../kit/way.ts';
import { toDeliveryError } from './errors.ts';
import { type Fields, fieldsOf, listOf, textOf } from './fields.ts';
import type { WebClient } from './web-client.ts';

/**
 * Sends a file in Slack's three steps: ask for an address, put the bytes there, share the file. Only the third shows
 * anything in the chat, so a failure before it is certainly no delivery.
 */
export async function uploadFile(
  { client, way }: { readonly client: WebClient; readonly way: Way },
  request: SendRequest,
  threadTs: string | undefined,
  signal: AbortSignal,
): Promise<SendReceipt> {
  const { attachment, text } = request.part;
  if (attachment === undefined) throw new DeliveryError('rejected', 'there is no file to send');
  const bytes = await readFile(attachment.path, { signal }).catch((error: unknown) => {
    throw new DeliveryError('rejected', `the file ${attachment.name} cannot be read: ${messageOf(error)}`);
  });
  const fileId = await offer(client, attachment.name, bytes, way, signal);
  const share = {
    files: [{ id: fileId, title: attachment.name }] as [{ id: string; title: string }],
    channel_id: request.chat.chatId,
  };
  const caption = text === '' ? {} : { initial_comment: text };
  try {
    await (threadTs === undefined
      ? client.files.completeUploadExternal({ ...share, ...caption })
      : client.files.completeUploadExternal({ ...share, ...caption, thread_ts: threadTs }));
  } catch (error) {
    throw toDeliveryError('files.completeUploadExternal', error);
  }
  return { messageId: (await messageOfFile(client, fileId, request.chat.chatId, signal)) ?? fileId };
}

/** Steps one and two. Nothing is in the chat yet, so every doubt is a plain failure. */
async function offer(
  client: WebClient,
  filename: string,
  bytes: Buffer,
  way: Way,
  signal: AbortSignal,
): Promise<string> {
  try {
    const { upload_url: url, file_id: id } = await client.files.getUploadURLExternal({
      filename,
      length: bytes.length,
    });
    if (url === undefined || id === undefined) throw new Error('Slack named no address for the upload');
    const response = await way.fetch(url, { method: 'POST', body: new Uint8Array(bytes), signal });
    if (!response.ok) throw new Error(`the upload ended with HTTP ${response.status}`);
    return id;
  } catch (error) {
    const failure = toDeliveryError('files.getUploadURLExternal', error);
    throw failure.failure === 'unknown' ? new DeliveryError('unreachable', failure.message) : failure;
  }
}

/** The file's message. Slack shares it a moment later; without the scope files:read it stays unknown. */
async function messageOfFile(
  client: WebClient,
  file: string,
  channel: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (let attempt = 1; attempt <= 3 && !signal.aborted; attempt += 1) {
    try {
      const shares = fieldsOf(fieldsOf((await client.files.info({ file })).file)['shares']);
      const ts = sharedAs(shares, channel);
      if (ts !== undefined) return ts;
    } catch {
      // The file is delivered; only its message stays unknown.
      return undefined;
    }
    await pause(300, signal);
  }
  return undefined;
}

function sharedAs(shares: Fields, channel: string): string | undefined {
  for (const kind of ['public', 'private']) {
    const [share] = listOf(fieldsOf(shares[kind]), channel);
    const ts = share === undefined ? undefined : textOf(share, 'ts');
    if (ts !== undefined) return ts;
  }
  return undefined;
}
