import { SerialQueue } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { GatewayError, messageOf } from '../../base/errors.ts';
import type { Tx } from '../../store/database.ts';
import type { PairingOutcome } from '../events.ts';
import type { InboundMessage, PairingView, Platform } from '../model.ts';
import { AccessList, type Decided, idsOf, RecentDecisions, subject } from './access-list.ts';
import { type Actor, Audit } from './audit.ts';
import { invitedBy, MadeCodes, needsId } from './made-codes.ts';
import {
  type AccessDeps,
  CodeLock,
  decidedMeanwhile,
  type PairingRequest,
  pairingView,
  senderOf,
  type WhichRequest,
} from './pairing-request.ts';
import { PairingRequests } from './pairing-requests.ts';
import { People } from './people.ts';

export type { Actor } from './audit.ts';

const GATEWAY: Actor = { name: 'gateway', surface: 'gateway' };
const INVITATION: Actor = { name: 'invitation', surface: 'gateway' };

/**
 * Decides who has access, on the operator's word. Durable first, then in force, then announced; what takes access away is in
 * force first. Acts run one after the other, in the order in which they were asked for: the last word is what counts,
 * in memory and on the disk, whatever ids it names.
 */
export class Access {
  readonly people = new People();
  readonly requests: PairingRequests;
  /** Codes that operators make. */
  readonly codes: MadeCodes;
  readonly #deps: AccessDeps;
  readonly audit: Audit;
  readonly list: AccessList;
  readonly #lock: CodeLock;
  readonly #recent = new RecentDecisions();
  readonly #acts = new SerialQueue();

