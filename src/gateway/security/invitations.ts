import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { newPairingCode, readPairingCode, showPairingCode } from './pairing-code.ts';
import { PAIRING_LIMITS } from './pairing-request.ts';

export interface Invitation {
  /** Tells one invitation from another without giving its code away. */
  readonly id: string;
  /** As people read it: `ABCD-EFGH`. */
  readonly code: string;
  readonly expiresAt: number;
}

/** Single-use codes for new people to send to the bot. They live in memory only: a restart forgets them. */
export class Invitations {
  readonly #clock: Clock;
  readonly #live = new Map<string, { readonly id: string; readonly expiresAt: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  make(): Invitation {
    const now = this.#clock();
    for (const [code, { expiresAt }] of this.#live) if (expiresAt <= now) this.#live.delete(code);
    const code = newPairingCode();
    const id = randomUUID().slice(0, 8);
    const expiresAt = now + PAIRING_LIMITS.lifetimeMs;
    this.#live.set(code, { id, expiresAt });
    return { id, code: showPairingCode(code), expiresAt };
  }

  /**
   * The id of the live invitation that the text is and nothing else; it is used up by this, whatever happens next.
   * A link into Telegram (`https://t.me/<bot>?start=<code>`) sends its code as `/start <code>`.
   */
  use(text: string): string | undefined {
    const code = readPairingCode(text.replace(/^\s*\/start\s+/iu, ''));
    const found = code === undefined ? undefined : this.#live.get(code);
    if (code === undefined || found === undefined || found.expiresAt <= this.#clock()) return undefined;
    this.#live.delete(code);
    return found.id;
  }
}
