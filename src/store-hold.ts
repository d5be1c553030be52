/** Who may write to the store: the data directory's lock, and with `store.url` the leadership in PostgreSQL. */

import { systemClock } from './base/async.ts';
import { defined } from './base/defined.ts';
import type { GatewayError } from './base/errors.ts';
import type { Logger } from './base/log.ts';
import type { Adapter } from './gateway/adapter.ts';
import { passwordsOf, resolveSecret } from './gateway/config/secrets.ts';
import { adoptSecurity, adoptSessions, adoptTasks } from './gateway/older-versions.ts';
import { SECURITY_MIGRATIONS, SESSION_MIGRATIONS, TASK_MIGRATIONS } from './gateway/schema.ts';
import type { Redactor } from './gateway/send/egress.ts';
import { gated } from './gateway/send/send-queue.ts';
import type { DataFolder } from './store/data-folder.ts';
import { Database, type DatabaseOptions } from './store/database.ts';
import { FolderLock } from './store/lock.ts';
import type { Cluster } from './store/postgres/cluster.ts';
import type { CopiesElsewhere } from './store/session-copies.ts';

/** The URL of the store in PostgreSQL, kept out of everything that is shown; undefined: the store is in files. */
export async function storeUrl(
  configured: string | undefined,
  env: NodeJS.ProcessEnv,
  redactor: Redactor,
): Promise<string | undefined> {
  if (configured === undefined) return undefined;
  const url = await resolveSecret(configured, 'store.url', env);
  for (const hidden of [url, ...passwordsOf(url)]) redactor.add(hidden);
  return url;
}

type Schema = Required<Pick<DatabaseOptions, 'migrations' | 'adopt'>>;

interface OpenOptions {
  readonly url: string | undefined;
  readonly acceptLostChanges: boolean;
  readonly opened: (db: Database) => void;
}

export class StoreHold {
  readonly #lock: FolderLock;
  #cluster: Cluster | undefined;

  private constructor(lock: FolderLock) {
    this.#lock = lock;
  }

  /** @throws FolderLockedError */
  static acquire(folder: DataFolder): StoreHold {
    return new StoreHold(FolderLock.acquire(folder.root));
  }

  /** @throws GatewayError when the database cannot be used */
  async connect(url: string, folder: DataFolder, log: Logger): Promise<Cluster> {
    const { Cluster: Store } = await import('./store/postgres/cluster.ts');
    this.#cluster = await Store.connect(url, folder, log);
    return this.#cluster;
  }

  /** The gateways that share the store; undefined for one in files, and before `connect`. */
  get cluster(): Cluster | undefined {
    return this.#cluster;
  }

  /**
   * Opens the three databases; with a URL only as the leader of those who share it. `opened` hears of each, so that it
   * is closed when another one fails.
   */
  async open(
    folder: DataFolder,
    log: Logger,
    { url, acceptLostChanges, opened }: OpenOptions,
  ): Promise<{ sessions: Database; security: Database; tasks: Database }> {
    const cluster = url === undefined ? undefined : (this.#cluster ?? (await this.connect(url, folder, log)));
    await cluster?.lead();
    const open = async (path: string, { migrations, adopt }: Schema): Promise<Database> => {
      const db = await Database.open({
        path,
        migrations,
        adopt,
        log,
        fence: () => this.#lock.check(),
        ...(acceptLostChanges ? { acceptLostChanges } : {}),
        ...defined({ remote: cluster }),
      });
      opened(db);
      return db;
    };
    const now = systemClock();
    const [sessions, security, tasks] = await Promise.all([
      open(folder.sessionsDb, { migrations: SESSION_MIGRATIONS, adopt: adoptSessions(now) }),
      open(folder.securityDb, { migrations: SECURITY_MIGRATIONS, adopt: adoptSecurity(now) }),
      open(folder.tasksDb, { migrations: TASK_MIGRATIONS, adopt: adoptTasks(now) }),
    ]);
    await cluster?.keepFiles(folder.adapters);
    return { sessions, security, tasks };
  }

  /** Where copies of session files are written next to their directory; undefined: nowhere. */
  async keepSessions(directory: string): Promise<CopiesElsewhere | undefined> {
    return await this.#cluster?.keepSessions(directory);
  }

  /** Removes the copies of these sessions from where {@link keepSessions} writes them. */
  async dropSessions(stems: Iterable<string>): Promise<void> {
    await this.#cluster?.dropSessions(stems);
  }

  /** The adapter, which sends nothing while this process may not. */
  gate(adapter: Adapter): Adapter {
    return this.#cluster === undefined
      ? adapter
      : gated(adapter, () => this.#lock.lost ?? this.#cluster?.leadership?.refusal);
  }

  /** Why this process no longer holds the store. */
  get lost(): GatewayError | undefined {
    return this.#lock.lost ?? this.#cluster?.leadership?.lost;
  }

  onLost(listener: (error: GatewayError) => void): void {
    this.#lock.onLost(listener);
    this.#cluster?.leadership?.onLost(listener);
  }

  async release(): Promise<void> {
    await this.#cluster?.release();
    this.#lock.release();
  }
}
