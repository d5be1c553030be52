import type { Clock } from '../clock.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { EventStream, PairingOutcome } from '../events.ts';
import type { Logger } from '../log.ts';
import type { InboundMessage, Platform } from '../model.ts';
import type { Database, Tx } from '../store/database.ts';
import { AccessList, subject } from './access-list.ts';
import { type Actor, Audit, type AuditLine } from './audit.ts';
import { type Invitation, Invitations } from './invitations.ts';
import { PairingDesk } from './pairing.ts';
import { type PairingRequest, pairingView } from './pairing-request.ts';
import { People } from './people.ts';
import { type Decided, idsOf, RecentDecisions } from './recent-decisions.ts';

export type { Actor } from './audit.ts';

const GATEWAY: Actor = { name: 'gateway', surface: 'gateway' };
const INVITATION: Actor = { name: 'invitation', surface: 'gateway' };

export interface DoorDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly events: EventStream;
  readonly log: Logger;
  /** The stranger was let in: tell them and answer the held message. Idempotent. */
  readonly onApproved: (request: PairingRequest) => Promise<void>;
  /** The stranger was not let in: drop the held message; tell them once when `tell`. Idempotent. */
  readonly onRejected: (request: PairingRequest, tell: boolean) => Promise<void>;
  /** A denial or a block was taken back: hold the first message again. Idempotent. */
  readonly onReopened: (request: PairingRequest) => Promise<void>;
  /** These ids lost access: end their turns and drop their queues. */
  readonly onRevoked: (platform: Platform, ids: readonly string[]) => void;
}

/** A request by its row, or by the code that its sender was given. */
export interface WhichRequest {
  readonly requestId?: string;
  readonly code?: string;
  readonly platform?: Platform;
}

/**
 * Decides who is let in, on the operator's word. Durable first, then in force, then told; what takes access away is in
 * force first. Acts run one after the other, in the order in which they were asked for: the last word is what counts,
 * in memory and on the disk, whatever ids it names.
 */
