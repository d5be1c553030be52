import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/async.ts';
import type { Database, Tx } from '../../store/database.ts';
import { namedBy } from '../chat.ts';
import { inWords, type PairingLimits } from '../config/section-schemas.ts';
import type { InboundMessage, PairingView, Platform } from '../model.ts';
import { RateLimiter } from '../receive/admission.ts';
import {
  type AccessDeps,
  type CodeLock,
  type Consideration,
  firstWordsOf,
  generatedRequest,
  hashPairingCode,
  matchesPairingCode,
  newPairingCode,
  newRequest,
  type PairingRequest,
  pairingView,
  redeemCode,
  requestOf,
  showPairingCode,
} from './pairing-request.ts';

const RETRY_MS = 60_000;
const HOUR_MS = 60 * 60_000;

export type ClosedState = 'approved' | 'denied' | 'blocked' | 'expired' | 'revoked';

/** Requests of new users to be let in: one live request a sender, bounded in number and time. */
export class PairingRequests {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #onExpired: (request: PairingRequest) => Promise<void>;
  readonly #pending = new Map<string, PairingRequest>();
  readonly #unstored = new Set<string>();
  /** Expired, and being closed. */
  readonly #closing = new Set<PairingRequest>();
  readonly #cooldowns = new Map<string, number>();
  /** When codes were given out on a platform, within the last hour. */
  readonly #given = new Map<Platform, number[]>();
  /** New requests without a code, by platform. */
  readonly #queuing: RateLimiter;
  readonly #limits: PairingLimits;
  readonly #lock: CodeLock;
  #timer: NodeJS.Timeout | undefined;
  turnedAway = 0;

  /** `onExpired` closes a request for good; when it rejects it is called again after a minute. */
  constructor(
    { db, clock, limits }: Pick<AccessDeps, 'db' | 'clock' | 'limits'>,
    lock: CodeLock,
    onExpired: (request: PairingRequest) => Promise<void>,
  ) {
    this.#limits = limits;
    this.#queuing = new RateLimiter(limits.queuedAMinute, 60_000);
    this.#db = db;
    this.#clock = clock;
    this.#onExpired = onExpired;
    this.#lock = lock;
  }

