import type { Clock } from './clock.ts';
import type { Conversations } from './conversation/conversations.ts';
import { messageOf } from './errors.ts';
import type { Logger } from './log.ts';
import type { Database } from './store/database.ts';
import type { Tasks } from './tasks/tasks.ts';

const DAY_MS = 24 * 60 * 60_000;
export const RETENTION = { settledMs: 7 * DAY_MS, endedSessionsMs: 90 * DAY_MS, rowsPerSweep: 2000 } as const;

export interface MaintenanceDeps {
  readonly gateway: { readonly conversations: Conversations; readonly tasks: Tasks };
  readonly stores: { readonly sessions: Database; readonly security: Database };
  readonly clock: Clock;
  readonly log: Logger;
}

/** The minute sweep: sessions that are due, and old rows in bounded bites. */
export class Maintenance {
  readonly #deps: MaintenanceDeps;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: MaintenanceDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#running = this.#running
        .then(() => this.sweep(this.#deps.clock()))
        .catch((error: unknown) =>
          this.#deps.log.warn('the sweep failed; it runs again in a minute', { error: messageOf(error) }),
        );
    }, 60_000);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async sweep(now: number): Promise<void> {
    const { gateway, stores } = this.#deps;
    await gateway.conversations.sweep(now);
    await gateway.tasks.sweep(now);
    const settled = now - RETENTION.settledMs;
    const bite = RETENTION.rowsPerSweep;
    const old = (sql: string, before: number): boolean => stores.sessions.get(sql, [before]) !== undefined;
    // Looking is cheap; a commit is made only when something is there to forget.
    if (
      old('SELECT 1 AS yes FROM seen WHERE at < ? LIMIT 1', settled) ||
      old('SELECT 1 AS yes FROM outbox WHERE settled_at < ? LIMIT 1', settled) ||
      old("SELECT 1 AS yes FROM inbox WHERE state = 'done' AND accepted_at < ? LIMIT 1", settled)
    )
      await stores.sessions.write((tx) => {
        tx.run('DELETE FROM seen WHERE key IN (SELECT key FROM seen WHERE at < ? LIMIT ?)', [settled, bite]);
        tx.run('DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE settled_at < ? LIMIT ?)', [
          settled,
          bite,
        ]);
        tx.run(
          "DELETE FROM inbox WHERE seq IN (SELECT seq FROM inbox WHERE state = 'done' AND accepted_at < ? LIMIT ?)",
          [settled, bite],
        );
      });
    await gateway.conversations.forgetEnded(now - RETENTION.endedSessionsMs, bite);
    await this.#forgetRequests(now);
  }

  async #forgetRequests(now: number): Promise<void> {
    const { security } = this.#deps.stores;
    const before = now - RETENTION.settledMs;
    if (
      security.get("SELECT 1 AS yes FROM pairing WHERE state <> 'pending' AND closed_at < ? LIMIT 1", [
        before,
      ]) === undefined
    )
      return;
    await security.write((tx) =>
      tx.run("DELETE FROM pairing WHERE state <> 'pending' AND closed_at < ?", [before]),
    );
  }
}