export class Door {
  readonly people = new People();
  readonly desk: PairingDesk;
  readonly #deps: DoorDeps;
  readonly #audit: Audit;
  readonly #access: AccessList;
  readonly #invitations: Invitations;
  readonly #recent = new RecentDecisions();
  /** Settles with the last act that was asked for. */
  #acts: Promise<unknown> = Promise.resolve();

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
    const request = await this.#inOrder(async () => {
      const found = await this.#find(which);
      await this.#letIn(found, actor, note);
      return found;
    });
    await this.#deps.onApproved(request);
    return request;
  }

  async deny(which: WhichRequest, actor: Actor): Promise<PairingRequest> {
    return this.#reject(which, 'denied', actor);
  }

  /** Never heard again until unblocked. */
  async blockRequest(which: WhichRequest, actor: Actor): Promise<PairingRequest> {
    const request = which.requestId === undefined ? undefined : this.desk.get(which.requestId);
    const lift =
      request === undefined ? () => {} : this.people.bar(request.chat.platform, idsOf(request), 'block');
    return this.#reject(which, 'blocked', actor).finally(lift);
  }

  /** A new request is stored. Its sender may have been decided about meanwhile: nobody will do it again. */
  async arrived(request: PairingRequest): Promise<'waits' | 'decided'> {
    const { platform } = request.chat;
    const sender = { id: request.senderId, name: request.senderName, aliases: request.aliases };
    const decided = await this.#inOrder(async () => {
      if (this.desk.get(request.id) !== request) return 'closed';
      if (this.people.isBlocked(platform, sender)) {
        await this.#block(platform, idsOf(request), request, GATEWAY);
        return 'blocked';
      }
      if (!this.people.isAllowed(platform, sender)) return undefined;
      await this.#letIn(request, GATEWAY, undefined);
      return 'let in';
    });
    if (decided === 'blocked') await this.#deps.onRejected(request, false);
    if (decided === 'let in') this.#releaseSoon(request);
    return decided === undefined ? 'waits' : 'decided';
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
    return this.#inOrder(async () => {
      // Blocked a moment ago: an invitation does not undo the operator's word.
      if (this.people.isBlocked(platform, sender)) return undefined;
      const waiting = this.#live(platform, [sender.id, ...aliases]);
      if (waiting !== undefined) {
        await this.#letIn(waiting, INVITATION, note);
        this.#releaseSoon(waiting);
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
    });
  }

  /** Takes a decision back (an approval is revoked, a block lifted), and the request waits again. */
  async undo(requestId: string, actor: Actor): Promise<PairingRequest> {
    const known = this.#recent.get(requestId);
    const lift =
      known?.state === 'approved'
        ? this.people.bar(known.request.chat.platform, idsOf(known.request), 'revoke')
        : () => {};
    const { request, state } = await this.#inOrder(async () => {
      const decided = this.#recent.get(requestId);
      if (decided === undefined)
        throw new GatewayError('undo_too_late', 'that decision can no longer be undone', {
          status: 409,
          hint: 'Change the allowlist or the block list instead.',
        });
      this.#recent.delete(requestId);
      await this.#reopen(decided, actor);
      return decided;
    }).finally(lift);
    if (state !== 'approved') await this.#deps.onReopened(request);
    return request;
  }

  async #reopen({ request, state }: Decided, actor: Actor): Promise<void> {
    const { platform } = request.chat;
    const reopen = (tx: Tx): void => this.desk.reopen(tx, request);
    if (state === 'approved') {
      const ids = this.people.idsFor(platform, ...idsOf(request));
      await this.#access.takeAway(platform, ids, actor, 'undo approve', reopen);
    } else {
      const blocked = state === 'blocked' ? idsOf(request) : [];
      for (const id of blocked) await this.#access.unblock(platform, id, actor);
      await this.#deps.db.write((tx) => {
        reopen(tx);
        if (state === 'denied') this.#audit.add(tx, actor, 'undo deny', subject(platform, request.senderId));
      });
    }
    this.desk.remember(request);
    this.#deps.events.emit({ type: 'pairing', request: pairingView(request) });
  }

  /** Adds a sender by id; an open request of theirs is approved along with it. */
  async allow(platform: Platform, userId: string, note: string | undefined, actor: Actor): Promise<void> {
    if (userId.trim() === '')
      throw new GatewayError('bad_user_id', 'the user id is empty', {
        status: 400,
        hint: 'Give the platform’s stable id.',
      });
    const waiting = await this.#inOrder(async () => {
      const found = this.#live(platform, [userId]);
      if (found === undefined) {
        this.#recent.forget(platform, [userId], 'approved');
        await this.#access.allow(platform, userId, note, actor);
      } else await this.#letIn(found, actor, note);
      return found;
    });
    if (waiting !== undefined) await this.#deps.onApproved(waiting);
  }

  /** Takes effect at once: entry, aliases and open requests gone, turns ended, queue dropped. */
  async revoke(platform: Platform, userId: string, actor: Actor): Promise<void> {
    const lift = this.people.bar(platform, this.people.idsFor(platform, userId), 'revoke');
    const waiting = await this.#inOrder(async () => {
      const ids = this.people.idsFor(platform, userId);
      const request = this.#decidable(platform, ids);
      if (this.people.find(platform, userId) === undefined && request === undefined)
        throw new GatewayError('not_allowed', `${platform} ${userId} is not on the allowlist`, {
          status: 404,
          hint: 'List it with: pi-gateway-tui allow',
        });
      this.#recent.forget(platform, ids);
      await this.#access.takeAway(platform, ids, actor, 'revoke', (tx) => {
        if (request !== undefined) this.desk.close(tx, request, 'revoked');
      });
      if (request !== undefined) this.#closed(request, 'revoked', actor);
      return request;
    }).finally(lift);
    if (waiting !== undefined) await this.#deps.onRejected(waiting, false);
  }

  async block(platform: Platform, userId: string, actor: Actor): Promise<void> {
    const lift = this.people.bar(platform, this.people.idsFor(platform, userId), 'block');
    const waiting = await this.#inOrder(async () => {
      const ids = this.people.idsFor(platform, userId);
      const request = this.#decidable(platform, ids);
      await this.#block(platform, ids, request, actor);
      return request;
    }).finally(lift);
    if (waiting !== undefined) await this.#deps.onRejected(waiting, false);
  }

  unblock(platform: Platform, userId: string, actor: Actor): Promise<void> {
    return this.#inOrder(() => this.#access.unblock(platform, userId, actor));
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

  /** Behind everything that was asked for before. */
  #inOrder<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.#acts.then(act);
    this.#acts = mine.catch(() => {});
    return mine;
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

  async #letIn(request: PairingRequest, actor: Actor, note: string | undefined): Promise<void> {
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
    this.#recent.remember(request, 'approved');
  }

  /** Does not wait for the held message: its chat may be what asked. */
  #releaseSoon(request: PairingRequest): void {
    this.#deps.onApproved(request).catch((error: unknown) =>
      this.#deps.log.error('a held message was not released; the next start does it', {
        error: messageOf(error),
      }),
    );
  }

  async #reject(which: WhichRequest, state: 'denied' | 'blocked', actor: Actor): Promise<PairingRequest> {
    const request = await this.#inOrder(async () => {
      const found = await this.#find(which);
      if (state === 'blocked') {
        await this.#block(found.chat.platform, idsOf(found), found, actor);
        this.#recent.remember(found, state);
        return found;
      }
      await this.#deps.db.write((tx) => {
        this.desk.close(tx, found, state);
        this.#audit.add(tx, actor, 'deny', subject(found.chat.platform, found.senderId));
      });
      this.#closed(found, state, actor);
      this.#recent.remember(found, state);
      return found;
    });
    await this.#deps.onRejected(request, state === 'denied');
    return request;
  }

  /** A person under every id, and their open request, in one transaction. */
  async #block(
    platform: Platform,
    known: readonly string[],
    request: PairingRequest | undefined,
    actor: Actor,
  ): Promise<void> {
    const ids = this.people.idsFor(platform, ...known, ...(request === undefined ? [] : idsOf(request)));
    this.#recent.forget(platform, ids);
    await this.#access.block(platform, ids, actor, (tx) => {
      if (request !== undefined) this.desk.close(tx, request, 'blocked');
    });
    if (request !== undefined) this.#closed(request, 'blocked', actor);
  }

  /** Rejects when the store does not take it; what was decided meanwhile stays decided. */
  async #expired(request: PairingRequest): Promise<void> {
    try {
      const expired = await this.#inOrder(async () => {
        if (this.desk.get(request.id) !== request) return false;
        await this.#deps.db.write((tx) => {
          this.desk.close(tx, request, 'expired');
          this.#audit.add(tx, GATEWAY, 'expire', subject(request.chat.platform, request.senderId));
        });
        this.#closed(request, 'expired', GATEWAY);
        return true;
      });
      if (expired) await this.#deps.onRejected(request, false);
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
