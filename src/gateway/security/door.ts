import type { Clock } from '../clock.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { EventStream, PairingOutcome } from '../events.ts';
import type { Logger } from '../log.ts';
import type { AllowlistView, InboundMessage, Platform } from '../model.ts';
import type { Database } from '../store/database.ts';
import { type Actor, Audit, type AuditLine } from './audit.ts';
import { type Invitation, Invitations } from './invitations.ts';
import { PairingDesk } from './pairing.ts';
import { type PairingRequest, pairingView } from './pairing-request.ts';
import { People } from './people.ts';

export type { Actor } from './audit.ts';

const GATEWAY: Actor = { name: 'gateway', surface: 'gateway' };
const UNDO_KEPT = 50;

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

/** A request by its row, or by the code that its sender was given. */
export interface WhichRequest {
  readonly requestId?: string;
  readonly code?: string;
  readonly platform?: Platform;
}

/** Decides who is let in, on the operator's word. Durable first, then in force, then told. */
export class Door {
  readonly people = new People();
  readonly desk: PairingDesk;
  readonly #deps: DoorDeps;
  readonly #audit: Audit;
  readonly #invitations: Invitations;
  /** Approved a moment ago: can be taken back. */
  readonly #recent = new Map<string, PairingRequest>();
  /** Requests that a decision is being stored for: a second one comes too late. */
  readonly #deciding = new Set<string>();