  constructor(deps: AccessDeps) {
    this.#deps = deps;
    this.audit = new Audit(deps.db, deps.clock);
    this.list = new AccessList({ ...deps, people: this.people, audit: this.audit });
    this.#lock = new CodeLock(deps.db, deps.limits);
    this.requests = new PairingRequests(deps, this.#lock, (request) => this.#expired(request));
    this.codes = new MadeCodes({
      ...deps,
      people: this.people,
      requests: this.requests,
      lock: this.#lock,
      audit: this.audit,
      acts: this.#acts,
      withdrawn: (request, actor) => this.#closed(request, 'revoked', actor),
    });
  }

  load(): void {
    this.people.load(this.#deps.db);
    this.#lock.load();
    this.requests.load();
  }

  /** Everything that is waiting or is open: requests, and codes that were made by an operator. */
  pairing(): PairingView[] {
    return [...this.requests.list(), ...this.codes.invitations.list()];
  }

  /** Resolves when the person is approved and their held message is on its way to the agent. */
  async approve(which: WhichRequest, actor: Actor, note?: string): Promise<PairingRequest> {
    const { request, asked } = await this.#acts.run(async () => {
      const found = await this.#find(which);
      return { request: found, asked: await this.#approve(found, actor, note) };
    });
    if (asked !== undefined) await this.#deps.onApproved(asked);
    return request;
  }

  async deny(which: WhichRequest, actor: Actor): Promise<PairingRequest> {
    return this.#reject(which, 'denied', actor);
  }

  /** Never heard again until unblocked. */
  async blockRequest(which: WhichRequest, actor: Actor): Promise<PairingRequest> {
    const request = which.requestId === undefined ? undefined : this.requests.get(which.requestId);
    const lift =
      request === undefined ? () => {} : this.people.bar(request.chat.platform, idsOf(request), 'block');
    return this.#reject(which, 'blocked', actor).finally(lift);
  }

  /** A new request is stored. Its sender may have been decided about in the meantime: no one will do it again. */
  async arrived(request: PairingRequest): Promise<'waits' | 'decided'> {
    const { platform } = request.chat;
    const sender = senderOf(request);
    const state = await this.#acts.run(async () => {
      if (this.requests.get(request.id) !== request) return 'closed';
      if (this.people.isBlocked(platform, sender)) {
        await this.#block(platform, idsOf(request), GATEWAY);
        return 'blocked';
      }
      if (!this.people.isAllowed(platform, sender)) return undefined;
      await this.#approve(request, GATEWAY, undefined);
      return 'approved';
    });
    if (state === 'blocked') await this.#deps.onRejected(request, false);
    if (state === 'approved') this.#releaseSoon(request);
    // Newer ones are shown; the oldest without a code give way.
    for (const old of this.requests.surplus()) await this.#expired(old);
    return state === undefined ? 'waits' : 'decided';
  }

  /**
   * A new user's message that is nothing but a live invitation gives its sender access, once.
   * `approved`: a request of theirs waited and was approved along with it, which notifies them.
   */
  async acceptInvitation({
    chat,
    sender,
    text,
  }: InboundMessage): Promise<'approved' | 'admitted' | 'locked' | undefined> {
    const { platform } = chat;
    const aliases = sender.aliases ?? [];
    if (invitedBy(text, this.#deps.limits) === undefined) return undefined;
    return this.#acts.run(async () => {
      const invitation = await this.codes.invitations.use(platform, text, (code) =>
        this.requests.isOwn(platform, [sender.id, ...aliases], code),
      );
      if (invitation === undefined || invitation === 'locked') return invitation;
      const note = `invitation ${invitation.id}`;
      // Blocked a moment ago: an invitation does not undo the operator's word.
      if (this.people.wasBlocked(platform, sender)) return undefined;
      const waiting = this.#live(platform, [sender.id, ...aliases]);
      if (waiting?.kind === 'asked') {
        await this.#approve(waiting, INVITATION, note);
        this.#releaseSoon(waiting);
        return 'approved';
      }
      await this.list.letIn(
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
      return 'admitted';
    });
  }

  /** Takes a decision back (an approval is revoked, a block lifted), and the request waits again. */
  async undo(requestId: string, actor: Actor): Promise<PairingRequest> {
    const known = this.#recent.get(requestId);
    const lift =
      known?.state === 'approved'
        ? this.people.bar(known.request.chat.platform, idsOf(known.request), 'revoke')
        : () => {};
    const { request, state } = await this.#acts
      .run(async () => {
        const decided = this.#recent.get(requestId);
        if (decided === undefined)
          throw new GatewayError('undo_too_late', 'that decision can no longer be undone', {
            status: 409,
            hint: 'Change the allowlist or the block list instead.',
          });
        this.#recent.delete(requestId);
        await this.#reopen(decided, actor);
        return decided;
      })
      .finally(lift);
    if (state !== 'approved') await this.#deps.onReopened(request);
    return request;
  }

  async #reopen({ request, state }: Decided, actor: Actor): Promise<void> {
    const { platform } = request.chat;
    const reopen = (tx: Tx): void => this.requests.reopen(tx, request);
    if (state === 'approved') {
      const ids = this.people.idsFor(platform, ...idsOf(request));
      await this.list.takeAway(platform, ids, actor, 'undo approve', reopen);
    } else {
      const blocked = state === 'blocked' ? idsOf(request) : [];
      for (const id of blocked) await this.list.lift(platform, id, actor);
      await this.#deps.db.write((tx) => {
        reopen(tx);
        if (state === 'denied') this.audit.add(tx, actor, 'undo deny', subject(platform, request.senderId));
      });
    }
    this.requests.remember(request);
    this.#log(`pairing ${state} was undone: the request is pending again`, request, actor);
    this.#deps.events.emit({ type: 'pairing', request: pairingView(request) });
  }

  /** Adds a sender by id; an open request of theirs is approved along with it. */
  async allow(platform: Platform, userId: string, note: string | undefined, actor: Actor): Promise<void> {
    needsId(platform, userId);
    const waiting = await this.#acts.run(async () => {
      const found = this.#live(platform, [userId]);
      if (found !== undefined) return this.#approve(found, actor, note);
      this.#recent.forget(platform, [userId], 'approved');
      await this.list.allow(platform, userId, note, actor);
      return undefined;
    });
    if (waiting !== undefined) await this.#deps.onApproved(waiting);
  }

  /** Takes effect at once: entry, aliases and open requests gone, turns ended, queue dropped. */
  async revoke(platform: Platform, userId: string, actor: Actor): Promise<void> {
    const lift = this.people.bar(platform, this.people.idsFor(platform, userId), 'revoke');
    const waiting = await this.#acts
      .run(async () => {
        const ids = this.people.idsFor(platform, userId);
        const requests = this.#decidable(platform, ids);
        if (this.people.find(platform, userId) === undefined && requests.length === 0)
          throw new GatewayError('not_allowed', `${platform} ${userId} is not on the allowlist`, {
            status: 404,
            hint: 'List it with: pi-gateway-tui allow',
          });
        this.#recent.forget(platform, ids);
        await this.list.takeAway(platform, ids, actor, 'revoke', (tx) => {
          for (const request of requests) this.requests.close(tx, request, 'revoked');
        });
        for (const request of requests) this.#closed(request, 'revoked', actor);
        return requests;
      })
      .finally(lift);
    for (const request of waiting) await this.#deps.onRejected(request, false);
  }

  async block(platform: Platform, userId: string, actor: Actor): Promise<void> {
    needsId(platform, userId);
    const lift = this.people.bar(platform, this.people.idsFor(platform, userId), 'block');
    const waiting = await this.#acts
      .run(() => this.#block(platform, this.people.idsFor(platform, userId), actor))
      .finally(lift);
    for (const request of waiting) await this.#deps.onRejected(request, false);
  }

  unblock(platform: Platform, userId: string, actor: Actor): Promise<void> {
    return this.#acts.run(() => this.list.unblock(platform, userId, actor));
  }

  /** Takes out what is kept here about a person: from then on they are new. See `AccessList.erase`. */
  erase(...erased: Parameters<AccessList['erase']>): Promise<void> {
    return this.#acts.run(async () => {
      await this.list.erase(...erased);
      const [platform, ids, { name: actor }] = erased;
      this.#recent.forget(platform, ids);
      for (const { id } of this.requests.erase(platform, ids))
        this.#deps.events.emit({ type: 'pairing-closed', id, outcome: 'revoked', actor });
    });
  }

  stop(): void {
    for (const timed of [this.codes.invitations, this.requests]) timed.stop();
  }

  async #find(which: WhichRequest): Promise<PairingRequest> {
    if (which.requestId !== undefined) {
      const request = this.requests.get(which.requestId);
      const live = request !== undefined && request.expiresAt > this.#deps.clock();
      if (live && this.requests.isStored(request)) return request;
      throw decidedMeanwhile();
    }
    if (which.code !== undefined) {
      this.codes.noInvitation(which.code);
      return this.requests.redeem(which.code, which.platform);
    }
    throw new GatewayError('bad_request', 'name a code or a requestId', {
      status: 400,
      hint: 'Give "code" or "requestId".',
    });
  }

  /** What waits for one of these ids and can be decided. */
  #decidable(platform: Platform, ids: readonly string[]): PairingRequest[] {
    return this.requests.pendingOf(platform, ids).filter((request) => this.requests.isStored(request));
  }

  /** The request of one of these ids, rather than a code that was made for them. */
  #live(platform: Platform, ids: readonly string[]): PairingRequest | undefined {
    const live = this.#decidable(platform, ids).filter(({ expiresAt }) => expiresAt > this.#deps.clock());
    return live.find(({ kind }) => kind === 'asked') ?? live[0];
  }

  /** Closes everything that is waiting for the person. Returns their request, if they have asked. */
  async #approve(
    decided: PairingRequest,
    actor: Actor,
    note: string | undefined,
  ): Promise<PairingRequest | undefined> {
    const together = new Set([decided, ...this.#decidable(decided.chat.platform, idsOf(decided))]);
    const asked = [...together].find(({ kind }) => kind === 'asked');
    const request = asked ?? decided;
    await this.list.letIn(
      {
        platform: request.chat.platform,
        userId: request.senderId,
        name: request.senderName,
        ...defined({ note }),
        addedAt: this.#deps.clock(),
        origin: 'pairing',
      },
      request.aliases,
      actor,
      'approve',
      (tx) => {
        for (const each of together) this.requests.close(tx, each, 'approved');
      },
    );
    for (const each of together) this.#closed(each, 'approved', actor);
    this.#recent.remember(request, 'approved');
    return asked;
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
    const { request, closed } = await this.#acts.run(async () => {
      const found = await this.#find(which);
      const { platform } = found.chat;
      if (state === 'blocked') {
        const blocked = await this.#block(platform, idsOf(found), actor);
        this.#recent.remember(found, state);
        return { request: found, closed: blocked };
      }
      const all = [...new Set([found, ...this.#decidable(platform, idsOf(found))])];
      await this.#deps.db.write((tx) => {
        for (const each of all) this.requests.close(tx, each, state);
        this.audit.add(tx, actor, 'deny', subject(platform, found.senderId));
      });
      for (const each of all) this.#closed(each, state, actor);
      this.#recent.remember(found, state);
      return { request: found, closed: all };
    });
    for (const each of closed) await this.#deps.onRejected(each, state === 'denied');
    return request;
  }

  /** A person under every id, and all that is waiting for them, in one transaction. */
  async #block(platform: Platform, known: readonly string[], actor: Actor): Promise<PairingRequest[]> {
    const requests = this.#decidable(platform, this.people.idsFor(platform, ...known));
    const ids = this.people.idsFor(platform, ...known, ...requests.flatMap(idsOf));
    this.#recent.forget(platform, ids);
    await this.list.block(platform, ids, actor, (tx) => {
      for (const request of requests) this.requests.close(tx, request, 'blocked');
    });
    for (const request of requests) this.#closed(request, 'blocked', actor);
    return requests;
  }

  /** Rejects when the store does not take it; what was decided in the meantime stays decided. */
  async #expired(request: PairingRequest): Promise<void> {
    try {
      const expired = await this.#acts.run(async () => {
        if (this.requests.get(request.id) !== request) return false;
        await this.#deps.db.write((tx) => {
          this.requests.close(tx, request, 'expired');
          // Only a code expires; who gives way in the queue is no decision about a person.
          if (request.stored !== undefined)
            this.audit.add(tx, GATEWAY, 'expire', subject(request.chat.platform, request.senderId));
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
    this.requests.forget(request, outcome);
    this.#log(`pairing ${outcome}`, request, actor);
    const decidedBy = `${actor.name} (${actor.surface})`;
    this.#deps.events.emit({ type: 'pairing-closed', id: request.id, outcome, actor: decidedBy });
  }
  #log(message: string, { chat, senderId }: PairingRequest, { name, surface }: Actor): void {
    this.#deps.log.info(message, { platform: chat.platform, user: senderId, by: name, surface });
  }
}
