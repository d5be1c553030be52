import type { Clock } from '../clock.ts';
import { GatewayError } from '../errors.ts';
import type { EventStream, PairingOutcome } from '../events.ts';
import type { Logger } from '../log.ts';
import type { AllowlistView, InboundMessage, Platform } from '../model.ts';
import type { Database, Tx } from '../store/database.ts';
import { PAIRING_LIMITS, PairingDesk, type PairingRequest, pairingView } from './pairing.ts';
import { newPairingCode, readPairingCode, showPairingCode } from './pairing-code.ts';
import { People } from './people.ts';

/** Who acts, and from where: every transition is an audit line with both. */
export interface Actor {
  readonly name: string;
  readonly surface: 'console' | 'cli' | 'http' | 'extension' | 'api' | 'attach' | 'gateway';
}

export interface DoorDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly events: EventStream;
  readonly log: Logger;
  /** The stranger was let in: tell them and answer the held message. Idempotent. */
  readonly onApproved: (request: PairingRequest) => Promise<void>;
  /** The stranger was not let in: drop the held message; tell them once when `tell`. Idempotent. */
  readonly onRejected: (request: PairingRequest, tell: boolean) => Promise<void>;
  /** These ids lost access: end their turns and drop their queues. */
  readonly onRevoked: (platform: Platform, ids: readonly string[]) => void;
}

/** Decides who is let in, on the operator's word. Durable first, then in force, then told. */
export class Door {
  readonly people = new People();
  readonly desk: PairingDesk;
  readonly #deps: DoorDeps;
  readonly #invitations = new Map<string, number>();
  /** Approved a moment ago: can be taken back. */
  readonly #recent = new Map<string, PairingRequest>();

  constructor(deps: DoorDeps) {
    this.#deps = deps;
    this.desk = new PairingDesk(deps.db, deps.clock, (request) => void this.#expired(request));
  }

  load(): void {
    this.people.load(this.#deps.db);
    this.desk.load();
  }

  async approve(
    which: { requestId?: string; code?: string; platform?: Platform },
    actor: Actor,
  ): Promise<PairingRequest> {
    const request = await this.#find(which);
    const { platform } = request.chat;
    const entry: AllowlistView = {
      platform,
      userId: request.senderId,
      name: request.senderName,
      addedAt: this.#deps.clock(),
      origin: 'pairing',
    };
    await this.#deps.db.write((tx) => {
      this.people.allow(tx, entry, request.aliases);
      this.desk.close(tx, request, 'approved');
      this.#audit(tx, actor, 'approve', subject(platform, request.senderId));
    });
    this.people.rememberAllowed(entry, request.aliases);
    this.#closed(request, 'approved', actor);
    this.#recent.set(request.id, request);
    if (this.#recent.size > 50)
      for (const oldest of this.#recent.keys()) {
        this.#recent.delete(oldest);
        break;
      }
    this.#deps.events.emit({ type: 'allowlist', entry });
    await this.#deps.onApproved(request);
    return request;
  }

  async deny(which: { requestId?: string; code?: string }, actor: Actor): Promise<PairingRequest> {
    return this.#reject(await this.#find(which), 'denied', actor);
  }

  /** Never heard again until unblocked. */
  async blockRequest(which: { requestId?: string; code?: string }, actor: Actor): Promise<PairingRequest> {
    return this.#reject(await this.#find(which), 'blocked', actor);
  }

  /** A single-use code for a new person to send to the bot. It lives in memory only: a restart forgets it. */
  invite(actor: Actor): { readonly code: string; readonly expiresAt: number } {
    const now = this.#deps.clock();
    for (const [code, expiresAt] of this.#invitations) if (expiresAt <= now) this.#invitations.delete(code);
    const code = newPairingCode();
    const expiresAt = now + PAIRING_LIMITS.lifetimeMs;
    this.#invitations.set(code, expiresAt);
    this.#deps.log.info('an invitation was made', { by: actor.name, surface: actor.surface });
    return { code: showPairingCode(code), expiresAt };
  }

  /** A stranger's message that is nothing but a live invitation lets its sender in, once. */
  async acceptInvitation(message: InboundMessage): Promise<boolean> {
    const code = readPairingCode(message.text);
    const expiresAt = code === undefined ? undefined : this.#invitations.get(code);
    if (code === undefined || expiresAt === undefined || expiresAt <= this.#deps.clock()) return false;
    this.#invitations.delete(code); // used, whatever happens next
    const { platform } = message.chat;
    const entry: AllowlistView = {
      platform,
      userId: message.sender.id,
      name: message.sender.name,
      addedAt: this.#deps.clock(),
      origin: 'pairing',
    };
    const aliases = message.sender.aliases ?? [];
    await this.#deps.db.write((tx) => {
      this.people.allow(tx, entry, aliases);
      this.#audit(
        tx,
        { name: 'invitation', surface: 'gateway' },
        'accept invitation',
        subject(platform, entry.userId),
      );
    });
    this.people.rememberAllowed(entry, aliases);
    this.#deps.events.emit({ type: 'allowlist', entry });
    return true;
  }

