import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Adapter } from '../adapter.ts';
import type { AgentImage, AgentInput } from '../agent/agent.ts';
import { withDeadline } from '../deadline.ts';
import { GatewayError } from '../errors.ts';
import type { Attachment, InboundMessage } from '../model.ts';
import { errorSentence } from '../outbound/error-sentence.ts';

export const ATTACHMENT_LIMITS = {
  maxBytes: 20 * 1024 * 1024,
  inlineTextBytes: 64 * 1024,
  /** Models take no larger ones; the agent can still open the saved file. */
  imageBytes: 5 * 1024 * 1024,
  /** Files of one message. */
  maxFiles: 20,
  fetchMs: 60_000,
} as const;

const IMAGE_TYPES: readonly (readonly [string, readonly number[]])[] = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
];

/** The image type that the bytes themselves show; a name or a header proves nothing. */
export function sniffImage(bytes: Uint8Array): string | undefined {
  for (const [type, magic] of IMAGE_TYPES) if (magic.every((byte, i) => bytes[i] === byte)) return type;
  const riff = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  return riff.startsWith('RIFF') && riff.endsWith('WEBP') ? 'image/webp' : undefined;
}

/**
 * What the agent gets of a message: images as images, small text files inlined, everything else as a saved file
 * whose path it is told. A file that cannot be had becomes a sentence, never a failed turn. An agent that does not see
 * our files is told so.
 */
export async function prepareInput(
  message: InboundMessage,
  adapter: Adapter | undefined,
  folder: string,
  sharesFiles = true,
): Promise<Omit<AgentInput, 'id'>> {
  const images: AgentImage[] = [];
  const notes: string[] = [];
  for (const [i, attachment] of (message.attachments ?? []).entries()) {
    try {
      if (i >= ATTACHMENT_LIMITS.maxFiles)
        throw new GatewayError(
          'too_many_files',
          `only ${ATTACHMENT_LIMITS.maxFiles} files of a message are read`,
        );
      const bytes = await fetchBytes(attachment, adapter);
      const imageType = sniffImage(bytes);
      if (imageType !== undefined && bytes.byteLength <= ATTACHMENT_LIMITS.imageBytes)
        images.push({ mimeType: imageType, dataBase64: Buffer.from(bytes).toString('base64') });
      else {
        const text = asText(bytes);
        notes.push(
          text === undefined && !sharesFiles
            ? `[Attached file "${attachment.name}" (${bytes.byteLength} bytes) cannot be opened here: it is on another machine than you. Say so to the person who sent it.]`
            : text === undefined
              ? `[Attached file "${attachment.name}" was saved to ${await save(attachment, bytes, folder)}]`
              : `[Attached file "${attachment.name}"]\n${fenced(text)}`,
        );
      }
    } catch (error) {
      notes.push(`[Attached file "${attachment.name}" could not be fetched: ${errorSentence(error)}]`);
    }
  }
  const quoted = message.replyTo?.text;
  const quote = quoted === undefined || quoted === '' ? '' : `${quoted.replace(/^/gm, '> ')}\n\n`;
  const text = [`${quote}${message.text}`, ...notes].filter((each) => each !== '').join('\n\n');
  return images.length === 0 ? { text } : { text, images };
}

/** In a fence that nothing in the text can close. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map((match) => match[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

async function fetchBytes(attachment: Attachment, adapter: Adapter | undefined): Promise<Uint8Array> {
  const { maxBytes, fetchMs } = ATTACHMENT_LIMITS;
  if ((attachment.sizeBytes ?? 0) > maxBytes) throw tooLarge();
  const fetch = adapter?.fetchAttachment?.bind(adapter);
  if (fetch === undefined) throw new GatewayError('not_connected', 'the platform is not connected');
  const bytes = await withDeadline(fetchMs, (signal) => fetch(attachment, maxBytes, signal));
  if (bytes.byteLength > maxBytes) throw tooLarge();
  return bytes;
}

function tooLarge(): GatewayError {
  return new GatewayError(
    'attachment_too_large',
    `it is larger than ${ATTACHMENT_LIMITS.maxBytes / 1024 / 1024} MB`,
  );
}

function asText(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength > ATTACHMENT_LIMITS.inlineTextBytes || bytes.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined; // not UTF-8: a file for the tools
  }
}

/** The name from outside never becomes a path: only its harmless characters, below a random folder name. */
async function save(attachment: Attachment, bytes: Uint8Array, folder: string): Promise<string> {
  const safe =
    attachment.name
      .replace(/[^\p{L}\p{N}._-]+/gu, '_')
      .replace(/^\.+/, '')
      .slice(0, 100) || 'file';
  const own = join(folder, randomUUID());
  await mkdir(own, { recursive: true, mode: 0o700 });
  const path = join(own, safe);
  await writeFile(path, bytes, { mode: 0o600, flag: 'wx' });
  return path;
}
