import type { Database } from '../../store/database.ts';
import type { PairingLimits } from '../config/pairing-schema.ts';

interface Lock {
  failures: number;
  lockedUntil: number;
}

/**
 * Counts invalid codes per platform: too many lock code entry there for a time, also across a restart. What operators
 * type and what new users send are counted apart: a guesser must not lock the operator out.
 */
export class CodeLock {
  readonly #db: Database;
  readonly #limits: PairingLimits;
  readonly #locks = new Map<string, Lock>();

  constructor(db: Database, limits: PairingLimits) {
    this.#db = db;
    this.#limits = limits;
  }

  load(): void {
    for (const row of this.#db.all('SELECT * FROM code_lock'))
      this.#locks.set(String(row['platform']), {
        failures: Number(row['failures']),
        lockedUntil: Number(row['locked_until']),
      });
  }

  /** Until when no code is taken there; in the past where codes are taken. */
  lockedUntil(platform: string): number {
    return this.#locks.get(platform)?.lockedUntil ?? 0;
  }

  /** Counts a invalid code. Resolves when the count is durable. */
  async wrong(platform: string, now: number): Promise<void> {
    const known = this.#locks.get(platform);
    const over = known === undefined || (known.lockedUntil > 0 && known.lockedUntil <= now);
    const failures = (over ? 0 : known.failures) + 1;
    await this.#set(platform, {
      failures,
      lockedUntil: failures >= this.#limits.wrongCodes ? now + this.#limits.lockMs : 0,
    });
  }

  /** A right code: earlier slips are forgotten. */
  async right(platform: string): Promise<void> {
    if ((this.#locks.get(platform)?.failures ?? 0) > 0)
      await this.#set(platform, { failures: 0, lockedUntil: 0 });
  }

  async #set(platform: string, lock: Lock): Promise<void> {
    this.#locks.set(platform, lock); // in force at once, whatever the disk says
    await this.#db.write((tx) =>
      tx.run('INSERT OR REPLACE INTO code_lock (platform, failures, locked_until) VALUES (?,?,?)', [
        platform,
        lock.failures,
        lock.lockedUntil,
      ]),
    );
  }
}
