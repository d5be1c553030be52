import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

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
