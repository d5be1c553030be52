/**
 * A request for access: its code, its row, what the operator sees of it, and how a typed code is found or counted as
 * wrong.
 */

import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import { GatewayError } from '../../base/errors.ts';
import { ownText } from '../../base/text.ts';
import type { Database, Row } from '../../store/database.ts';
import { CODE_LENGTHS, inWords, type PairingLimits } from '../config/section-schemas.ts';
import type { Core } from '../core.ts';
import type { ChatRef, InboundMessage, PairingView, Platform, Sender } from '../model.ts';

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

interface HashedCode {
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

/**
 * One person's wish to be let in (`asked`), or a code that the operator made for one person before they wrote
 * (`generated`; its chat is not known).
 */
export interface PairingRequest {
  readonly id: string;
  readonly kind: 'asked' | 'generated';
  readonly chat: ChatRef;
  readonly senderId: string;
  readonly aliases: readonly string[];
  readonly senderName: string;
  firstWords: string;
  /** The person's message, kept by the inbox until the decision; empty when none is kept. */
  readonly heldId: string;
  readonly createdAt: number;
  expiresAt: number;
  remindedAt: number | undefined;
  /** Undefined: too many waited when it came, and its sender got no code. */
  stored: HashedCode | undefined;
  /** The clear code lives in memory only. */
  code: string | undefined;
}

/** A request by its row, or by the code that its sender was given. */
export interface WhichRequest {
  readonly requestId?: string;
  readonly code?: string;
  readonly platform?: Platform;
}

/** Who asked. */
export function senderOf({ senderId, senderName, aliases }: PairingRequest): Sender {
  return { id: senderId, name: senderName, aliases };
}

/** What a new user's message leads to. */
export type Consideration =
  /** `coded`: false when too many wait; then they are in the operator's queue, and hear nothing. */
  | { readonly answer: 'new'; readonly coded: boolean }
  /** Their request waits without a code, and there is room for one now. */
  | { readonly answer: 'code'; readonly request: PairingRequest }
  | { readonly answer: 'remind'; readonly request: PairingRequest }
  /** `request`: the one of theirs that is waiting already. */
  | {
      readonly answer: 'silent';
      readonly code: string;
      readonly reason: string;
      readonly request?: PairingRequest;
    };

/** What the operator reads of a message before a decision. */
export const firstWordsOf = (text: string, limits: PairingLimits): string =>
  ownText(text.slice(0, limits.firstWordsChars).toWellFormed());

export function newRequest(
  id: string,
  message: InboundMessage,
  heldId: string,
  now: number,
  coded: boolean,
  limits: PairingLimits,
): PairingRequest {
  const code = coded ? newPairingCode(limits.codeLength) : undefined;
  return {
    id,
    kind: 'asked',
    chat: message.chat,
    senderId: message.sender.id,
    aliases: message.sender.aliases ?? [],
    senderName: message.sender.name,
    firstWords: firstWordsOf(message.text, limits),
    heldId,
    createdAt: now,
    expiresAt: now + (coded ? limits.lifetimeMs : limits.queuedMs),
    remindedAt: undefined,
    stored: code === undefined ? undefined : hashPairingCode(code),
    code,
  };
}

/** A code for one person on one platform, made by the operator. */
export function generatedRequest(
  id: string,
  platform: Platform,
  userId: string,
  now: number,
  limits: PairingLimits,
): PairingRequest & { readonly code: string } {
  const code = newPairingCode(limits.codeLength);
  return {
    id,
    kind: 'generated',
    chat: { platform, accountId: '', chatId: '' },
    senderId: userId,
    aliases: [],
    senderName: userId,
    firstWords: '',
    heldId: '',
    createdAt: now,
    expiresAt: now + limits.lifetimeMs,
    remindedAt: undefined,
    stored: hashPairingCode(code),
    code,
  };
}

export function pairingView(request: PairingRequest): PairingView {
  return {
    id: request.id,
    ...(request.kind === 'generated' ? { kind: 'generated' as const } : {}),
    ...(request.stored === undefined ? { kind: 'queued' as const } : {}),
    platform: request.chat.platform,
    accountId: request.chat.accountId,
    senderId: request.senderId,
    senderName: request.senderName,
    ...defined({ code: request.code && showPairingCode(request.code) }),
    firstWords: request.firstWords,
    createdAt: request.createdAt,
    expiresAt: request.expiresAt,
  };
}

export function requestOf(row: Row): PairingRequest {
  return {
    id: String(row['id']),
    kind: row['kind'] === 'generated' ? 'generated' : 'asked',
    chat: JSON.parse(String(row['chat'])) as ChatRef,
    senderId: String(row['sender_id']),
    aliases: JSON.parse(String(row['aliases'])) as string[],
    senderName: String(row['sender_name']),
    firstWords: String(row['first_words']),
    heldId: String(row['held_id']),
    createdAt: Number(row['created_at']),
    expiresAt: Number(row['expires_at']),
    remindedAt:
      row['reminded_at'] === null || row['reminded_at'] === undefined
        ? undefined
        : Number(row['reminded_at']),
    stored: row['hash'] === '' ? undefined : { salt: String(row['salt']), hash: String(row['hash']) },
    code: undefined,
  };
}

export function decidedMeanwhile(): GatewayError {
  return new GatewayError('request_not_found', 'no pending request with that id', {
    status: 404,
    hint: 'It was already decided or has expired. The person can write again.',
  });
}

const DAY_MS = 24 * 60 * 60_000;

/** The request that a typed code belongs to. Wrong codes are counted; too many lock code entry for an hour. */
export async function redeemCode(
  {
    db,
    lock,
    now,
    limits,
  }: {
    readonly db: Database;
    readonly lock: CodeLock;
    readonly now: number;
    readonly limits: PairingLimits;
  },
  requests: readonly PairingRequest[],
  input: string,
  platform: Platform | undefined,
): Promise<PairingRequest> {
  const code = readPairingCode(input);
  let found: PairingRequest | undefined;
  const waiting = new Set<Platform>();
  for (const request of requests) {
    if (request.stored === undefined || request.expiresAt <= now) continue;
    if ((platform ?? request.chat.platform) !== request.chat.platform) continue;
    waiting.add(request.chat.platform);
    if (code !== undefined && matchesPairingCode(code, request.stored)) found = request; // no early exit
  }
  // A invalid code may have been meant for any platform that someone waits on.
  const meant = found === undefined ? [...waiting] : [found.chat.platform];
  const lockedUntil = Math.min(...meant.map((each) => lock.lockedUntil(each)));
  if (meant.length > 0 && lockedUntil > now)
    throw new GatewayError('code_locked', 'too many invalid codes: code entry is locked', {
      status: 429,
      hint: `Approve the row by key or by id, or wait ${Math.ceil((lockedUntil - now) / 60_000)} minutes.`,
    });
  if (found !== undefined) {
    await lock.right(found.chat.platform);
    return found;
  }
  if (code !== undefined && wasLive(db, code, now))
    throw new GatewayError('code_expired', 'that code has expired or was used', {
      status: 404,
      hint: 'Ask the person to write to the bot again for a new code, or allow them by id.',
    });
  // What cannot be a code, such as the number of a row, is no guess.
  if (code !== undefined) for (const each of meant) await lock.wrong(each, now);
  throw new GatewayError('code_unknown', 'no pending request has that code', {
    status: 404,
    hint: `Compare it with the pairing list (pi-gateway-tui pair); after ${limits.wrongCodes} invalid codes entry is locked for ${inWords(limits.lockMs)}.`,
  });
}

function wasLive(db: Database, code: string, now: number): boolean {
  return db
    .all(
      `SELECT salt, hash FROM pairing WHERE state <> 'blocked' AND hash <> '' AND created_at > ?
       ORDER BY created_at DESC LIMIT 100`,
      [now - DAY_MS],
    )
    .some((row) => matchesPairingCode(code, { salt: String(row['salt']), hash: String(row['hash']) }));
}

interface Lock {
  failures: number;
  lockedUntil: number;
}

/**
 * Counts invalid codes per platform: too many lock code entry there for a time, also across a restart. What operators
 * type and what new users send are counted apart: a guesser must not lock the operator out.
 */
export class CodeLock {
  readonly #db: Database;
  readonly #limits: PairingLimits;
  readonly #locks = new Map<string, Lock>();