  load(): void {
    const now = this.#clock();
    for (const row of this.#db.all(
      "SELECT * FROM pairing WHERE state = 'pending' ORDER BY created_at, rowid",
    ))
      this.#pending.set(String(row['id']), requestOf(row));
    for (const row of this.#db.all(
      "SELECT platform, sender_id, aliases, closed_at FROM pairing WHERE (state = 'denied' OR (state = 'expired' AND hash <> '')) AND closed_at > ?",
      [now - this.#limits.cooldownMs],
    ))
      this.#coolDown(
        row['platform'] as Platform,
        [String(row['sender_id']), ...(JSON.parse(String(row['aliases'])) as string[])],
        Number(row['closed_at']) + this.#limits.cooldownMs,
      );
    for (const row of this.#db.all(
      "SELECT platform, created_at FROM pairing WHERE kind = 'asked' AND hash <> '' AND created_at > ?",
      [now - HOUR_MS],
    ))
      this.#givenOn(row['platform'] as Platform, now).push(Number(row['created_at']));
    this.#arm();
  }

  stop(): void {
    clearTimeout(this.#timer);
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

  /** What waits for one of these ids: at most one request that they made, and codes that were made for them. */
  pendingOf(platform: Platform, senderIds: readonly string[]): PairingRequest[] {
    return [...this.#pending.values()].filter(
      (request) =>
        request.chat.platform === platform &&
        namedBy(platform, [request.senderId, ...request.aliases], senderIds).length > 0,
    );
  }

  /** What a new user's message leads to. Counts those who are not even queued. */
  consider(message: InboundMessage): Consideration {
    const now = this.#clock();
    const { platform } = message.chat;
    const ids = [message.sender.id, ...(message.sender.aliases ?? [])];
    const request = this.pendingOf(platform, ids).find(({ kind }) => kind === 'asked');
    if (request !== undefined && request.expiresAt > now) {
      if (request.stored === undefined)
        return this.isStored(request) && this.#hasRoom(platform, now)
          ? { answer: 'code', request }
          : {
              answer: 'silent',
              code: 'pairing_queued',
              reason: 'the sender waits for approval, without a code',
              request,
            };
      const due = request.remindedAt === undefined && now >= request.createdAt + this.#limits.reminderAfterMs;
      return due
        ? { answer: 'remind', request }
        : {
            answer: 'silent',
            code: 'pairing_pending',
            reason: 'the sender already waits for approval',
            request,
          };
    }
    // A request that has just expired may not be closed yet: its hour of silence has begun anyway.
    if (request !== undefined || ids.some((id) => (this.#cooldowns.get(senderKey(platform, id)) ?? 0) > now))
      return {
        answer: 'silent',
        code: 'pairing_cooldown',
        reason: `denied or expired less than ${inWords(this.#limits.cooldownMs)} ago`,
      };
    if (this.#hasRoom(platform, now)) return { answer: 'new', coded: true };
    if (this.#queuing.hit(platform, now) === 'allowed') return { answer: 'new', coded: false };
    this.turnedAway += 1;
    return {
      answer: 'silent',
      code: 'turned_away',
      reason: 'too many new users in one minute; add the sender by id',
    };
  }

  /** May one more code be given out on this platform? */
  #hasRoom(platform: Platform, now: number): boolean {
    const coded = [...this.#pending.values()].filter(
      ({ kind, stored, expiresAt }) => kind === 'asked' && stored !== undefined && expiresAt > now,
    );
    const samePlatform = coded.filter(({ chat }) => chat.platform === platform).length;
    return (
      samePlatform < this.#limits.perPlatform &&
      coded.length < this.#limits.inAll &&
      this.#givenOn(platform, now).length < this.#limits.codesAnHour
    );
  }

  #givenOn(platform: Platform, now: number): number[] {
    const recent = (this.#given.get(platform) ?? []).filter((at) => at > now - HOUR_MS);
    this.#given.set(platform, recent);
    return recent;
  }

  /**
   * Begins a request. It counts at once, so that new users who arrive together cannot pass the caps and one sender
   * cannot open two; `store` makes it durable, `cancel` takes it back.
   */
  begin(message: InboundMessage, heldId: string, coded: boolean): PairingRequest {
    const now = this.#clock();
    const request = newRequest(randomUUID(), message, heldId, now, coded, this.#limits);
    if (coded) this.#givenOn(message.chat.platform, now).push(now);
    this.#begin(request);
    return request;
  }

  /** A code for one person, made by the operator; the caps are for what others ask for. */
  generate(platform: Platform, userId: string): PairingRequest & { readonly code: string } {
    const request = generatedRequest(randomUUID(), platform, userId, this.#clock(), this.#limits);
    this.#begin(request);
    return request;
  }

  #begin(request: PairingRequest): void {
    this.#pending.set(request.id, request);
    this.#unstored.add(request.id);
  }

  /** Requests without a code that have to give way to newer ones. */
  surplus(): PairingRequest[] {
    const queued = [...this.#pending.values()].filter(
      (request) => request.stored === undefined && this.isStored(request),
    );
    return queued.slice(0, Math.max(0, queued.length - this.#limits.queued));
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
             first_words, held_id, created_at, expires_at, reminded_at, state, closed_at, kind)
           VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,'pending',NULL,?)`,
          [
            request.id,
            request.chat.platform,
            request.chat.accountId,
            request.senderId,
            JSON.stringify(request.aliases),
            request.senderName,
            JSON.stringify(request.chat),
            request.stored?.salt ?? '',
            request.stored?.hash ?? '',
            request.firstWords,
            request.heldId,
            request.createdAt,
            request.expiresAt,
            request.kind,
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
    return this.#giveCode(request);
  }

  /** The held message was edited: the operator decides by what it says now. */
  async reword(request: PairingRequest, text: string): Promise<void> {
    request.firstWords = firstWordsOf(text, this.#limits);
    await this.#db.write((tx) =>
      tx.run('UPDATE pairing SET first_words = ? WHERE id = ?', [request.firstWords, request.id]),
    );
  }

  /** A code for a request that has waited without one. */
  async promote(request: PairingRequest): Promise<string> {
    const now = this.#clock();
    this.#givenOn(request.chat.platform, now).push(now);
    request.expiresAt = now + this.#limits.lifetimeMs;
    const code = await this.#giveCode(request);
    this.#arm();
    return code;
  }

  async #giveCode(request: PairingRequest): Promise<string> {
    const code = request.code ?? newPairingCode(this.#limits.codeLength);
    const { salt, hash } = (request.code && request.stored) || hashPairingCode(code);
    request.code = code;
    request.stored = { salt, hash };
    await this.#db.write((tx) =>
      tx.run('UPDATE pairing SET reminded_at = ?, salt = ?, hash = ?, expires_at = ? WHERE id = ?', [
        request.remindedAt ?? null,
        salt,
        hash,
        request.expiresAt,
        request.id,
      ]),
    );
    return showPairingCode(code);
  }

  /** Is this the code that was given to that very person? They may send it back by mistake. */
  isOwn(platform: Platform, ids: readonly string[], code: string): boolean {
    return this.pendingOf(platform, ids).some(
      ({ stored }) => stored !== undefined && matchesPairingCode(code, stored),
    );
  }

  /** The request that a typed code belongs to. Wrong codes are counted; too many lock code entry for an hour. */
  redeem(input: string, platform?: Platform): Promise<PairingRequest> {
    return redeemCode(
      { db: this.#db, lock: this.#lock, now: this.#clock(), limits: this.#limits },
      [...this.#pending.values()],
      input,
      platform,
    );
  }

  /** Part of the transaction that carries the decision out. */
  close(tx: Tx, request: PairingRequest, state: ClosedState): void {
    tx.run('UPDATE pairing SET state = ?, closed_at = ? WHERE id = ?', [state, this.#clock(), request.id]);
  }

  /** Memory follows once the decision is durable. */
  forget(request: PairingRequest, state: ClosedState): void {
    this.#pending.delete(request.id);
    // Who never got a code was not refused anything.
    if (
      request.kind === 'asked' &&
      (state === 'denied' || (state === 'expired' && request.stored !== undefined))
    )
      this.#coolDown(
        request.chat.platform,
        [request.senderId, ...request.aliases],
        this.#clock() + this.#limits.cooldownMs,
      );
    this.#arm();
  }

  /** Nothing is remembered of these ids; a request that came in the meantime, whose row is there, is of someone new. */
  erase(platform: Platform, ids: readonly string[]): PairingRequest[] {
    for (const id of ids) this.#cooldowns.delete(senderKey(platform, id));
    return this.pendingOf(platform, ids).filter((each) => {
      const row = this.#db.get('SELECT 1 AS yes FROM pairing WHERE id = ?', [each.id]);
      if (row !== undefined || !this.isStored(each)) return false;
      this.cancel(each);
      return true;
    });
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

  /** One timer for the earliest expiry; none while no one waits. */
  #arm(): void {
    clearTimeout(this.#timer);
    let next = Number.POSITIVE_INFINITY;
    for (const request of this.#pending.values())
      if (!this.#closing.has(request)) next = Math.min(next, request.expiresAt);
    if (!Number.isFinite(next)) return;
    const delay = Math.min(Math.max(next - this.#clock(), 0), HOUR_MS);
    this.#timer = setTimeout(() => this.#expire(), delay).unref();
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
    setTimeout(() => {
      this.#closing.delete(request);
      this.#arm();
    }, RETRY_MS).unref();
  }
}
const senderKey = (platform: Platform, id: string): string => `${platform}\n${id}`;
