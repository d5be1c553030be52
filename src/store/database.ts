import { type Clock, systemClock } from '../base/async.ts';
import { GatewayError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Backing, DatabaseOptions } from './backing.ts';
import type { Committer } from './committer.ts';
import type { DatabaseStats } from './compactor.ts';
import { closedError, storageFailure } from './damage.ts';
import { nodeDisk, systemCode } from './disk.ts';
import type { Engine, Prepared } from './engine.ts';
import { FileBacking } from './file-backing.ts';
import { readMeta } from './meta.ts';
import { type Migration, pendingMigrations, runMigration } from './migrations.ts';
import { writeBytes } from './snapshot.ts';
import { checkedParams, type Row, type SqlValue } from './sql.ts';
import type { Tx } from './transaction.ts';

export type { Legacy } from './adopt.ts';
export type { DatabaseOptions } from './backing.ts';
export type { Disk, DiskFile } from './disk.ts';
export type { Migration } from './migrations.ts';
export type { Row, SqlValue } from './sql.ts';
export type { Tx } from './transaction.ts';

/**
 * A database in memory whose every change is on the disk before it is acknowledged.
 * Reads are synchronous and see what has been applied, which may be a few milliseconds ahead of the disk: anyone who
 * tells the outside about something it has read, and not written itself, waits for `flushed()`.
 * One `Database` for one file; the directory's lock keeps other processes out.
 */
export class Database {
  readonly #path: string;
  readonly #log: Logger;
  readonly #engine: Engine;
  readonly #committer: Committer;
  readonly #backing: Backing;
  #closing: Promise<void> | undefined;

  private constructor(options: DatabaseOptions, backing: Backing) {
    this.#path = options.path;
    this.#log = options.log;
    this.#engine = backing.engine;
    this.#committer = backing.committer;
    this.#backing = backing;
  }

  /**
   * Loads snapshot and journal, and brings the schema up to date.
   * A last record torn by a crash is dropped with a warning.
   * @throws GatewayError `storage_damaged` (no file is changed), `storage_newer`, `storage_foreign`, `storage_failed`
   */
  static async open(options: DatabaseOptions): Promise<Database> {
    const { path, remote, clock = systemClock } = options;
    try {
      const database = new Database(options, await (remote?.open(options) ?? FileBacking.open(options)));
      try {
        await database.#start(options.migrations, clock);
      } catch (error) {
        await database.#abandon();
        throw error;
      }
      return database;
    } catch (error) {
      throw systemCode(error) === undefined ? error : storageFailure(error, path);
    }
  }

  /** @throws GatewayError `storage_sql` for statements that write, `storage_closed` after `close` */
  all(sql: string, params: readonly SqlValue[] = []): Row[] {
    return this.#reading(sql).all(checkedParams(params));
  }

  /** The first row. @throws GatewayError `storage_sql` for statements that write, `storage_closed` after `close` */
  get(sql: string, params: readonly SqlValue[] = []): Row | undefined {
    return this.#reading(sql).get(checkedParams(params));
  }

  /**
   * Runs `body` as one transaction and resolves with its result when its record is on the disk.
   * The body is synchronous; when it throws, nothing of it stays and the promise rejects with what it threw.
   * @throws GatewayError `storage_full` or `storage_failed` when the disk did not take it: nothing of it stays, and the
   *   next write tries again; `storage_closed` after `close`
   */
  write<T>(body: (tx: Tx) => T): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(closedError(this.#path));
    return this.#committer.write(body);
  }

  /** Resolves when everything that reads see now is on the disk; rejects when the disk refused it (it is gone then). */
  flushed(): Promise<void> {
    return this.#committer.flushed();
  }

  /** Why nothing can be stored at present; undefined when the disk took the last change. */
  get refusal(): GatewayError | undefined {
    return this.#committer.refusal ?? this.#backing.refusal;
  }

  /** After a refusal: tries whether the disk takes something again, without waiting for the next change. */
  async probe(): Promise<void> {
    if (this.#committer.refusal === undefined || this.#closing !== undefined) return;
    if (await this.#backing.probe()) this.#committer.accepted();
  }

  /** Folds the journal into a new snapshot. Joins a compaction that is in progress. */
  compact(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(closedError(this.#path));
    return this.#backing.folding.compact();
  }

  /**
   * What was deleted is gone from the files, too: from the free parts of the snapshot, from the journal, and with the
   * copies that were kept before changes of the schema. Takes as long as writing the whole database.
   */
  async purge(): Promise<void> {
    if (this.#closing !== undefined) throw closedError(this.#path);
    await this.#backing.purge();
  }

  /** Paths of the copies that were kept before changes of the schema and before an import. */
  copies(): Promise<string[]> {
    return this.#backing.copies();
  }

  /** Writes everything as it is at `moment` to a new file, which is a whole database, while changes continue. */
  copyTo(path: string, moment: () => Promise<void>): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(closedError(this.#path));
    const { folding } = this.#backing;
    if (folding.copy !== undefined) return folding.copy(path, moment);
    return this.#committer
      .betweenBatches(async () => {
        await moment();
        return this.#engine.export();
      })
      .then(async (bytes) => void (await writeBytes(nodeDisk, path, bytes)));
  }

  /** Nothing can be read or written anymore. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Finishes what is waiting, writes the snapshot and removes the journal. When the disk refuses, or when the database is so
   * big that this would take seconds, the journal stays.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  stats(): DatabaseStats {
    const { folding, journal } = this.#backing;
    return {
      journalBytes: journal.bytes,
      segments: journal.segments,
      snapshotBytes: folding.snapshot.bytes,
      seq: this.#committer.seq,
      compactions: folding.count,
      compacting: folding.running,
      ...this.#committer.counts,
    };
  }

  #reading(sql: string): Prepared {
    if (this.#closing !== undefined) throw closedError(this.#path);
    const prepared = this.#engine.prepare(sql);
    if (prepared.kind !== 'read')
      throw new GatewayError('storage_sql', `only a write may change something: ${sql.slice(0, 120)}`);
    return prepared;
  }

  /** Everything could be read: from here on something changes. */
  async #start(migrations: readonly Migration[], clock: Clock): Promise<void> {
    const version = readMeta(this.#engine)?.version ?? 0;
    const pending = pendingMigrations(this.#path, migrations, version);
    await this.#backing.start();
    if (pending.length > 0) await this.#migrate(pending, version, clock);
    this.#backing.started(pending.length > 0);
  }

  async #migrate(pending: readonly Migration[], version: number, clock: Clock): Promise<void> {
    if (version > 0) {
      const backup = await this.#backing.keepCopy(clock());
      if (backup !== undefined) this.#log.info('kept a copy before changing the schema', { backup });
    }
    // A new file has every step before it: one wait for the disk, and no line in the log.
    if (version === 0) {
      await this.write((tx) => {
        for (const migration of pending) runMigration(tx, migration);
      });
      this.#log.debug('schema made', { version: pending.length });
      return;
    }
    for (const migration of pending) {
      await this.write((tx) => runMigration(tx, migration));
      this.#log.info('schema changed', { version: migration.version, name: migration.name });
    }
  }

  /** Lets go of files and memory without changing anything more. */
  async #abandon(): Promise<void> {
    this.#closing = Promise.resolve();
    await this.#backing.folding.end();
    await this.#committer.idle();
    await this.#backing.abandon();
    this.#engine.close();
  }

  async #close(): Promise<void> {
    // What was asked for before `close` is still done.
    await this.#committer.idle();
    await this.#backing.folding.end();
    await this.#committer.idle();
    await this.#backing.finish();
    this.#engine.close();
  }
}