  constructor(db: Database, limits: PairingLimits) {
    this.#db = db;
    this.#limits = limits;
  }

  load(): void {
    for (const row of this.#db.all('SELECT * FROM code_lock'))
      this.#locks.set(String(row['platform']), {
        failures: Number(row['failures']),
        lockedUntil: Number(row['locked_until']),
      });
  }

  /** Until when no code is taken there; in the past where codes are taken. */
  lockedUntil(platform: string): number {
    return this.#locks.get(platform)?.lockedUntil ?? 0;
  }

  /** Counts a invalid code. Resolves when the count is durable. */
  async wrong(platform: string, now: number): Promise<void> {
    const known = this.#locks.get(platform);
    const over = known === undefined || (known.lockedUntil > 0 && known.lockedUntil <= now);
    const failures = (over ? 0 : known.failures) + 1;
    await this.#set(platform, {
      failures,
      lockedUntil: failures >= this.#limits.wrongCodes ? now + this.#limits.lockMs : 0,
    });
  }

  /** A right code: earlier slips are forgotten. */
  async right(platform: string): Promise<void> {
    if ((this.#locks.get(platform)?.failures ?? 0) > 0)
      await this.#set(platform, { failures: 0, lockedUntil: 0 });
  }

  async #set(platform: string, lock: Lock): Promise<void> {
    this.#locks.set(platform, lock); // in force at once, whatever the disk says
    await this.#db.write((tx) =>
      tx.run('INSERT OR REPLACE INTO code_lock (platform, failures, locked_until) VALUES (?,?,?)', [
        platform,
        lock.failures,
        lock.lockedUntil,
      ]),
    );
  }
}

/** What the decisions about people need: a store, and who carries out what follows from them. */
export interface AccessDeps extends Pick<Core, 'db' | 'clock' | 'events' | 'log'> {
  readonly limits: PairingLimits;
  /** A new user was approved: notify them and answer the held message. Idempotent. */
  readonly onApproved: (request: PairingRequest) => Promise<void>;
  /** A new user was denied or blocked: drop the held message; notify them once when `tell`. Idempotent. */
  readonly onRejected: (request: PairingRequest, tell: boolean) => Promise<void>;
  /** A denial or a block was undone: hold the first message again. Idempotent. */
  readonly onReopened: (request: PairingRequest) => Promise<void>;
  /** These ids lost access: end their turns and drop their queues. */
  readonly onRevoked: (platform: Platform, ids: readonly string[]) => void;
}
