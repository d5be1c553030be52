import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { GatewayError } from '../errors.ts';
import type { InboundMessage, PairingView, Platform } from '../model.ts';
import type { Database, Tx } from '../store/database.ts';
import { CodeLock } from './code-lock.ts';
import {
  hashPairingCode,
  matchesPairingCode,
  newPairingCode,
  readPairingCode,
  showPairingCode,
} from './pairing-code.ts';
import {
  newRequest,
  PAIRING_LIMITS,
  type PairingRequest,
  pairingView,
  requestOf,
} from './pairing-request.ts';

const RETRY_MS = 60_000;

export type Consideration =
  | { readonly answer: 'new' }
  | { readonly answer: 'remind'; readonly request: PairingRequest }
  | { readonly answer: 'silent'; readonly code: string; readonly reason: string };

export type ClosedState = 'approved' | 'denied' | 'blocked' | 'expired' | 'revoked';

/** Requests of strangers to be let in: one live request a sender, bounded in number and time. */
export class PairingDesk {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #onExpired: (request: PairingRequest) => Promise<void>;
  readonly #pending = new Map<string, PairingRequest>();
  readonly #unstored = new Set<string>();
  /** Expired, and being closed. */
  readonly #closing = new Set<PairingRequest>();
  readonly #cooldowns = new Map<string, number>();
  readonly #lock: CodeLock;
  #timer: NodeJS.Timeout | undefined;
  turnedAway = 0;

  /** `onExpired` closes a request for good; when it rejects it is called again after a minute. */
  constructor(db: Database, clock: Clock, onExpired: (request: PairingRequest) => Promise<void>) {
    this.#db = db;
    this.#clock = clock;
    this.#onExpired = onExpired;
    this.#lock = new CodeLock(db);
  }

  load(): void {
    const now = this.#clock();
    for (const row of this.#db.all("SELECT * FROM pairing WHERE state = 'pending' ORDER BY created_at"))
      this.#pending.set(String(row['id']), requestOf(row));
    for (const row of this.#db.all(
      "SELECT platform, sender_id, aliases, closed_at FROM pairing WHERE state IN ('denied','expired') AND closed_at > ?",
      [now - PAIRING_LIMITS.cooldownMs],
    ))
      this.#coolDown(
        row['platform'] as Platform,
        [String(row['sender_id']), ...(JSON.parse(String(row['aliases'])) as string[])],
        Number(row['closed_at']) + PAIRING_LIMITS.cooldownMs,
      );
    this.#lock.load();
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

