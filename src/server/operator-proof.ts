/**
 * How the two ends of an operator link over TCP prove to each other that they know the operator token, which itself
 * never crosses. Every frame after that is sealed with keys of this one connection: a program in the middle that
 * passes the proofs on can neither read nor add a word.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const LABEL = 'pi-gateway-tui operator link 1';
const CIPHER = 'aes-256-gcm';
const TAG_BYTES = 16;

/** Fresh random values of both ends: a proof of one connection is worth nothing on another. */
export interface Nonces {
  readonly client: string;
  readonly server: string;
}

export type Side = 'client' | 'server';

export function newNonce(): string {
  return randomBytes(32).toString('base64url');
}

export function isNonce(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{43}$/.test(value);
}

function derive(token: string, purpose: string, nonces: Nonces): Buffer {
  return createHmac('sha256', token)
    .update(JSON.stringify([LABEL, purpose, nonces.client, nonces.server]))
    .digest();
}

/** What a side sends to prove that it knows the token. */
export function proofOf(side: Side, token: string, nonces: Nonces): string {
  return derive(token, `proof of the ${side}`, nonces).toString('base64url');
}

/** Constant time. An empty token proves nothing. */
export function proves(side: Side, token: string, nonces: Nonces, proof: unknown): boolean {
  if (token === '' || typeof proof !== 'string') return false;
  const right = Buffer.from(proofOf(side, token, nonces));
  const given = Buffer.from(proof);
  return given.length === right.length && timingSafeEqual(given, right);
}

/** Seals what one end says and opens what the other says. Frames are counted: none can be left out, repeated or moved. */
export class Seal {
  readonly #outKey: Buffer;
  readonly #inKey: Buffer;
  #out = 0;
  #in = 0;

  constructor(side: Side, token: string, nonces: Nonces) {
    const other: Side = side === 'client' ? 'server' : 'client';
    this.#outKey = derive(token, `frames of the ${side}`, nonces);
    this.#inKey = derive(token, `frames of the ${other}`, nonces);
  }

  seal(text: string): Buffer {
    const cipher = createCipheriv(CIPHER, this.#outKey, counted(this.#out));
    this.#out += 1;
    return Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  }

  /** Undefined: not what the other end said next. The link is of no use then. */
  open(frame: Buffer): string | undefined {
    if (frame.length < TAG_BYTES) return undefined;
    const decipher = createDecipheriv(CIPHER, this.#inKey, counted(this.#in));
    decipher.setAuthTag(frame.subarray(frame.length - TAG_BYTES));
    try {
      const text = Buffer.concat([
        decipher.update(frame.subarray(0, frame.length - TAG_BYTES)),
        decipher.final(),
      ]);
      this.#in += 1;
      return text.toString('utf8');
    } catch {
      return undefined;
    }
  }
}

/** Keys are new on every connection, so a counter is a nonce that never comes twice. */
function counted(frame: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(frame), 4);
  return nonce;
}