  /** Takes an approval back: revoked at once, and the request waits again. */
  async undo(requestId: string, actor: Actor): Promise<PairingRequest> {
    const request = this.#recent.get(requestId);
    if (request === undefined)
      throw new GatewayError('undo_too_late', 'that approval can no longer be undone', {
        status: 409,
        hint: 'Revoke the sender from the allowlist instead.',
      });
    this.#recent.delete(requestId);
    const { platform } = request.chat;
    this.people.forget(platform, [request.senderId, ...request.aliases]);
    await this.#deps.db.write((tx) => {
      this.people.revoke(tx, platform, request.senderId);
      this.desk.reopen(tx, request);
      this.#audit(tx, actor, 'undo approve', subject(platform, request.senderId));
    });
    this.desk.remember(request);
    this.#deps.onRevoked(platform, [request.senderId, ...request.aliases]);
    this.#deps.events.emit({ type: 'allowlist-removed', platform, userId: request.senderId });
    this.#deps.events.emit({ type: 'pairing', request: pairingView(request) });
    return request;
  }

  /** Adds a sender by id; an open request of theirs is approved along with it. */
  async allow(platform: Platform, userId: string, note: string | undefined, actor: Actor): Promise<void> {
    if (userId.trim() === '')
      throw new GatewayError('bad_user_id', 'the user id is empty', {
        status: 400,
        hint: 'Give the platform’s stable id.',
      });
    const waiting = this.desk.pendingOf(platform, [userId]);
    if (waiting !== undefined) {
      await this.approve({ requestId: waiting.id }, actor);
      return;
    }
    const entry: AllowlistView = {
      platform,
      userId,
      name: this.people.find(platform, userId)?.name ?? userId,
      ...(note === undefined ? {} : { note }),
      addedAt: this.#deps.clock(),
      origin: 'manual',
    };
    await this.#deps.db.write((tx) => {
      this.people.allow(tx, entry, []);
      this.#audit(tx, actor, 'allow', subject(platform, userId));
    });
    this.people.rememberAllowed(entry, []);
    this.#deps.events.emit({ type: 'allowlist', entry });
  }

  /** Takes effect at once: entry, aliases and open requests gone, turns ended, queue dropped. */
  async revoke(platform: Platform, userId: string, actor: Actor): Promise<void> {
    const ids = this.people.idsFor(platform, userId);
    const known = this.people.find(platform, userId) !== undefined;
    const waiting = this.desk.pendingOf(platform, ids);
    if (!known && waiting === undefined)
      throw new GatewayError('not_allowed', `${platform} ${userId} is not on the allowlist`, {
        status: 404,
        hint: 'List it with: pi-gateway-tui allow',
      });
    const main = this.people.find(platform, userId)?.userId ?? userId;
    this.people.forget(platform, ids);
    this.#deps.onRevoked(platform, ids);
    await this.#deps.db.write((tx) => {
      this.people.revoke(tx, platform, userId);
      for (const id of ids) this.people.revoke(tx, platform, id);
      if (waiting !== undefined) this.desk.close(tx, waiting, 'revoked');
      this.#audit(tx, actor, 'revoke', subject(platform, userId));
    });
    if (waiting !== undefined) {
      this.#closed(waiting, 'revoked', actor);
      await this.#deps.onRejected(waiting, false);
    }
    this.#deps.events.emit({ type: 'allowlist-removed', platform, userId: main });
  }

  async block(platform: Platform, userId: string, actor: Actor): Promise<void> {
    const now = this.#deps.clock();
    const ids = this.people.idsFor(platform, userId);
    const waiting = this.desk.pendingOf(platform, ids);
    if (waiting !== undefined) {
      await this.#reject(waiting, 'blocked', actor);
      return;
    }
    const known = this.people.find(platform, userId);
    this.people.forget(platform, ids);
    for (const id of ids) this.people.rememberBlocked(platform, id, now);
    this.#deps.onRevoked(platform, ids);
    await this.#deps.db.write((tx) => {
      this.people.revoke(tx, platform, userId);
      for (const id of ids) this.people.block(tx, platform, id, now);
      this.#audit(tx, actor, 'block', subject(platform, userId));
    });
    if (known !== undefined)
      this.#deps.events.emit({ type: 'allowlist-removed', platform, userId: known.userId });
  }

  async unblock(platform: Platform, userId: string, actor: Actor): Promise<void> {
    await this.#deps.db.write((tx) => {
      this.people.unblock(tx, platform, userId);
      this.#audit(tx, actor, 'unblock', subject(platform, userId));
    });
    this.people.forgetBlocked(platform, userId);
  }

  auditLines(
    limit: number,
  ): { at: number; actor: string; surface: string; action: string; subject: string }[] {
    return this.#deps.db.all('SELECT * FROM audit ORDER BY seq DESC LIMIT ?', [limit]).map((row) => ({
      at: Number(row['at']),
      actor: String(row['actor']),
      surface: String(row['surface']),
      action: String(row['action']),
      subject: String(row['subject']),
    }));
  }

  stop(): void {
    this.desk.stop();
  }

  async #find(which: { requestId?: string; code?: string; platform?: Platform }): Promise<PairingRequest> {
    if (which.requestId !== undefined) {
      const request = this.desk.get(which.requestId);
      if (request !== undefined && request.expiresAt > this.#deps.clock()) return request;
      throw new GatewayError('request_not_found', 'no request with that id waits', {
        status: 404,
        hint: 'It was decided or expired meanwhile; the person can write again.',
      });
    }
    if (which.code !== undefined) return this.desk.redeem(which.code, which.platform);
    throw new GatewayError('bad_request', 'name a code or a requestId', {
      status: 400,
      hint: 'Give "code" or "requestId".',
    });
  }

  async #reject(request: PairingRequest, state: 'denied' | 'blocked', actor: Actor): Promise<PairingRequest> {
    const { platform } = request.chat;
    const now = this.#deps.clock();
    const ids = [request.senderId, ...request.aliases];
    await this.#deps.db.write((tx) => {
      this.desk.close(tx, request, state);
      if (state === 'blocked') for (const id of ids) this.people.block(tx, platform, id, now);
      this.#audit(tx, actor, state === 'blocked' ? 'block' : 'deny', subject(platform, request.senderId));
    });
    if (state === 'blocked') for (const id of ids) this.people.rememberBlocked(platform, id, now);
    this.#closed(request, state, actor);
    await this.#deps.onRejected(request, state === 'denied');
    return request;
  }

  async #expired(request: PairingRequest): Promise<void> {
    const actor: Actor = { name: 'gateway', surface: 'gateway' };
    try {
      await this.#deps.db.write((tx) => {
        this.desk.close(tx, request, 'expired');
        this.#audit(tx, actor, 'expire', subject(request.chat.platform, request.senderId));
      });
      this.#closed(request, 'expired', actor);
      await this.#deps.onRejected(request, false);
    } catch (error) {
      this.#deps.log.error('an expired pairing request could not be closed', { error: String(error) });
    }
  }

  #closed(request: PairingRequest, outcome: PairingOutcome, actor: Actor): void {
    this.desk.forget(request, outcome);
    this.#deps.log.info(`pairing ${outcome}`, {
      platform: request.chat.platform,
      user: request.senderId,
      by: actor.name,
      surface: actor.surface,
    });
    this.#deps.events.emit({
      type: 'pairing-closed',
      id: request.id,
      outcome,
      actor: `${actor.name} (${actor.surface})`,
    });
  }

  #audit(tx: Tx, actor: Actor, action: string, what: string): void {
    tx.run('INSERT INTO audit (at, actor, surface, action, subject) VALUES (?,?,?,?,?)', [
      this.#deps.clock(),
      actor.name,
      actor.surface,
      action,
      what,
    ]);
  }
}

const subject = (platform: Platform, userId: string): string => `${platform} ${userId}`;
