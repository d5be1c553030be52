import { GatewayError } from '../../base/errors.ts';
import { idFault } from '../chat.ts';
import type { PairingLimits } from '../config/pairing-schema.ts';
import type { Core } from '../core.ts';
import type { PairingView, Platform } from '../model.ts';
import { subject } from './access-list.ts';
import type { Actor, Acts, Audit } from './audit.ts';
import { type Invitation, Invitations } from './invitations.ts';
import type { CodeLock } from './pairing-request.ts';
import { type PairingRequest, pairingView, showPairingCode, type WhichRequest } from './pairing-request.ts';
import type { PairingRequests } from './pairing-requests.ts';
import type { People } from './people.ts';

export interface MadeCodesDeps extends Pick<Core, 'db' | 'clock' | 'events' | 'log'> {
  readonly people: People;
  readonly requests: PairingRequests;
  readonly lock: CodeLock;
  readonly limits: PairingLimits;
  readonly audit: Audit;
  readonly acts: Acts;
  readonly withdrawn: (request: PairingRequest, actor: Actor) => void;
}

/** Codes that operators make: for anyone who sends one to the bot (an invitation), or for one user whom they approve. */
export class MadeCodes {
  readonly invitations: Invitations;
  readonly #deps: MadeCodesDeps;

  constructor(deps: MadeCodesDeps) {
    this.#deps = deps;
    this.invitations = new Invitations(deps.clock, deps.lock, deps.limits, (id, outcome) =>
      deps.events.emit({ type: 'pairing-closed', id, outcome, actor: 'invitation (gateway)' }),
    );
  }

  /** A single-use code for a new person to send to the bot; their row on the allowlist carries its id as a note. */
  invite(actor: Actor): Invitation {
    this.#deps.log.info('an invitation was made', { by: actor.name, surface: actor.surface });
    const made = this.invitations.make();
    const view = this.invitations.list().find(({ id }) => id === made.id);
    if (view !== undefined) this.#deps.events.emit({ type: 'pairing', request: view });
    return made;
  }

  /** A code for one person on one platform: approving it lets exactly them in. One that was made before is replaced. */
  generate(
    platform: Platform,
    userId: string,
    actor: Actor,
  ): Promise<PairingView & { readonly code: string }> {
    const sender = { id: userId, name: userId };
    return this.#deps.acts.run(async () => {
      needsId(platform, userId);
      if (this.#deps.people.isBlocked(platform, sender))
        throw new GatewayError('blocked', `${platform} ${userId} is blocked`, {
          status: 409,
          hint: 'Unblock the user first.',
        });
      if (this.#deps.people.isAllowed(platform, sender))
        throw new GatewayError('already_allowed', `${platform} ${userId} is on the allowlist already`, {
          status: 409,
          hint: 'The user needs no code.',
        });
      for (const old of this.#deps.requests.pendingOf(platform, [userId]))
        if (old.kind === 'generated') await this.#withdraw(old, actor);
      const request = this.#deps.requests.generate(platform, userId);
      await this.#deps.requests.store(request);
      await this.#note(actor, 'generate code', subject(platform, userId));
      const view = { ...pairingView(request), code: showPairingCode(request.code) };
      this.#deps.events.emit({ type: 'pairing', request: view });
      return view;
    });
  }

  /** Takes back a code that an operator made. False: it is none of those. */
  withdraw({ requestId, code }: WhichRequest, actor: Actor): Promise<boolean> {
    return this.#deps.acts.run(async () => {
      if (this.invitations.withdraw(requestId ?? code ?? '')) {
        await this.#note(actor, 'withdraw', 'an invitation');
        return true;
      }
      const request = requestId === undefined ? undefined : this.#deps.requests.get(requestId);
      if (request?.kind !== 'generated') return false;
      await this.#withdraw(request, actor);
      return true;
    });
  }

  /** Throws for the code of an invitation: no one has to approve it. */
  noInvitation(code: string): void {
    if (this.invitations.has(code))
      throw new GatewayError('invitation', 'that is an invite code: the new user sends it to the bot', {
        status: 409,
        hint: 'Nothing has to be approved; deny it to withdraw it.',
      });
  }

  async #withdraw(request: PairingRequest, actor: Actor): Promise<void> {
    await this.#deps.db.write((tx) => {
      this.#deps.requests.close(tx, request, 'revoked');
      this.#deps.audit.add(tx, actor, 'withdraw', subject(request.chat.platform, request.senderId));
    });
    this.#deps.withdrawn(request, actor);
  }

  #note(actor: Actor, action: string, about: string): Promise<void> {
    return this.#deps.db.write((tx) => this.#deps.audit.add(tx, actor, action, about));
  }
}

/** Throws for an id that can never match: anyone who wrote it waits for a person who stays without access. */
export function needsId(platform: Platform, userId: string): void {
  const fault = idFault(platform, 'user', userId);
  if (fault === undefined) return;
  // Only what a terminal shows unchanged.
  const shown = /^[ -~]{1,60}$/.test(userId) ? JSON.stringify(userId) : 'that';
  throw new GatewayError('bad_user_id', `${shown} is not a user id: expected ${fault.expected}`, {
    status: 400,
    hint: fault.advice,
  });
}
