import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { GatewayError } from '../errors.ts';
import type { ChatRef, InboundMessage, PairingView, Platform } from '../model.ts';
import type { Database, Row, Tx } from '../store/database.ts';
import {
  type HashedCode,
  hashPairingCode,
  matchesPairingCode,
  newPairingCode,
  readPairingCode,
  showPairingCode,
} from './pairing-code.ts';

export const PAIRING_LIMITS = {
  lifetimeMs: 60 * 60_000,
  reminderAfterMs: 10 * 60_000,
  cooldownMs: 60 * 60_000,
  perPlatform: 3,
  inAll: 20,
  wrongCodes: 5,
  lockMs: 60 * 60_000,
  firstWordsChars: 500,
} as const;

export interface PairingRequest {
  readonly id: string;
  readonly chat: ChatRef;
  readonly senderId: string;
  readonly aliases: readonly string[];
  readonly senderName: string;
  readonly firstWords: string;
  /** The stranger's message, kept by the inbox until the decision. */
  readonly heldId: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  remindedAt: number | undefined;
  stored: HashedCode;
  /** The clear code lives in memory only. */
  code: string | undefined;
}

export type Consideration =
  | { readonly answer: 'new' }
  | { readonly answer: 'remind'; readonly request: PairingRequest }
  | { readonly answer: 'silent'; readonly code: string; readonly reason: string };

export type ClosedState = 'approved' | 'denied' | 'blocked' | 'expired' | 'revoked';

/** Requests of strangers to be let in: one live request a sender, bounded in number and time. */
export class PairingDesk {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #onExpired: (request: PairingRequest) => void;
  readonly #pending = new Map<string, PairingRequest>();
  readonly #cooldowns = new Map<string, number>();
  readonly #locks = new Map<Platform, { failures: number; lockedUntil: number }>();
  #timer: NodeJS.Timeout | undefined;
  turnedAway = 0;

  constructor(db: Database, clock: Clock, onExpired: (request: PairingRequest) => void) {
    this.#db = db;
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  load(): void {
    const now = this.#clock();
    for (const row of this.#db.all("SELECT * FROM pairing WHERE state = 'pending' ORDER BY created_at"))
      this.#pending.set(String(row['id']), requestOf(row));
    for (const row of this.#db.all(
      "SELECT platform, sender_id, closed_at FROM pairing WHERE state IN ('denied','expired') AND closed_at > ?",
      [now - PAIRING_LIMITS.cooldownMs],
    ))
      this.#cooldowns.set(
        senderKey(row['platform'] as Platform, String(row['sender_id'])),
        Number(row['closed_at']) + PAIRING_LIMITS.cooldownMs,
      );
    for (const row of this.#db.all('SELECT * FROM code_lock'))
      this.#locks.set(row['platform'] as Platform, {
        failures: Number(row['failures']),
        lockedUntil: Number(row['locked_until']),
      });
    this.#arm();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  list(): PairingView[] {
    return [...this.#pending.values()].map(pairingView);
  }

  get(id: string): PairingRequest | undefined {
    return this.#pending.get(id);
  }

  /** The decided request that a held message belonged to: a restart may have come between the two steps. */
  closedFor(heldId: string): PairingRequest | undefined {
    const row = this.#db.get("SELECT * FROM pairing WHERE held_id = ? AND state = 'approved'", [heldId]);
    return row === undefined ? undefined : requestOf(row);
  }

