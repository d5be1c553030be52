import type { Clock } from '../clock.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { EventStream, PairingOutcome } from '../events.ts';
import type { Logger } from '../log.ts';
import type { InboundMessage, Platform } from '../model.ts';
import type { Database } from '../store/database.ts';
import { AccessList, subject } from './access-list.ts';
import { type Actor, Audit, type AuditLine } from './audit.ts';
import { type Invitation, Invitations } from './invitations.ts';
import { PairingDesk } from './pairing.ts';
import { type PairingRequest, pairingView } from './pairing-request.ts';
import { People } from './people.ts';

export type { Actor } from './audit.ts';

const GATEWAY: Actor = { name: 'gateway', surface: 'gateway' };
const INVITATION: Actor = { name: 'invitation', surface: 'gateway' };
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
  readonly #access: AccessList;
  readonly #invitations: Invitations;
  /** Approved a moment ago: can be taken back. */
  readonly #recent = new Map<string, PairingRequest>();
  /** Requests that a decision is being stored for: a second one comes too late. */
  readonly #deciding = new Set<string>();

  constructor(deps: DoorDeps) {
    this.#deps = deps;
    this.#audit = new Audit(deps.db, deps.clock);
    this.#access = new AccessList({ ...deps, people: this.people, audit: this.#audit });
    this.#invitations = new Invitations(deps.clock);
    this.desk = new PairingDesk(deps.db, deps.clock, (request) => this.#expired(request));
  }

  load(): void {
    this.people.load(this.#deps.db);
    this.desk.load();
  }

  /** Resolves when the person is let in and their held message is on its way to the agent. */
  async approve(which: WhichRequest, actor: Actor, note?: string): Promise<PairingRequest> {
    const request = await this.#find(which);
    await this.#letIn(request, actor, note);
    await this.#deps.onApproved(request);
    return request;
  }

  /** The same for a request of somebody who was let in otherwise. Does not wait for the held message. */
  async approveAlong(request: PairingRequest, actor: Actor = GATEWAY, note?: string): Promise<void> {
    await this.#letIn(request, actor, note);
    this.#deps.onApproved(request).catch((error: unknown) =>
      this.#deps.log.error('a held message was not released; the next start does it', {
        error: messageOf(error),
      }),
    );
  }

  async deny(which: WhichRequest, actor: Actor): Promise<PairingRequest> {
    return this.#reject(await this.#find(which), 'denied', actor);
  }

  /** Never heard again until unblocked. */
  async blockRequest(which: WhichRequest, actor: Actor): Promise<PairingRequest> {
    return this.#reject(await this.#find(which), 'blocked', actor);
  }

  /** A single-use code for a new person to send to the bot; their row on the allowlist carries its id as a note. */
  invite(actor: Actor): Invitation {
    this.#deps.log.info('an invitation was made', { by: actor.name, surface: actor.surface });
    return this.#invitations.make();
  }

  /**
   * A stranger's message that is nothing but a live invitation lets its sender in, once.
   * `approved`: a request of theirs waited and was approved along with it, which tells them.
   */
  async acceptInvitation({ chat, sender, text }: InboundMessage): Promise<'approved' | 'let in' | undefined> {
    const invitation = this.#invitations.use(text);
    if (invitation === undefined) return undefined;
    const note = `invitation ${invitation}`;
    const { platform } = chat;
    const aliases = sender.aliases ?? [];
    const waiting = this.#live(platform, [sender.id, ...aliases]);
    if (waiting !== undefined) {
      await this.approveAlong(waiting, INVITATION, note);
      return 'approved';
    }
    await this.#access.letIn(
      {
        platform,
        userId: sender.id,
        name: sender.name,
        note,
        addedAt: this.#deps.clock(),
        origin: 'pairing',
      },
      aliases,
      INVITATION,
      'accept invitation',
    );
    return 'let in';
  }

  /** Takes an approval back: revoked at once, and the request waits again. */
  async undo(requestId: string, actor: Actor): Promise<PairingRequest> {
    const request = this.#recent.get(requestId);
    if (request === undefined)
      throw new GatewayError('undo_too_late', 'that approval can no longer be undone', {
        status: 409,
        hint: 'Revoke the sender from the allowlist instead.',
      });
    await this.#alone(request, async () => {
      this.#recent.delete(requestId);
      await this.#access.takeAway(request.chat.platform, idsOf(request), actor, 'undo approve', (tx) =>
        this.desk.reopen(tx, request),
      );
      this.desk.remember(request);
      this.#deps.events.emit({ type: 'pairing', request: pairingView(request) });
    });
    return request;
  }

  /** Adds a sender by id; an open request of theirs is approved along with it. */
  async allow(platform: Platform, userId: string, note: string | undefined, actor: Actor): Promise<void> {
    if (userId.trim() === '')
      throw new GatewayError('bad_user_id', 'the user id is empty', {
        status: 400,
        hint: 'Give the platform’s stable id.',
      });
    const waiting = this.#live(platform, [userId]);
    if (waiting === undefined) await this.#access.allow(platform, userId, note, actor);
    else await this.approve({ requestId: waiting.id }, actor, note);
  }

  /** Takes effect at once: entry, aliases and open requests gone, turns ended, queue dropped. */
  async revoke(platform: Platform, userId: string, actor: Actor): Promise<void> {
    const ids = this.people.idsFor(platform, userId);
    const waiting = this.#decidable(platform, ids);
    if (this.people.find(platform, userId) === undefined && waiting === undefined)
      throw new GatewayError('not_allowed', `${platform} ${userId} is not on the allowlist`, {
        status: 404,
        hint: 'List it with: pi-gateway-tui allow',
      });
    await this.#access.takeAway(platform, ids, actor, 'revoke', (tx) => {
      if (waiting !== undefined) this.desk.close(tx, waiting, 'revoked');
    });
    if (waiting === undefined) return;
    this.#closed(waiting, 'revoked', actor);
    await this.#deps.onRejected(waiting, false);
  }

  async block(platform: Platform, userId: string, actor: Actor): Promise<void> {
    const ids = this.people.idsFor(platform, userId);
    const waiting = this.#decidable(platform, ids);
    if (waiting === undefined) await this.#access.block(platform, ids, actor);
    else await this.#reject(waiting, 'blocked', actor);
  }

  unblock(platform: Platform, userId: string, actor: Actor): Promise<void> {
    return this.#access.unblock(platform, userId, actor);
  }

  /** Notes an act of an operator that is no decision about a person. */
  noteAct(actor: Actor, action: string, subject: string): Promise<void> {
    return this.#deps.db.write((tx) => this.#audit.add(tx, actor, action, subject));
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

  /** A request of one of these ids that can be decided. */
  #decidable(platform: Platform, ids: readonly string[]): PairingRequest | undefined {
    const request = this.desk.pendingOf(platform, ids);
    return request !== undefined && this.desk.isStored(request) ? request : undefined;
  }

  #live(platform: Platform, ids: readonly string[]): PairingRequest | undefined {
    const request = this.#decidable(platform, ids);
    return request !== undefined && request.expiresAt > this.#deps.clock() ? request : undefined;
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

  #letIn(request: PairingRequest, actor: Actor, note: string | undefined): Promise<void> {
    return this.#alone(request, async () => {
      await this.#access.letIn(
        {
          platform: request.chat.platform,
          userId: request.senderId,
          name: request.senderName,
          ...(note === undefined ? {} : { note }),
          addedAt: this.#deps.clock(),
          origin: 'pairing',
        },
        request.aliases,
        actor,
        'approve',
        (tx) => this.desk.close(tx, request, 'approved'),
      );
      this.#closed(request, 'approved', actor);
      this.#recent.set(request.id, request);
      const [oldest] = this.#recent.keys();
      if (this.#recent.size > UNDO_KEPT && oldest !== undefined) this.#recent.delete(oldest);
    });
  }

  #reject(request: PairingRequest, state: 'denied' | 'blocked', actor: Actor): Promise<PairingRequest> {
    return this.#alone(request, async () => {
      const { platform } = request.chat;
      if (state === 'blocked') await this.#access.block(platform, idsOf(request), actor);
      await this.#deps.db.write((tx) => {
        this.desk.close(tx, request, state);
        if (state === 'denied') this.#audit.add(tx, actor, 'deny', subject(platform, request.senderId));
      });
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

function idsOf(request: PairingRequest): string[] {
  return [request.senderId, ...request.aliases];
}

function decidedMeanwhile(): GatewayError {
  return new GatewayError('request_not_found', 'no request with that id waits', {
    status: 404,
    hint: 'It was decided or expired meanwhile; the person can write again.',
  });
}
