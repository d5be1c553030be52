import { randomUUID } from 'node:crypto';
import { type Clock, LONGEST_TIMER_MS } from '../../base/async.ts';
import type { PairingLimits } from '../config/pairing-schema.ts';
import type { PairingOutcome } from '../events.ts';
import type { PairingView, Platform } from '../model.ts';
import type { CodeLock } from './pairing-request.ts';
import { newPairingCode, readPairingCode, showPairingCode } from './pairing-request.ts';

export interface Invitation {
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
export class Invitations {
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