  /** The waiting request that a held message belongs to. */
  pendingFor(heldId: string): PairingRequest | undefined {
    for (const request of this.#pending.values()) if (request.heldId === heldId) return request;
    return undefined;
  }

  /** The decided request that a held message belonged to: a restart may have come between the two steps. */
  closedFor(heldId: string): { readonly request: PairingRequest; readonly state: ClosedState } | undefined {
    const row = this.#db.get("SELECT * FROM pairing WHERE held_id = ? AND state <> 'pending'", [heldId]);
    return row === undefined
      ? undefined
      : { request: requestOf(row), state: String(row['state']) as ClosedState };
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
    // A request that has just expired may not be closed yet: its hour of silence has begun all the same.
    if (request !== undefined || ids.some((id) => (this.#cooldowns.get(senderKey(platform, id)) ?? 0) > now))
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

  /**
   * Begins a request. It counts at once, so that strangers who arrive together cannot pass the caps and one sender
   * cannot open two; `store` makes it durable, `cancel` takes it back.
   */
  begin(message: InboundMessage, heldId: string): PairingRequest {
    const request = newRequest(randomUUID(), message, heldId, this.#clock());
    this.#pending.set(request.id, request);
    this.#unstored.add(request.id);
    return request;
  }

  cancel(request: PairingRequest): void {
    this.#pending.delete(request.id);
    this.#unstored.delete(request.id);
  }

  /** Only a stored request can be decided; one that is being written is looked at again once it is. */
  isStored(request: PairingRequest): boolean {
    return !this.#unstored.has(request.id);
  }

  /** Resolves when the request is durable; the clear code stays in memory. */
  async store(request: PairingRequest): Promise<void> {
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
            request.heldId,
            request.createdAt,
            request.expiresAt,
          ],
        ),
      );
    } catch (error) {
      this.cancel(request);
      throw error;
    }
    this.#unstored.delete(request.id);
    this.#arm();
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
    let found: PairingRequest | undefined;
    const waiting = new Set<Platform>();
    for (const request of this.#pending.values()) {
      if (request.expiresAt <= now || (platform ?? request.chat.platform) !== request.chat.platform) continue;
      waiting.add(request.chat.platform);
      if (code !== undefined && matchesPairingCode(code, request.stored)) found = request; // no early exit
    }
    // A wrong code may have been meant for any platform that somebody waits on.
    const meant = found === undefined ? [...waiting] : [found.chat.platform];
    const lockedUntil = Math.min(...meant.map((each) => this.#lock.lockedUntil(each)));
    if (meant.length > 0 && lockedUntil > now)
      throw new GatewayError('code_locked', 'too many wrong codes: code entry is locked', {
        status: 429,
        hint: `Approve the row by key or by id, or wait ${Math.ceil((lockedUntil - now) / 60_000)} minutes.`,
      });
    if (found !== undefined) {
      await this.#lock.right(found.chat.platform);
      return found;
    }
    if (code !== undefined && this.#wasLive(code))
      throw new GatewayError('code_expired', 'that code has expired or was used', {
        status: 404,
        hint: 'Ask the person to write to the bot again for a new code, or allow them by id.',
      });
    for (const each of meant) await this.#lock.wrong(each, now);
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
      this.#coolDown(
        request.chat.platform,
        [request.senderId, ...request.aliases],
        this.#clock() + PAIRING_LIMITS.cooldownMs,
      );
    this.#arm();
  }

  /** Puts a decided request back (undo). */
  reopen(tx: Tx, request: PairingRequest): void {
    tx.run("UPDATE pairing SET state = 'pending', closed_at = NULL WHERE id = ?", [request.id]);
  }

  remember(request: PairingRequest): void {
    this.#pending.set(request.id, request);
    for (const id of [request.senderId, ...request.aliases])
      this.#cooldowns.delete(senderKey(request.chat.platform, id));
    this.#arm();
  }

  #coolDown(platform: Platform, ids: readonly string[], until: number): void {
    const now = this.#clock();
    for (const [key, end] of this.#cooldowns) if (end <= now) this.#cooldowns.delete(key);
    for (const id of ids) this.#cooldowns.set(senderKey(platform, id), until);
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
    let next = Number.POSITIVE_INFINITY;
    for (const request of this.#pending.values())
      if (!this.#closing.has(request)) next = Math.min(next, request.expiresAt);
    if (!Number.isFinite(next)) return;
    const delay = Math.min(Math.max(next - this.#clock(), 0), PAIRING_LIMITS.lifetimeMs);
    this.#timer = setTimeout(() => this.#expire(), delay);
    this.#timer.unref();
  }

  #expire(): void {
    const now = this.#clock();
    for (const request of this.#pending.values())
      if (request.expiresAt <= now && !this.#closing.has(request)) {
        this.#closing.add(request);
        this.#onExpired(request).then(
          () => this.#closing.delete(request),
          () => this.#tryLater(request),
        );
      }
    this.#arm();
  }

  /** The store did not take it. */
  #tryLater(request: PairingRequest): void {
    const timer = setTimeout(() => {
      this.#closing.delete(request);
      this.#arm();
    }, RETRY_MS);
    timer.unref();
  }
}

const senderKey = (platform: Platform, id: string): string => `${platform}\n${id}`;
