import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { GatewayError, messageOf } from '../../base/errors.ts';
import type { Attachment } from '../../gateway/model.ts';
import { attachmentTooLarge, attachmentUnavailable, readLimited } from '../kit/download.ts';
import type { DiscordRest } from './rest.ts';
import { Attachment as AttachmentObject } from './wire.ts';

const FileRef = Type.Object({
  channelId: Type.String(),
  messageId: Type.String(),
  attachmentId: Type.String(),
  url: Type.String(),
});
const Files = Type.Object({ attachments: Type.Optional(Type.Array(AttachmentObject)) });
const Holder = Type.Object({
  ...Files.properties,
  message_snapshots: Type.Optional(Type.Array(Type.Object({ message: Files }))),
});

interface FileSource {
  readonly rest: DiscordRest;
  /** A local server serves its own files; otherwise only Discord's own hosts are asked. */
  readonly anyHost: boolean;
}

/** The bytes behind an attachment. Addresses are signed and expire after a day: then the message is asked again. */
export async function fetchFile(
  { rest, anyHost }: FileSource,
  attachment: Attachment,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { name } = attachment;
  try {
    const ref = parsedRef(attachment.ref);
    if (ref === undefined) throw attachmentUnavailable(name, 'it is not a file of Discord');
    if ((attachment.sizeBytes ?? 0) > maxBytes) throw attachmentTooLarge(name, maxBytes);
    const get = (url: string): Promise<Response> => {
      if (!anyHost && !/^https:\/\/[^/]+\.(discordapp\.com|discordapp\.net|discord\.com)\//.test(url))
        throw attachmentUnavailable(name, 'its address does not belong to Discord');
      return rest.fetch(url, { signal, redirect: 'error' });
    };
    let response = await get(ref.url);
    if (response.status === 403 || response.status === 404) {
      await response.body?.cancel();
      const message = await rest.call('GET', `/channels/${ref.channelId}/messages/${ref.messageId}`, {
        signal,
      });
      const holders = Value.Check(Holder, message)
        ? [message, ...(message.message_snapshots ?? []).map((snapshot) => snapshot.message)]
        : [];
      const fresh = holders
        .flatMap((holder) => holder.attachments ?? [])
        .find((entry) => entry.id === ref.attachmentId);
      if (fresh === undefined) throw attachmentUnavailable(name, 'its message no longer has such a file');
      response = await get(fresh.url);
    }
    return await readLimited(response, name, maxBytes);
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw attachmentUnavailable(name, rest.scrub(messageOf(error)));
  }
}

function parsedRef(text: string) {
  try {
    const ref: unknown = JSON.parse(text);
    return Value.Check(FileRef, ref) ? ref : undefined;
  } catch {
    // Not ours.
    return undefined;
  }
}
