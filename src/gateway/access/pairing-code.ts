import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

/** No 0 O 1 I L: what is read aloud or copied from a phone stays unambiguous. */
const ALPHABET = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789';
const LENGTH = 8;

/** A fresh code from the system's CSPRNG; `randomInt` has no modulo bias. */
export function newPairingCode(): string {
  return Array.from({ length: LENGTH }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
}

/** `ABCDEFGH` as people read it: `ABCD-EFGH`. */
export function showPairingCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}

/** Case, dashes and spaces of what was typed do not matter. Undefined when it cannot be a code at all. */
export function readPairingCode(input: string): string | undefined {
  const code = input.toUpperCase().replace(/[\s\u2010-\u2015-]/g, '');
  return code.length === LENGTH && [...code].every((c) => ALPHABET.includes(c)) ? code : undefined;
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
