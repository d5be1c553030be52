import type { Clock } from '../clock.ts';
import type { LogFields, Logger } from '../log.ts';

const WINDOW_MS = 60_000;
/** Different refusals shown a minute; a peer that varies its headers must not fill the log. */
const LINES = 20;
const FIELD_LENGTH = 200;

/** Lets the operator see who was refused and why: the same refusal once a minute, and not too many. */
export class RefusalLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #said = new Set<string>();
  #since = 0;

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  refused(reason: string, fields: Readonly<Record<string, string>>): void {
    const now = this.#clock();
    // The absolute difference: after the clock was set back, nothing may stay silent for hours.
    if (Math.abs(now - this.#since) >= WINDOW_MS) {
      this.#since = now;
      this.#said.clear();
    }
    const short: LogFields = Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, value.slice(0, FIELD_LENGTH)]),
    );
    const key = JSON.stringify([reason, short]);
    if (this.#said.has(key) || this.#said.size >= LINES) return;
    this.#said.add(key);
    this.#log.warn(`refused: ${reason}`, short);
  }
}