  pendingOf(platform: Platform, senderIds: readonly string[]): PairingRequest | undefined {
    for (const request of this.#pending.values())
      if (
        request.chat.platform === platform &&
        [request.senderId, ...request.aliases].some((id) => senderIds.includes(id))
      )
        return request;
    return undefined;
  }

  /** What a stranger's message leads to. Counts those turned away. */
  consider(message: InboundMessage): Consideration {
    const now = this.#clock();
    const { platform } = message.chat;
    const ids = [message.sender.id, ...(message.sender.aliases ?? [])];
    const request = this.pendingOf(platform, ids);
    if (request !== undefined && request.expiresAt > now) {
      const due =
        request.remindedAt === undefined && now >= request.createdAt + PAIRING_LIMITS.reminderAfterMs;
      return due
        ? { answer: 'remind', request }
        : { answer: 'silent', code: 'pairing_pending', reason: 'the sender already waits for approval' };
    }
    if (ids.some((id) => (this.#cooldowns.get(senderKey(platform, id)) ?? 0) > now))
      return {
        answer: 'silent',
        code: 'pairing_cooldown',
        reason: 'denied or expired less than an hour ago',
      };
    const live = [...this.#pending.values()].filter((each) => each.expiresAt > now);
    const samePlatform = live.filter((each) => each.chat.platform === platform).length;
    if (samePlatform >= PAIRING_LIMITS.perPlatform || live.length >= PAIRING_LIMITS.inAll) {
      this.turnedAway += 1;
      return {
        answer: 'silent',
        code: 'turned_away',
        reason: 'too many strangers wait already; add the sender by id',
      };
    }
    return { answer: 'new' };
  }

  /** Opens a request. Resolves when it is durable; the clear code stays in memory. */
  async open(message: InboundMessage, heldId: string): Promise<PairingRequest> {
    const now = this.#clock();
    const code = newPairingCode();
    const request: PairingRequest = {
      id: randomUUID(),
      chat: message.chat,
      senderId: message.sender.id,
      aliases: message.sender.aliases ?? [],
      senderName: message.sender.name,
      firstWords: message.text.slice(0, PAIRING_LIMITS.firstWordsChars).toWellFormed(),
      heldId,
      createdAt: now,
      expiresAt: now + PAIRING_LIMITS.lifetimeMs,
      remindedAt: undefined,
      stored: hashPairingCode(code),
      code,
    };
    // Reserved at once, so that two messages arriving together cannot open two requests.
    this.#pending.set(request.id, request);
    try {
      await this.#db.write((tx) =>
        tx.run(
          `INSERT INTO pairing (id, platform, account_id, sender_id, aliases, sender_name, chat, salt, hash,
             first_words, held_id, created_at, expires_at, reminded_at, state, closed_at)
           VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,'pending',NULL)`,
          [
            request.id,
            request.chat.platform,
            request.chat.accountId,
            request.senderId,
            JSON.stringify(request.aliases),
            request.senderName,
            JSON.stringify(request.chat),
            request.stored.salt,
            request.stored.hash,
            request.firstWords,
            heldId,
            request.createdAt,
            request.expiresAt,
          ],
        ),
      );
    } catch (error) {
      this.#pending.delete(request.id);
      throw error;
    }
    this.#arm();
    return request;
  }

  /** Marks the one reminder as sent. After a restart the clear code is gone: the reminder carries a new one. */
  async remind(request: PairingRequest): Promise<string> {
    request.remindedAt = this.#clock();
    if (request.code === undefined) {
      request.code = newPairingCode();
      request.stored = hashPairingCode(request.code);
    }
    const { salt, hash } = request.stored;
    await this.#db.write((tx) =>
      tx.run('UPDATE pairing SET reminded_at = ?, salt = ?, hash = ? WHERE id = ?', [
        request.remindedAt ?? null,
        salt,
        hash,
        request.id,
      ]),
    );
    return showPairingCode(request.code);
  }

  /** The request that a typed code belongs to. Wrong codes are counted; too many lock code entry for an hour. */
  async redeem(input: string, platform?: Platform): Promise<PairingRequest> {
    const now = this.#clock();
    const code = readPairingCode(input);
    const live = [...this.#pending.values()].filter(
      (request) => request.expiresAt > now && (platform === undefined || request.chat.platform === platform),
    );
    let found: PairingRequest | undefined;
    if (code !== undefined)
      for (const request of live) if (matchesPairingCode(code, request.stored)) found = request; // no early exit
    const candidates = found === undefined ? this.#guessedPlatforms(platform) : [found.chat.platform];
    const lockedUntil = Math.max(0, ...candidates.map((each) => this.#locks.get(each)?.lockedUntil ?? 0));
    if (
      lockedUntil > now &&
      (found !== undefined || candidates.every((p) => (this.#locks.get(p)?.lockedUntil ?? 0) > now))
    )
      throw new GatewayError('code_locked', 'too many wrong codes: code entry is locked', {
        status: 429,
        hint: `Approve the row by key or by id, or wait ${Math.ceil((lockedUntil - now) / 60_000)} minutes.`,
      });
    if (found !== undefined) return found;
    if (code !== undefined && this.#wasLive(code))
      throw new GatewayError('code_expired', 'that code has expired or was used', {
        status: 404,
        hint: 'Ask the person to write to the bot again for a new code, or allow them by id.',
      });
    await this.#countWrong(candidates, now);
    throw new GatewayError('code_unknown', 'no waiting request has that code', {
      status: 404,
      hint: 'Compare it with the pairing list (pi-gateway-tui pair); after 5 wrong codes entry is locked for an hour.',
    });
  }

  /** Part of the transaction that carries the decision out. */
  close(tx: Tx, request: PairingRequest, state: ClosedState): void {
    tx.run('UPDATE pairing SET state = ?, closed_at = ? WHERE id = ?', [state, this.#clock(), request.id]);
  }

  /** Memory follows once the decision is durable. */
  forget(request: PairingRequest, state: ClosedState): void {
    this.#pending.delete(request.id);
    if (state === 'denied' || state === 'expired')
      for (const id of [request.senderId, ...request.aliases])
        this.#cooldowns.set(senderKey(request.chat.platform, id), this.#clock() + PAIRING_LIMITS.cooldownMs);
    this.#arm();
  }

  /** Puts an approved request back (undo). */
  reopen(tx: Tx, request: PairingRequest): void {
    tx.run("UPDATE pairing SET state = 'pending', closed_at = NULL WHERE id = ?", [request.id]);
  }

  remember(request: PairingRequest): void {
    this.#pending.set(request.id, request);
    this.#arm();
  }

  /** A wrong code may have been meant for any platform that someone waits on. */
  #guessedPlatforms(platform: Platform | undefined): Platform[] {
    if (platform !== undefined) return [platform];
    const waiting = new Set([...this.#pending.values()].map((request) => request.chat.platform));
    return waiting.size > 0 ? [...waiting] : ['websocket'];
  }

  async #countWrong(platforms: readonly Platform[], now: number): Promise<void> {
    for (const platform of platforms) {
      const known = this.#locks.get(platform);
      const failures =
        (known === undefined || (known.lockedUntil > 0 && known.lockedUntil <= now) ? 0 : known.failures) + 1;
      const lockedUntil = failures >= PAIRING_LIMITS.wrongCodes ? now + PAIRING_LIMITS.lockMs : 0;
      this.#locks.set(platform, { failures, lockedUntil });
      await this.#db.write((tx) =>
        tx.run('INSERT OR REPLACE INTO code_lock (platform, failures, locked_until) VALUES (?,?,?)', [
          platform,
          failures,
          lockedUntil,
        ]),
      );
    }
  }

  #wasLive(code: string): boolean {
    return this.#db
      .all(
        "SELECT salt, hash FROM pairing WHERE state <> 'blocked' AND created_at > ? ORDER BY created_at DESC LIMIT 100",
        [this.#clock() - 24 * 60 * 60_000],
      )
      .some((row) => matchesPairingCode(code, { salt: String(row['salt']), hash: String(row['hash']) }));
  }

  /** One timer for the earliest expiry; none while nobody waits. */
  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const next = Math.min(...[...this.#pending.values()].map((request) => request.expiresAt));
    if (!Number.isFinite(next)) return;
    const delay = Math.min(Math.max(next - this.#clock(), 0), PAIRING_LIMITS.lifetimeMs);
    this.#timer = setTimeout(() => this.#expire(), delay);
    this.#timer.unref();
  }

  #expire(): void {
    const now = this.#clock();
    for (const request of this.#pending.values()) if (request.expiresAt <= now) this.#onExpired(request);
    this.#arm();
  }
}

export function pairingView(request: PairingRequest): PairingView {
  return {
    id: request.id,
    platform: request.chat.platform,
    accountId: request.chat.accountId,
    senderId: request.senderId,
    senderName: request.senderName,
    ...(request.code === undefined ? {} : { code: showPairingCode(request.code) }),
    firstWords: request.firstWords,
    createdAt: request.createdAt,
    expiresAt: request.expiresAt,
  };
}

const senderKey = (platform: Platform, id: string): string => `${platform}\n${id}`;

function requestOf(row: Row): PairingRequest {
  return {
    id: String(row['id']),
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
    stored: { salt: String(row['salt']), hash: String(row['hash']) },
    code: undefined,
  };
}
