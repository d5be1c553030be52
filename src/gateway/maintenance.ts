import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../base/errors.ts';
import type { Audit } from './access/audit.ts';
import type { Core } from './core.ts';
import type { Schedules } from './schedules/schedules.ts';
import type { Outbox } from './send/outbox.ts';
import type { Spending } from './spending/spending.ts';
import type { Tasks } from './tasks/tasks.ts';
import type { Conversations } from './turns/conversations.ts';
import type { Usage } from './usage.ts';

const DAY_MS = 24 * 60 * 60_000;
export const RETENTION = {
  settledMs: 7 * DAY_MS,
  endedSessionsMs: 90 * DAY_MS,
  auditMs: 365 * DAY_MS,
  rowsPerSweep: 2000,
  /** Bites of one sweep: what comes in at 40 messages a second goes as fast. */
  bitesPerSweep: 10,
} as const;

const SWEEP_MS = 60_000;
/** A message has several identities, and they are small: platforms may deliver it again after hours. */
const SEEN_PER_ROW = 5;

export interface MaintenanceDeps extends Core {
  readonly conversations: Conversations;
  /** Messages of groups that are only listened to. */
  readonly heard: { sweep(now: number): void };
  /** What was said in sessions. */
  readonly archive: { sweep(before: number): Promise<void> };
  readonly outbox: Outbox;
  readonly tasks: Tasks;
  readonly schedules: Schedules;
  readonly usage: Pick<Usage, 'fold'>;
  readonly audit: Pick<Audit, 'forget'>;
  readonly notify: { sweep(before: number): Promise<void> };
  readonly spending: Pick<Spending, 'sweep'>;
  /** What rejected senders wrote. */
  readonly refusalFile?: { forget(before: number): Promise<void> } | undefined;
}

/** The minute sweep: sessions that are due, deliveries that are too old, and old rows in bounded bites. */
export class Maintenance {
  readonly #deps: MaintenanceDeps;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(deps: MaintenanceDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => {
      // A sweep that the disk holds up is not overtaken by the next one.
      this.#running ??= this.sweep(this.#deps.clock())
        .catch((error: unknown) =>
          this.#deps.log.warn('the sweep failed; it runs again in a minute', { error: messageOf(error) }),
        )
        .finally(() => {
          this.#running = undefined;
        });
    }, SWEEP_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async sweep(now: number): Promise<void> {
    const { conversations, outbox, tasks, schedules, audit } = this.#deps;
    this.#deps.heard.sweep(now);
    await conversations.sweep(now);
    outbox.sweep();
    const ended = await tasks.sweep(now);
    await Promise.all(ended.map((id) => this.#removeFiles(id)));
    await schedules.sweep(now);
    await this.#forgetMessages(now - RETENTION.settledMs);
    const gone = await conversations.gone.ended(now - RETENTION.endedSessionsMs, RETENTION.rowsPerSweep);
    await Promise.all(gone.map((id) => this.#removeFiles(id)));
    await this.#deps.archive.sweep(now - RETENTION.endedSessionsMs);
    await this.#deps.refusalFile?.forget(now - RETENTION.settledMs);
    await this.#forgetRequests(now - RETENTION.settledMs);
    await this.#forgetQuestions(now - RETENTION.settledMs);
    await audit.forget(now - RETENTION.auditMs, RETENTION.rowsPerSweep);
    await this.#deps.notify.sweep(now - RETENTION.settledMs);
    await this.#deps.usage.fold(now - RETENTION.endedSessionsMs);
    await this.#deps.spending.sweep(now);
  }

  /** Looking is cheap; a commit is made only when something is there to forget. By age first, then by number. */
  async #forgetMessages(before: number): Promise<void> {
    const { stores, settings } = this.#deps;
    const { sessions } = stores;
    const { keptRows } = settings.limits;
    const limit = RETENTION.rowsPerSweep;
    const settled = "state IN ('delivered', 'failed', 'abandoned')";
    const ended = "state IN ('done', 'offered')";
    const rules: readonly { readonly old: string; readonly surplus: string; readonly remove: string }[] = [
      {
        old: 'SELECT key AS row FROM seen WHERE at < ? LIMIT ?',
        surplus:
          'SELECT key AS row FROM seen ORDER BY at LIMIT MAX(0, MIN(?, (SELECT COUNT(*) FROM seen) - ?))',
        remove: 'DELETE FROM seen WHERE key IN',
      },
      {
        old: 'SELECT key AS row FROM prompts WHERE at < ? LIMIT ?',
        surplus:
          'SELECT key AS row FROM prompts ORDER BY at LIMIT MAX(0, MIN(?, (SELECT COUNT(*) FROM prompts) - ?))',
        remove: 'DELETE FROM prompts WHERE key IN',
      },
      {
        old: 'SELECT seq AS row FROM outbox WHERE settled_at < ? LIMIT ?',
        surplus: `SELECT seq AS row FROM outbox WHERE ${settled} ORDER BY state = 'delivered' DESC, seq
          LIMIT MAX(0, MIN(?, (SELECT COUNT(*) FROM outbox WHERE ${settled}) - ?))`,
        remove: 'DELETE FROM outbox WHERE seq IN',
      },
      {
        old: `SELECT seq AS row FROM inbox WHERE ${ended} AND accepted_at < ? LIMIT ?`,
        surplus: `SELECT seq AS row FROM inbox WHERE state = 'done' ORDER BY seq
          LIMIT MAX(0, MIN(?, (SELECT COUNT(*) FROM inbox WHERE state = 'done') - ?))`,
        remove: 'DELETE FROM inbox WHERE seq IN',
      },
    ];
    for (const { old, surplus, remove } of rules)
      for (const [select, params] of [
        [old, [before, limit]],
        [surplus, [limit, remove.includes('seen') ? keptRows * SEEN_PER_ROW : keptRows]],
      ] as const)
        for (let bite = 0; bite < RETENTION.bitesPerSweep; bite += 1) {
          const first = sessions.get(select, params);
          if (first === undefined) break;
          await sessions.write((tx) => tx.run(`${remove} (${select})`, params));
        }
  }

  async #forgetRequests(before: number): Promise<void> {
    const { security } = this.#deps.stores;
    const old = security.get(
      "SELECT 1 AS yes FROM pairing WHERE state <> 'pending' AND closed_at < ? LIMIT 1",
      [before],
    );
    if (old === undefined) return;
    await security.write((tx) =>
      tx.run(
        `DELETE FROM pairing WHERE id IN
           (SELECT id FROM pairing WHERE state <> 'pending' AND closed_at < ? LIMIT ?)`,
        [before, RETENTION.rowsPerSweep],
      ),
    );
  }

  async #forgetQuestions(before: number): Promise<void> {
    const { security } = this.#deps.stores;
    const old = security.get('SELECT 1 AS yes FROM dialogs WHERE closed_at < ? LIMIT 1', [before]);
    if (old === undefined) return;
    await security.write((tx) =>
      tx.run('DELETE FROM dialogs WHERE id IN (SELECT id FROM dialogs WHERE closed_at < ? LIMIT ?)', [
        before,
        RETENTION.rowsPerSweep,
      ]),
    );
  }

  /** The session is forgotten already: a folder that cannot be removed is only untidy. */
  async #removeFiles(sessionId: string): Promise<void> {
    await rm(join(this.#deps.folder.files, sessionId), { recursive: true, force: true }).catch(
      (error: unknown) =>
        this.#deps.log.warn('the files of an old session could not be removed', {
          session: sessionId,
          error: messageOf(error),
        }),
    );
  }
}
