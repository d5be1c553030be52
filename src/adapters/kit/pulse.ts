export interface PulseOptions {
  /** After so long without a word the peer is asked for a heartbeat. */
  readonly quietMs: number;
  /** After so long without a sign it counts as gone: silence is noticed after `quietMs + answerMs` at most. */
  readonly answerMs: number;
  /** Asks the peer for any answer; must not throw. */
  readonly ask: () => void;
  /** The peer has stopped responding; called once, then the pulse has stopped. */
  readonly silent: () => void;
}

/** What every connection is held to: the console tells of a silent peer within 10 s. */
export const PULSE = { quietMs: 4000, answerMs: 4500 } as const;

/**
 * Notices that a peer has stopped responding although its connection looks open (a dead path, a hung server). It asks only
 * while nothing is received: a busy connection costs no question, a quiet one costs one timer.
 */
export class Pulse {
  readonly #options: PulseOptions;
  #heardAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #look: NodeJS.Immediate | undefined;

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  /** Begins, or begins again, as if something had just been heard. */
  start(): void {
    this.stop();
    this.heard();
    this.#listen(this.#options.quietMs);
  }

  /** Anything at all came from the peer. Cheap: may be called for every frame. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  /** Leaves no timer behind. Idempotent. */
  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#look);
    this.#timer = undefined;
  }

  #listen(ms: number): void {
    const { quietMs, answerMs, ask } = this.#options;
    this.#timer = setTimeout(() => {
      const restMs = this.#heardAt + quietMs - performance.now();
      if (restMs > 0) return this.#listen(restMs);
      const askedAt = performance.now();
      ask();
      this.#timer = setTimeout(() => this.#judge(askedAt), answerMs);
    }, ms);
  }

  /** What arrived while this process itself was busy has to be read before the peer is judged. */
  #judge(askedAt: number): void {
    this.#look = setImmediate(() => {
      if (this.#heardAt >= askedAt) return this.#listen(0);
      this.stop();
      this.#options.silent();
    });
  }
}
