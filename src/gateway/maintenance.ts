import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { markPath } from '../store/session-copies.ts';
import type { Audit } from './access/audit.ts';
import { sessionFileFor, sessionStem } from './agent/pi-files.ts';
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
/** Looking at files costs: hourly is enough. */
const FILES_EVERY_MS = 60 * 60_000;
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
  readonly backups: { daily(now: number): unknown };
  /** Removes the copies of these sessions that are kept outside of the data directory. */
  readonly dropCopies?: ((stems: Iterable<string>) => Promise<void>) | undefined;
  /** What rejected senders wrote. */
  readonly refusalFile?: { forget(before: number): Promise<void> } | undefined;
}

/** The minute sweep: sessions that are due, deliveries that are too old, and old rows in bounded bites. */
export class Maintenance {
  readonly #deps: MaintenanceDeps;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #filesLooked = Number.NEGATIVE_INFINITY;

  constructor(deps: MaintenanceDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => {
      // A sweep that the disk delays is not overtaken by the next one.
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
    this.#deps.backups.daily(now); // takes its time next to the sweep
    await conversations.sweep(now);
    outbox.sweep();
    const kept = this.#deps.settings.retention;
    // What has no limit is older than nothing.
    const before = (ms: number): number => (Number.isFinite(ms) ? now - ms : 0);
    const ended = await tasks.sweep(now, kept.messagesMs);
    await Promise.all(ended.map((id) => this.#removeFiles(id)));
    await schedules.sweep(now);
    await this.#forgetMessages(before(kept.messagesMs), now - RETENTION.settledMs);
    const gone = await conversations.gone.ended(before(kept.transcriptsMs), RETENTION.rowsPerSweep);
    await Promise.all(gone.map((id) => this.#removeFiles(id)));
    if (kept.sessionFiles && gone.length > 0) await this.#removeSessionFiles(gone);
    await this.#deps.archive.sweep(before(kept.transcriptsMs));
    if (Number.isFinite(kept.refusalsMs)) await this.#deps.refusalFile?.forget(now - kept.refusalsMs);
    // A denial holds over a restart, however short texts are kept.
    const { cooldownMs } = this.#deps.settings.pairing;
    await this.#forgetRequests(Math.min(before(kept.messagesMs), now - cooldownMs));
    await this.#forgetQuestions(before(kept.messagesMs));
    await audit.forget(before(kept.auditMs), RETENTION.rowsPerSweep);
    if (Number.isFinite(kept.filesMs)) await this.#forgetFiles(now, now - kept.filesMs);
    await this.#deps.notify.sweep(before(kept.messagesMs));
    await this.#deps.usage.fold(now - RETENTION.endedSessionsMs);
    await this.#deps.spending.sweep(now);
  }

  /** Looking is cheap; a commit is made only when something is there to forget. By age first, then by number. */
  async #forgetMessages(before: number, beforeKeys: number): Promise<void> {
    const { stores, settings } = this.#deps;
    const { sessions } = stores;
    const { keptRows } = settings.limits;
    const limit = RETENTION.rowsPerSweep;
    const settled = "state IN ('delivered', 'failed', 'abandoned')";
    const ended = "state IN ('done', 'offered')";
    const rules: readonly {
      readonly before: number;
      readonly kept: number;
      readonly old: string;
      readonly surplus: string;
      readonly remove: string;
    }[] = [
      // Identities hold no text, and a platform may send an update again for days, however short its text is kept.
      {
        before: beforeKeys,
        kept: keptRows * SEEN_PER_ROW,
        old: 'SELECT key AS row FROM seen WHERE at < ? LIMIT ?',
        surplus:
          'SELECT key AS row FROM seen ORDER BY at LIMIT MAX(0, MIN(?, (SELECT COUNT(*) FROM seen) - ?))',
        remove: 'DELETE FROM seen WHERE key IN',
      },
      {
        before: beforeKeys,
        kept: keptRows,
        old: 'SELECT key AS row FROM prompts WHERE at < ? LIMIT ?',
        surplus:
          'SELECT key AS row FROM prompts ORDER BY at LIMIT MAX(0, MIN(?, (SELECT COUNT(*) FROM prompts) - ?))',
        remove: 'DELETE FROM prompts WHERE key IN',
      },
      {
        before,
        kept: keptRows,
        old: 'SELECT seq AS row FROM outbox WHERE settled_at < ? LIMIT ?',
        surplus: `SELECT seq AS row FROM outbox WHERE ${settled} ORDER BY state = 'delivered' DESC, seq
          LIMIT MAX(0, MIN(?, (SELECT COUNT(*) FROM outbox WHERE ${settled}) - ?))`,
        remove: 'DELETE FROM outbox WHERE seq IN',
      },
      {
        before,
        kept: keptRows,
        old: `SELECT seq AS row FROM inbox WHERE ${ended} AND accepted_at < ? LIMIT ?`,
        surplus: `SELECT seq AS row FROM inbox WHERE state = 'done' ORDER BY seq
          LIMIT MAX(0, MIN(?, (SELECT COUNT(*) FROM inbox WHERE state = 'done') - ?))`,
        remove: 'DELETE FROM inbox WHERE seq IN',
      },
    ];
    for (const rule of rules)
      for (const [select, params] of [
        [rule.old, [rule.before, limit]],
        [rule.surplus, [limit, rule.kept]],
      ] as const)
        for (let bite = 0; bite < RETENTION.bitesPerSweep; bite += 1) {
          const first = sessions.get(select, params);
          if (first === undefined) break;
          await sessions.write((tx) => tx.run(`${rule.remove} (${select})`, params));
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

  /** The session is forgotten already: a directory that cannot be removed is only untidy. */
  async #removeFiles(sessionId: string): Promise<void> {
    await rm(join(this.#deps.folder.files, sessionId), { recursive: true, force: true }).catch(
      (error: unknown) =>
        this.#deps.log.warn('the files of an old session could not be removed', {
          session: sessionId,
          error: messageOf(error),
        }),
    );
  }

  /** Of sessions that are forgotten, unless another one continues with the same file. */
  async #removeSessionFiles(sessionIds: readonly string[]): Promise<void> {
    const { folder, stores, log, dropCopies } = this.#deps;
    const paths = sessionIds
      .map((id) => sessionFileFor(folder.agentSessions, id))
      .filter(
        (path) =>
          !stores.sessions.get('SELECT 1 AS yes FROM sessions WHERE session_file = ? LIMIT 1', [path]),
      );
    // First where the next start would fetch them from.
    await dropCopies?.(paths.map(sessionStem)).catch((error: unknown) =>
      log.warn('the copies of old sessions could not be removed', { error: messageOf(error) }),
    );
    await Promise.all(paths.map((path) => this.#removeSessionFile(path)));
  }

  async #removeSessionFile(path: string): Promise<void> {
    const { folder, log } = this.#deps;
    // Copies in which it continued on other hosts go with it.
    const copies = (await readdir(folder.agentSessions).catch(() => [])).filter(
      (name) => name.startsWith(`${sessionStem(path)}.m`) && sessionStem(name) === sessionStem(path),
    );
    const files = [path, ...copies.map((name) => join(folder.agentSessions, name))];
    for (const each of files.flatMap((file) => [file, `${file}.part`, markPath(file)]))
      await rm(each, { force: true }).catch((error: unknown) =>
        log.warn('the session file of an old session could not be removed', { error: messageOf(error) }),
      );
  }

  /** Each file is in a directory of its own below that of its session or task. */
  async #forgetFiles(now: number, before: number): Promise<void> {
    if (now - this.#filesLooked < FILES_EVERY_MS) return;
    this.#filesLooked = now;
    const { files } = this.#deps.folder;
    for (const owner of await readdir(files).catch(() => []))
      for (const name of await readdir(join(files, owner)).catch(() => [])) {
        const path = join(files, owner, name);
        const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: now }));
        if (mtimeMs < before) await rm(path, { recursive: true, force: true }).catch(() => {}); // tried again
      }
  }
}
