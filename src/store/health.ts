import { statfsSync } from 'node:fs';
import type { Database } from './database.ts';

/** With less room than this the next message, its answer and their receipts no longer fit. */
const LOW_BYTES = 256 * 1024;
const LOOK_MS = 2_000;
/** A file system in the network may take its time to say how much room it has. */
const FRESH_MS = 500;

export interface StoreHealthOptions {
  /** The data directory. */
  readonly folder: string;
  readonly stores: readonly Pick<Database, 'refusal' | 'probe'>[];
  /** Called when the answer of `problem` has changed. */
  readonly changed: () => void;
}

/**
 * Whether changes can be stored. A disk that is full is noticed before the first change is refused, and one that takes
 * changes again without waiting for the next one.
 */
export class StoreHealth {
  readonly #options: StoreHealthOptions;
  #timer: NodeJS.Timeout | undefined;
  #shown: string | undefined;
  #probing = false;
  #free = Number.POSITIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: StoreHealthOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A phrase for operators, or undefined when all is well. */
  problem(): string | undefined {
    const now = performance.now();
    if (now - this.#lookedAt > FRESH_MS) {
      this.#free = freeBytes(this.#options.folder);
      this.#lookedAt = now;
    }
    if (this.#free < LOW_BYTES) return 'disk full: no messages can be stored';
    const refusal = this.#options.stores.map((db) => db.refusal).find((each) => each !== undefined);
    if (refusal === undefined) return undefined;
    if (refusal.code === 'storage_unreachable' || refusal.code === 'leader_lost')
      return 'the database does not answer: no messages can be stored or sent';
    return refusal.code === 'storage_full'
      ? 'disk full: no messages can be stored'
      : 'the disk refuses changes: no messages can be stored';
  }

  #look(): void {
    const problem = this.problem();
    if (problem !== this.#shown) {
      this.#shown = problem;
      this.#options.changed();
    }
    if (problem === undefined || this.#probing) return;
    this.#probing = true;
    void Promise.all(this.#options.stores.map((db) => db.probe())).finally(() => {
      this.#probing = false;
    });
  }
}

function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY; // not told here: the first refusal tells
  }
}
