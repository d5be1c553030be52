import { createDecipheriv, createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { defined } from '../../base/defined.ts';
import { GatewayError } from '../../base/errors.ts';
import type { Attachment } from '../../gateway/model.ts';
import { DIRECT, type Way } from '../kit/way.ts';
import type { Baileys } from './baileys.ts';

const MediaRef = Type.Object({
  type: Type.Union([
    Type.Literal('image'),
    Type.Literal('video'),
    Type.Literal('audio'),
    Type.Literal('document'),
    Type.Literal('sticker'),
  ]),
  /** The key of this one file, base64. It comes with the message and opens nothing else. */
  key: Type.String({ minLength: 1 }),
  path: Type.Optional(Type.String()),
  url: Type.Optional(Type.String()),
  /** Of the decrypted bytes, base64. */
  sha256: Type.Optional(Type.String()),
});

/** Everything needed to fetch and decrypt a file, even after a restart: WhatsApp keeps files apart from messages. */
export type MediaRef = Static<typeof MediaRef>;
export type MediaType = MediaRef['type'];

export function refOfMedia(media: MediaRef): string {
  return JSON.stringify(media);
}

/** Undefined for a text that is no reference of ours. */
export function mediaOfRef(ref: string): MediaRef | undefined {
  try {
    const parsed: unknown = JSON.parse(ref);
    return Value.Check(MediaRef, parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** A file as a message describes it. */
interface DescribedFile {
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
export function attachmentOf(
  type: MediaType,
  found: DescribedFile,
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
    ...defined({ sizeBytes }),
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

const MEDIA_HOST = 'https://mmg.whatsapp.net';
const OWN_HOST = /(?:^|\.)whatsapp\.net$/;

/**
 * Where a file lies. The address comes from the sender of the message, so only WhatsApp's own hosts are asked, never one
 * of the sender's choice (a machine inside the network, for example). Undefined for any other.
 *
 * @param localHost host of a self-hosted server, trusted next to WhatsApp's own
 */
export function mediaUrl(media: Pick<MediaRef, 'path' | 'url'>, localHost?: string): URL | undefined {
  const url = parse(media);
  if (url === undefined) return undefined;
  const own = url.protocol === 'https:' && OWN_HOST.test(url.hostname);
  const local = url.hostname === localHost && /^https?:$/.test(url.protocol);
  return own || local ? url : undefined;
}

function parse({ path, url }: Pick<MediaRef, 'path' | 'url'>): URL | undefined {
  try {
    return path === undefined ? new URL(url ?? '') : new URL(path, MEDIA_HOST);
  } catch {
    return undefined;
  }
}

/** Trailing authentication code of an encrypted file. */
const MAC_BYTES = 10;
/** Padding and authentication code: an encrypted file is at most this much larger. */
const OVERHEAD_BYTES = 16 + MAC_BYTES;

/**
 * Downloads and decrypts an attachment, verifies it, and never reads more than `maxBytes` of it. baileys' own
 * downloader checks no authentication code and lets a connection that breaks in the middle end the process.
 *
 * @param localHost host of a self-hosted server (`url` of the settings), trusted next to WhatsApp's own
 */
export async function fetchMedia(
  attachment: Attachment,
  maxBytes: number,
  options: {
    readonly baileys: Baileys;
    readonly localHost?: string;
    readonly way?: Way;
    readonly signal: AbortSignal;
  },
): Promise<Uint8Array> {
  const media = mediaOfRef(attachment.ref);
  if (media === undefined) throw new GatewayError('attachment_unknown', 'the attachment is not known');
  const tooLarge = (): GatewayError =>
    new GatewayError('attachment_too_large', `the attachment is larger than ${maxBytes} bytes`);
  if ((attachment.sizeBytes ?? 0) > maxBytes) throw tooLarge();

  const url = mediaUrl(media, options.localHost);
  if (url === undefined)
    throw new GatewayError('attachment_refused', 'the attachment does not point to a WhatsApp server');
  const response = await (options.way ?? DIRECT).fetch(url, {
    headers: { Origin: 'https://web.whatsapp.com' },
    redirect: 'error',
    signal: options.signal,
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    const gone = response.status === 404 || response.status === 410;
    throw new GatewayError(
      'attachment_unavailable',
      `WhatsApp does not hand out the file (${response.status})`,
      {
        ...(gone ? { hint: 'WhatsApp has deleted it; ask the sender to send it again.' } : {}),
      },
    );
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > maxBytes + OVERHEAD_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  const keys = await options.baileys.getMediaKeys(Buffer.from(media.key, 'base64'), media.type);
  const bytes = decrypt(Buffer.concat(chunks), keys, media);
  if (bytes.byteLength > maxBytes) throw tooLarge();
  return bytes;
}

interface MediaKeys {
  readonly iv: Uint8Array;
  readonly cipherKey: Uint8Array;
  readonly macKey?: Uint8Array;
}

function decrypt(encrypted: Buffer, { iv, cipherKey, macKey }: MediaKeys, media: MediaRef): Buffer {
  const damaged = (cause?: unknown): GatewayError =>
    new GatewayError('attachment_damaged', 'the attachment is damaged or was not encrypted by its sender', {
      ...defined({ cause }),
    });
  if (encrypted.length <= MAC_BYTES || macKey === undefined) throw damaged();
  const body = encrypted.subarray(0, -MAC_BYTES);
  const mac = createHmac('sha256', macKey).update(iv).update(body).digest().subarray(0, MAC_BYTES);
  if (!timingSafeEqual(mac, encrypted.subarray(-MAC_BYTES))) throw damaged();
  try {
    const cipher = createDecipheriv('aes-256-cbc', cipherKey, iv);
    const bytes = Buffer.concat([cipher.update(body), cipher.final()]);
    const sum = createHash('sha256').update(bytes).digest('base64');
    if (media.sha256 !== undefined && media.sha256 !== sum) throw damaged();
    return bytes;
  } catch (error) {
    throw error instanceof GatewayError ? error : damaged(error);
  }
}
