interface Asked {
  readonly number: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Matches pongs with who waits for them. Pings are numbered; a peer may answer only the newest of several (RFC 6455,
 * 5.5.3), so a pong settles every earlier ping too. Callers between two `take`s share one number.
 */
export class PingLedger {
  readonly #asked: Asked[] = [];
  #sent = 0;

  /** Waits for the pong of the next ping that `take` hands out. */
  next(): Promise<void> {
    const number = this.#sent + 1;
    return new Promise((resolve, reject) => {
      this.#asked.push({ number, resolve, reject });
    });
  }

  /** The payload of the ping to send now; undefined when nobody asked since the last one. */
  take(): string | undefined {
    const last = this.#asked.at(-1);
    if (last === undefined || last.number <= this.#sent) return undefined;
    this.#sent = last.number;
    return String(last.number);
  }

  /** A pong came in. Anything but the number of a ping that was sent is ignored. */
  pong(payload: string): void {
    if (!/^\d{1,15}$/.test(payload)) return;
    const number = Number(payload);
    if (number > this.#sent) return;
    let settled = 0;
    for (const asked of this.#asked) {
      if (asked.number > number) break;
      asked.resolve();
      settled += 1;
    }
    this.#asked.splice(0, settled);
  }

  /** Nothing will be answered any more. */
  fail(error: Error): void {
    for (const asked of this.#asked.splice(0)) asked.reject(error);
  }
}
