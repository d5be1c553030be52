import type { Clock } from '../clock.ts';
import { newPairingCode, readPairingCode, showPairingCode } from './pairing-code.ts';
import { PAIRING_LIMITS } from './pairing-request.ts';

export interface Invitation {
  /** As people read it: `ABCD-EFGH`. */
  readonly code: string;
  readonly expiresAt: number;
}

/** Single-use codes that a new person sends to the bot. They live in memory only: a restart forgets them. */
export class Invitations {
  readonly #clock: Clock;
  readonly #open = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  make(): Invitation {
    const now = this.#clock();
    for (const [code, expiresAt] of this.#open) if (expiresAt <= now) this.#open.delete(code);
    const code = newPairingCode();
    const expiresAt = now + PAIRING_LIMITS.lifetimeMs;
    this.#open.set(code, expiresAt);
    return { code: showPairingCode(code), expiresAt };
  }

  /** True once for a live code that is the whole text. */
  use(text: string): boolean {
    const code = readPairingCode(text);
    const expiresAt = code === undefined ? undefined : this.#open.get(code);
    if (code === undefined || expiresAt === undefined) return false;
    this.#open.delete(code);
    return expiresAt > this.#clock();
  }
}
