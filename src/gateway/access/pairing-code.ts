import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { CODE_LENGTHS } from '../config/pairing-schema.ts';

/** No 0 O 1 I L: what is read aloud or copied from a phone stays unambiguous. */
const ALPHABET = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789';

/** A fresh code from the system's CSPRNG; `randomInt` has no modulo bias. */
export function newPairingCode(length: number): string {
  return Array.from({ length }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
}

/** `ABCDEFGH` as people read it: `ABCD-EFGH`. */
export function showPairingCode(code: string): string {
  return code.replace(/.{4}(?=.)/g, '$&-');
}

/**
 * Case, dashes and spaces of what was typed do not matter. Undefined when it cannot be a code at all: one of this length,
 * or of any length that codes were ever given out with.
 */
export function readPairingCode(input: string, length?: number): string | undefined {
  const code = input.toUpperCase().replace(/[\s\u2010-\u2015-]/g, '');
  const { shortest, longest } = CODE_LENGTHS;
  if (code.length < (length ?? shortest) || code.length > (length ?? longest)) return undefined;
  return [...code].every((c) => ALPHABET.includes(c)) ? code : undefined;
}

export interface HashedCode {
  readonly salt: string;
  readonly hash: string;
}

/** What goes to disk instead of the code. */
export function hashPairingCode(code: string, salt: string = randomBytes(16).toString('hex')): HashedCode {
  return { salt, hash: createHash('sha256').update(`${salt}:${code}`).digest('hex') };
}

/** Constant-time comparison of a typed code with a stored hash. */
export function matchesPairingCode(code: string, stored: HashedCode): boolean {
  const typed = Buffer.from(hashPairingCode(code, stored.salt).hash, 'hex');
  const known = Buffer.from(stored.hash, 'hex');
  return typed.length === known.length && timingSafeEqual(typed, known);
}
