import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { readState, writeState } from '../kit/state-file.ts';

const FILE = 'slack-threads.json';
const CAPACITY = 2000;
const SAVE_AFTER_MS = 1000;
/** A session that was quiet for a day may have ended: what it knew has to be told again. */
const QUIET_MS = 24 * 60 * 60_000;

const Stored = Type.Array(Type.Tuple([Type.String(), Type.Number()]));

/** The threads that the agent knows from their beginning, and when somebody last spoke with it there; also after a restart. */
export class KnownThreads {
  readonly #threads = new Map<string, number>();
  readonly #folder: string;
  readonly #clock: () => number;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(folder: string, clock: () => number, log: Logger) {
    this.#folder = folder;
    this.#clock = clock;
    this.#log = log;
  }

  async load(): Promise<void> {
    const stored = await readState(this.#folder, FILE);
    if (!Value.Check(Stored, stored)) return;
    for (const [thread, at] of stored) if (!this.#threads.has(thread)) this.#threads.set(thread, at);
  }

  has(thread: string): boolean {
    const at = this.#threads.get(thread);
    return at !== undefined && Math.abs(this.#clock() - at) < QUIET_MS;
  }

  add(thread: string): void {
    this.#threads.delete(thread);
    this.#threads.set(thread, this.#clock());
    for (const oldest of this.#threads.keys()) {
      if (this.#threads.size <= CAPACITY) break;
      this.#threads.delete(oldest);
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#save();
    }, SAVE_AFTER_MS);
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#save();
    }
    await this.#saving;
  }

  #save(): void {
    this.#saving = this.#saving
      .then(() => writeState(this.#folder, FILE, [...this.#threads]))
      .catch((error: unknown) => {
        // Losing it costs telling some threads twice.
        this.#log.warn(`the list of known threads could not be written: ${messageOf(error)}`);
      });
  }
}
