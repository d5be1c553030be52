/**
 * Codes that operators make: invitations that live in memory, and codes for one person, which are requests of their
 * own.
 */
import { randomUUID } from 'node:crypto';
import { type Clock, LONGEST_TIMER_MS, type SerialQueue } from '../../base/async.ts';
import { GatewayError } from '../../base/errors.ts';
import { idFault } from '../chat.ts';
import type { PairingLimits } from '../config/section-schemas.ts';
import type { Core } from '../core.ts';
import type { PairingOutcome } from '../events.ts';
import type { PairingView, Platform } from '../model.ts';
import { subject } from './access-list.ts';
import type { Actor, Audit } from './audit.ts';
import {
  type CodeLock,
  newPairingCode,
  type PairingRequest,
  pairingView,
  readPairingCode,
  showPairingCode,
  type WhichRequest,
} from './pairing-request.ts';
import type { PairingRequests } from './pairing-requests.ts';
import type { People } from './people.ts';

interface Invitation {
  /** Tells one invitation from another without giving its code away. */
  readonly id: string;
  /** As people read it: `ABCD-EFGH`. */
  readonly code: string;
  readonly expiresAt: number;
}

/**
 * The code that a message is and nothing else. A link into Telegram (`https://t.me/<bot>?start=<code>`) sends its code as
 * `/start <code>`.
 */
export function invitedBy(text: string, { codeLength }: PairingLimits): string | undefined {
  return text.length > 100 ? undefined : readPairingCode(text.replace(/^\s*\/start\s+/iu, ''), codeLength);
}

/**
 * Single-use codes for new people to send to the bot. They live in memory only: a restart forgets them. Wrong ones that
 * new users send are counted, and lock this way in on their platform for an hour.
 */
class Invitations {
  readonly #clock: Clock;
  readonly #lock: CodeLock;
  readonly #limits: PairingLimits;
  /** An invitation has ended: it was used, withdrawn, or its time has passed. */
  readonly #over: (id: string, outcome: PairingOutcome) => void;
  readonly #live = new Map<string, PairingView & { timer: NodeJS.Timeout }>();

  constructor(
    clock: Clock,
    lock: CodeLock,
    limits: PairingLimits,
    over: (id: string, outcome: PairingOutcome) => void,
  ) {
    this.#limits = limits;
    this.#clock = clock;
    this.#lock = lock;
    this.#over = over;
  }

  make(): Invitation {
    const now = this.#clock();
    const code = newPairingCode(this.#limits.codeLength);
    const id = randomUUID().slice(0, 8);
    const expiresAt = now + this.#limits.lifetimeMs;
    const timer = this.#expireLater(code, expiresAt);
    const shown = showPairingCode(code);
    this.#live.set(code, {
      id,
      kind: 'invitation',
      platform: 'any',
      accountId: '',
      senderId: '',
      senderName: 'anyone with this code',
      code: shown,
      firstWords: '',
      createdAt: now,
      expiresAt,
      timer,
    });
    return { id, code: shown, expiresAt };
  }

  list(): PairingView[] {
    return [...this.#live.values()].map(({ timer: _, ...view }) => view);
  }

  has(code: string): boolean {
    const plain = readPairingCode(code);
    return plain !== undefined && this.#live.has(plain);
  }

  /** By id or by code. False: there is none. */
  withdraw(which: string): boolean {
    const plain = readPairingCode(which);
    for (const [code, { id }] of this.#live)
      if (id === which || code === plain) {
        this.#end(code, 'revoked');
        return true;
      }
    return false;
  }

  /**
   * The id of the live invitation that the text is and nothing else; it is used up by this, whatever happens next.
   * What looks like a code and is none counts, unless `own` says that it is the sender's pairing code.
   */
  async use(
    platform: Platform,
    text: string,
    own: (code: string) => boolean,
  ): Promise<{ readonly id: string } | 'locked' | undefined> {
    const code = invitedBy(text, this.#limits);
    if (code === undefined || own(code)) return undefined;
    const lock = `invitation ${platform}`;
    const now = this.#clock();
    if (this.#lock.lockedUntil(lock) > now) return 'locked';
    const found = this.#live.get(code);
    if (found === undefined || found.expiresAt <= now) {
      await this.#lock.wrong(lock, now);
      return undefined;
    }
    this.#end(code, 'approved');
    await this.#lock.right(lock);
    return { id: found.id };
  }

  stop(): void {
    for (const { timer } of this.#live.values()) clearTimeout(timer);
  }

  /** A code may live longer than a timer. */
  #expireLater(code: string, expiresAt: number): NodeJS.Timeout {
    const leftMs = Math.max(expiresAt - this.#clock(), 0);
    if (leftMs <= LONGEST_TIMER_MS) return setTimeout(() => this.#end(code, 'expired'), leftMs).unref();
    return setTimeout(() => {
      const found = this.#live.get(code);
      if (found !== undefined) found.timer = this.#expireLater(code, expiresAt);
    }, LONGEST_TIMER_MS).unref();
  }

  #end(code: string, outcome: PairingOutcome): void {
    const found = this.#live.get(code);
    if (found === undefined) return;
    clearTimeout(found.timer);
    this.#live.delete(code);
    this.#over(found.id, outcome);
  }
}

interface MadeCodesDeps extends Pick<Core, 'db' | 'clock' | 'events' | 'log'> {
  readonly people: People;
  readonly requests: PairingRequests;
  readonly lock: CodeLock;
  readonly limits: PairingLimits;
  readonly audit: Audit;
  readonly acts: SerialQueue;
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
