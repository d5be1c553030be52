interface Asked {
  readonly number: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Pings on their way at once. Some clients drop a server that has dozens of pings unanswered (ws: 60). */
export const PINGS_AT_ONCE = 8;

/**
 * Matches pongs with who waits for them. Pings are numbered; a peer may answer only the newest of several (RFC 6455,
 * 5.5.3), so a pong settles every earlier ping too. Who asks while too many are on their way shares the next one.
 */
export class PingLedger {
  readonly #asked: Asked[] = [];
  #sent = 0;
  #answered = 0;

  /** Waits for a pong. `ping`: the payload of the ping to send now, or undefined when it has to wait its turn. */
  ask(): { readonly ping: string | undefined; readonly answered: Promise<void> } {
    const number = this.#sent + 1;
    const answered = new Promise<void>((resolve, reject) => {
      this.#asked.push({ number, resolve, reject });
    });
    return { ping: this.#turn(), answered };
  }

  /**
   * A pong came in; anything but the number of a ping that was sent is ignored. Returns the payload of a ping that
   * waited for this and has to be sent now.
   */
  pong(payload: string): string | undefined {
    const number = /^\d{1,15}$/.test(payload) ? Number(payload) : 0;
    if (number <= this.#answered || number > this.#sent) return undefined;
    this.#answered = number;
    const later = this.#asked.findIndex((asked) => asked.number > number);
    for (const asked of this.#asked.splice(0, later < 0 ? this.#asked.length : later)) asked.resolve();
    return this.#turn();
  }

  /** Nothing will be answered any more. */
  fail(error: Error): void {
    for (const asked of this.#asked.splice(0)) asked.reject(error);
  }

  /** The next number, when somebody waits for it and not too many are on their way. */
  #turn(): string | undefined {
    const last = this.#asked.at(-1);
    if (last === undefined || last.number <= this.#sent) return undefined;
    if (this.#sent - this.#answered >= PINGS_AT_ONCE) return undefined;
    this.#sent = last.number;
    return String(last.number);
  }
}
