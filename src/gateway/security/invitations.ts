import type { Clock } from '../clock.ts';
import { newPairingCode, readPairingCode, showPairingCode } from './pairing-code.ts';
import { PAIRING_LIMITS } from './pairing-request.ts';

export interface Invitation {
  /** As people read it: `ABCD-EFGH`. */
  readonly code: string;
  readonly expiresAt: number;
}

/** Single-use codes for new people to send to the bot. They live in memory only: a restart forgets them. */
export class Invitations {
  readonly #clock: Clock;
  readonly #live = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  make(): Invitation {
    const now = this.#clock();
    for (const [code, expiresAt] of this.#live) if (expiresAt <= now) this.#live.delete(code);
    const code = newPairingCode();
    const expiresAt = now + PAIRING_LIMITS.lifetimeMs;
    this.#live.set(code, expiresAt);
    return { code: showPairingCode(code), expiresAt };
  }

  /** True when the text is nothing but a live invitation, which is used up by this, whatever happens next. */
  use(text: string): boolean {
    const code = readPairingCode(text);
    const expiresAt = code === undefined ? undefined : this.#live.get(code);
    if (code === undefined || expiresAt === undefined || expiresAt <= this.#clock()) return false;
    this.#live.delete(code);
    return true;
  }
}
