import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Logger } from '../../base/log.ts';
import { RecentEntries } from '../kit/state-file.ts';

/** A session that was quiet for a day may have ended: what it knew has to be told again. */
const QUIET_MS = 24 * 60 * 60_000;

const Stored = Type.Array(Type.Tuple([Type.String(), Type.Number()]));

/** The threads that the agent knows from their beginning, and when someone last spoke with it there; also after a restart. */
export class KnownThreads {
  readonly #threads: RecentEntries<number>;
  readonly #clock: () => number;

  constructor(folder: string, clock: () => number, log: Logger) {
    this.#clock = clock;
    // Losing the file costs telling some threads twice.
    this.#threads = new RecentEntries({
      folder,
      name: 'slack-threads.json',
      capacity: 2000,
      what: 'the list of known threads',
      log,
      stored: (threads) => [...threads],
    });
  }

  async load(): Promise<void> {
    const stored = await this.#threads.read();
    if (Value.Check(Stored, stored)) for (const [thread, at] of stored) this.#threads.restore(thread, at);
  }

  has(thread: string): boolean {
    const at = this.#threads.get(thread);
    return at !== undefined && Math.abs(this.#clock() - at) < QUIET_MS;
  }

  add(thread: string): void {
    this.#threads.set(thread, this.#clock());
  }

  /** Writes what is not written yet. */
  close(): Promise<void> {
    return this.#threads.close();
  }
}