  constructor(deps: DoorDeps) {
    this.#deps = deps;
    this.#invitations = new Invitations(deps.clock);
    this.#audit = new Audit(deps.db, deps.clock);
    this.desk = new PairingDesk(deps.db, deps.clock, (request) => this.#expired(request));
  }

  load(): void {
    this.people.load(this.#deps.db);
    this.desk.load();
  }

  async approve(which: WhichRequest, actor: Actor, note?: string): Promise<PairingRequest> {
    const request = await this.#find(which);
    return this.#alone(request, async () => {
      const { platform } = request.chat;
      const entry: AllowlistView = {
        platform,
        userId: request.senderId,
        name: request.senderName,
        ...(note === undefined ? {} : { note }),
        addedAt: this.#deps.clock(),
        origin: 'pairing',
      };
      await this.#deps.db.write((tx) => {
        this.people.allow(tx, entry, request.aliases);
        this.desk.close(tx, request, 'approved');
        this.#audit.add(tx, actor, 'approve', subject(platform, request.senderId));
      });
      this.people.rememberAllowed(entry, request.aliases);
      this.#closed(request, 'approved', actor);
      this.#recent.set(request.id, request);
      if (this.#recent.size > UNDO_KEPT)
        for (const oldest of this.#recent.keys()) {
          this.#recent.delete(oldest);
          break;
        }
      this.#deps.events.emit({ type: 'allowlist', entry });
      await this.#deps.onApproved(request);
      return request;
    });
  }

  async deny(which: WhichRequest, actor: Actor): Promise<PairingRequest> {
    return this.#reject(await this.#find(which), 'denied', actor);
  }

  /** Never heard again until unblocked. */
  async blockRequest(which: WhichRequest, actor: Actor): Promise<PairingRequest> {
    return this.#reject(await this.#find(which), 'blocked', actor);
  }

  /** A single-use code for a new person to send to the bot. */
  invite(actor: Actor): Invitation {
    this.#deps.log.info('an invitation was made', { by: actor.name, surface: actor.surface });
    return this.#invitations.make();
  }

  /** A stranger's message that is nothing but a live invitation lets its sender in, once. */
  async acceptInvitation(message: InboundMessage): Promise<boolean> {
    if (!this.#invitations.use(message.text)) return false;
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
      this.#audit.add(tx, GATEWAY, 'accept invitation', subject(platform, entry.userId));
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
    return this.#alone(request, async () => {
      this.#recent.delete(requestId);
      const { platform } = request.chat;
      const ids = [request.senderId, ...request.aliases];
      this.people.forget(platform, ids);
      this.#deps.onRevoked(platform, ids);
      await this.#deps.db.write((tx) => {
        this.people.revoke(tx, platform, request.senderId);
        this.desk.reopen(tx, request);
        this.#audit.add(tx, actor, 'undo approve', subject(platform, request.senderId));
      });
      this.desk.remember(request);
      this.#deps.events.emit({ type: 'allowlist-removed', platform, userId: request.senderId });
      this.#deps.events.emit({ type: 'pairing', request: pairingView(request) });
      return request;
    });
  }

  /** Adds a sender by id; an open request of theirs is approved along with it. */
  async allow(platform: Platform, userId: string, note: string | undefined, actor: Actor): Promise<void> {
    if (userId.trim() === '')
      throw new GatewayError('bad_user_id', 'the user id is empty', {
        status: 400,
        hint: 'Give the platform’s stable id.',
      });
    const waiting = this.desk.pendingOf(platform, [userId]);
    if (waiting !== undefined && this.desk.isStored(waiting) && waiting.expiresAt > this.#deps.clock()) {
      await this.approve({ requestId: waiting.id }, actor, note);
      return;
    }
    const known = this.people.find(platform, userId);
    const entry: AllowlistView = {
      ...(known ?? { platform, userId, name: userId, addedAt: this.#deps.clock(), origin: 'manual' }),
      ...(note === undefined ? {} : { note }),
    };
    await this.#deps.db.write((tx) => {
      this.people.allow(tx, entry, []);
      this.#audit.add(tx, actor, 'allow', subject(platform, userId));
    });
    this.people.rememberAllowed(entry, []);
    this.#deps.events.emit({ type: 'allowlist', entry });
  }

  /** Takes effect at once: entry, aliases and open requests gone, turns ended, queue dropped. */
  async revoke(platform: Platform, userId: string, actor: Actor): Promise<void> {
    const ids = this.people.idsFor(platform, userId);
    const known = this.people.find(platform, userId);
    const waiting = this.desk.pendingOf(platform, ids);
    if (known === undefined && waiting === undefined)
      throw new GatewayError('not_allowed', `${platform} ${userId} is not on the allowlist`, {
        status: 404,
        hint: 'List it with: pi-gateway-tui allow',
      });
    this.people.forget(platform, ids);
    this.#deps.onRevoked(platform, ids);
    await this.#deps.db.write((tx) => {
      for (const id of ids) this.people.revoke(tx, platform, id);
      if (waiting !== undefined) this.desk.close(tx, waiting, 'revoked');
      this.#audit.add(tx, actor, 'revoke', subject(platform, userId));
    });
    if (waiting !== undefined) {
      this.#closed(waiting, 'revoked', actor);
      await this.#deps.onRejected(waiting, false);
    }
    this.#deps.events.emit({ type: 'allowlist-removed', platform, userId: known?.userId ?? userId });
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
      for (const id of ids) {
        this.people.revoke(tx, platform, id);
        this.people.block(tx, platform, id, now);
      }
      this.#audit.add(tx, actor, 'block', subject(platform, userId));
    });
    if (known !== undefined)
      this.#deps.events.emit({ type: 'allowlist-removed', platform, userId: known.userId });
  }

  async unblock(platform: Platform, userId: string, actor: Actor): Promise<void> {
    await this.#deps.db.write((tx) => {
      this.people.unblock(tx, platform, userId);
      this.#audit.add(tx, actor, 'unblock', subject(platform, userId));
    });
    this.people.forgetBlocked(platform, userId);
  }

  auditLines(limit: number): AuditLine[] {
    return this.#audit.lines(limit);
  }

  stop(): void {
    this.desk.stop();
  }

  async #find(which: WhichRequest): Promise<PairingRequest> {
    if (which.requestId !== undefined) {
      const request = this.desk.get(which.requestId);
      if (request !== undefined && request.expiresAt > this.#deps.clock()) return request;
      throw decidedMeanwhile();
    }
    if (which.code !== undefined) return this.desk.redeem(which.code, which.platform);
    throw new GatewayError('bad_request', 'name a code or a requestId', {
      status: 400,
      hint: 'Give "code" or "requestId".',
    });
  }

  /** One decision a request at a time. */
  async #alone<T>(request: PairingRequest, decide: () => Promise<T>): Promise<T> {
    if (this.#deciding.has(request.id)) throw decidedMeanwhile();
    this.#deciding.add(request.id);
    try {
      return await decide();
    } finally {
      this.#deciding.delete(request.id);
    }
  }

  #reject(request: PairingRequest, state: 'denied' | 'blocked', actor: Actor): Promise<PairingRequest> {
    return this.#alone(request, async () => {
      const { platform } = request.chat;
      const now = this.#deps.clock();
      const ids = [request.senderId, ...request.aliases];
      await this.#deps.db.write((tx) => {
        this.desk.close(tx, request, state);
        if (state === 'blocked') for (const id of ids) this.people.block(tx, platform, id, now);
        this.#audit.add(
          tx,
          actor,
          state === 'blocked' ? 'block' : 'deny',
          subject(platform, request.senderId),
        );
      });
      if (state === 'blocked') for (const id of ids) this.people.rememberBlocked(platform, id, now);
      this.#closed(request, state, actor);
      await this.#deps.onRejected(request, state === 'denied');
      return request;
    });
  }

  /** Rejects when the store does not take it; a request that is being decided is left to that decision. */
  async #expired(request: PairingRequest): Promise<void> {
    if (this.#deciding.has(request.id)) return;
    try {
      await this.#alone(request, async () => {
        await this.#deps.db.write((tx) => {
          this.desk.close(tx, request, 'expired');
          this.#audit.add(tx, GATEWAY, 'expire', subject(request.chat.platform, request.senderId));
        });
        this.#closed(request, 'expired', GATEWAY);
        await this.#deps.onRejected(request, false);
      });
    } catch (error) {
      this.#deps.log.error('an expired pairing request could not be closed; trying again in a minute', {
        error: messageOf(error),
      });
      throw error;
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
}

function decidedMeanwhile(): GatewayError {
  return new GatewayError('request_not_found', 'no request with that id waits', {
    status: 404,
    hint: 'It was decided or expired meanwhile; the person can write again.',
  });
}

const subject = (platform: Platform, userId: string): string => `${platform} ${userId}`;
