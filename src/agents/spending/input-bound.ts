/**
 * How many tokens a request can count as, at most. Tokenizers in use are byte-level BPE or SentencePiece with byte
 * fallback and without rewriting of the text: each token stands for at least one byte of it. Roles, separators and the
 * instructions that providers add for tools are covered by the JSON around the text and by a margin.
 */
import { createHash } from 'node:crypto';
import { isObject, listAt, numberAt } from '../../gateway/agent/pi-files.ts';
import { RESERVED_AS } from './wire.ts';

/** What providers add on their own: Anthropic's instructions for tools are the longest known (fewer than 900). */
const MARGIN = 1024;
/** More than any provider counts for one image in full detail (8 tiles of 5,667 and 2,833). */
const IMAGE_TOKENS = 49_152;
/** A provider that reports fewer tokens than this part of the bytes has not reported all of them. */
const BYTES_PER_TOKEN = 16;

interface Part {
  readonly digest: string;
  /** Bytes of the text, or what stands for images. */
  readonly tokens: number;
  readonly textBytes: number;
}

/** What a provider has counted for the beginning of a conversation. */
interface Counted {
  readonly model: string;
  readonly parts: number;
  readonly digest: string;
  readonly tokens: number;
}

export interface BoundInput {
  readonly tokens: number;
  /** To be told what the provider has counted for this request. */
  learn(inputTokens: number): void;
}

/**
 * Bounds the requests of one session. The first is bounded by its bytes. One that begins with exactly what was sent before
 * to the same model is bounded by what the provider has counted for that, and the bytes of what was added: messages are
 * separated by tokens of their own, so that nothing that follows changes how they are counted.
 */
export class InputBound {
  #counted: Counted | undefined;

  of(model: string, context: unknown): BoundInput {
    const parts = partsOf(context);
    const chain = chainOf(parts);
    const all = sum(parts) + MARGIN;
    const { parts: n = 0, digest, tokens = 0, model: of } = this.#counted ?? {};
    const known = n > 0 && of === model && n <= parts.length && chain[n - 1] === digest;
    return {
      tokens: known ? Math.min(all, tokens + sum(parts.slice(n)) + MARGIN) : all,
      learn: (inputTokens) => {
        const bytes = parts.reduce((total, part) => total + part.textBytes, 0);
        const last = chain.at(-1);
        this.#counted =
          last === undefined || inputTokens * BYTES_PER_TOKEN < bytes
            ? undefined
            : { model, parts: parts.length, digest: last, tokens: inputTokens };
      },
    };
  }
}

const sum = (parts: readonly Part[]): number => parts.reduce((total, { tokens }) => total + tokens, 0);

/** Everything but the messages, then each message. */
function partsOf(context: unknown): readonly Part[] {
  const { messages: _, ...head } = isObject(context) ? context : {};
  return [head, ...listAt(context, 'messages').map(asSent)].map(partOf);
}

/** Without what pi keeps next to a message. */
function asSent(message: unknown): unknown {
  if (!isObject(message)) return message;
  const { details: _details, usage: _usage, timestamp: _at, [RESERVED_AS]: _reserved, ...sent } = message;
  return sent;
}

function partOf(value: unknown): Part {
  let images = 0;
  const hash = createHash('sha256');
  const text =
    JSON.stringify(value, (_key, each: unknown) => {
      if (!isImage(each)) return each;
      images += Math.min(IMAGE_TOKENS, each.data.length);
      hash.update(each.data);
      return { ...each, data: '' };
    }) ?? '';
  const textBytes = Buffer.byteLength(text);
  return { digest: hash.update(text).digest('base64'), tokens: textBytes + images, textBytes };
}

function isImage(value: unknown): value is { readonly data: string } {
  return isObject(value) && value['type'] === 'image' && typeof value['data'] === 'string';
}

/** The digest of each beginning. */
function chainOf(parts: readonly Part[]): readonly string[] {
  let last = '';
  return parts.map(({ digest }) => {
    last = createHash('sha256').update(last).update(digest).digest('base64');
    return last;
  });
}

/** Input tokens of a report, whatever they were read from. */
export function reportedInput(usage: unknown): number {
  return numberAt(usage, 'input') + numberAt(usage, 'cacheRead') + numberAt(usage, 'cacheWrite');
}
