import { statfsSync } from 'node:fs';
import { type Clock, systemClock } from '../base/async.ts';
import { GatewayError, systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type Backing, type DatabaseOptions, FileBacking } from './backing.ts';
import type { Committer } from './committer.ts';
import type { DatabaseStats } from './compactor.ts';
import { closedError, nodeDisk, storageFailure } from './disk.ts';
import { checkedParams, type Engine, type Prepared, type Row, type SqlValue } from './engine.ts';
import { loadStore } from './load.ts';
import { type Migration, pendingMigrations, runMigration } from './migrations.ts';
import { readMeta, writeBytes, writeSnapshot } from './snapshot.ts';
import type { Tx } from './transaction.ts';

export type { DatabaseOptions } from './backing.ts';
export type { Disk, DiskFile } from './disk.ts';
export type { Row, SqlValue } from './engine.ts';
export type { Legacy, Migration } from './migrations.ts';
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

/** With less room than this the next message, its answer and their receipts no longer fit. */
const LOW_BYTES = 256 * 1024;
const LOOK_MS = 2_000;
/** A file system in the network may take its time to say how much room it has. */
const FRESH_MS = 500;

interface StoreHealthOptions {
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

// Copies of databases outside of the data directory's own files: made while they are in use, and looked into later.

/**
 * Copies several databases as they are at one moment: all of them hold their changes back until the last one has come to
 * rest, so no row in one refers to a row that is not in another. One call at a time, or two would wait for each other.
 */
export async function copyTogether(
  copies: readonly { readonly db: Database; readonly path: string }[],
): Promise<void> {
  const resting = copies.map(() => Promise.withResolvers<void>());
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {}); // also when no one waits for the others anymore
  const together = Promise.race([Promise.all(resting.map(({ promise }) => promise)), failed.promise]);
  together.catch(() => {});
  const results = await Promise.allSettled(
    copies.map(({ db, path }, i) =>
      db
        .copyTo(path, async () => {
          resting[i]?.resolve();
          await together;
        })
        .catch((error: unknown) => {
          failed.reject(error);
          throw error;
        }),
    ),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** The same for a database that no one has open: what snapshot and journal say, with the schema that they have. */
export async function copyCold(from: string, to: string): Promise<void> {
  const { engine, seq, nextEpoch } = await loadStore({ disk: nodeDisk, path: from, newStore: '' });
  try {
    await writeSnapshot(nodeDisk, to, engine, { seq, epoch: nextEpoch });
  } finally {
    engine.close();
  }
}

export interface Inspected {
  /** The last migration that ran. */
  readonly schema: number;
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Looks into a copy, from its checksum to SQLite's own check; each of `counts` is a query that answers one number.
 * Changes nothing. @throws GatewayError `storage_damaged`, `storage_newer`, `storage_foreign`
 */
export async function inspectCopy(
  path: string,
  counts: Readonly<Record<string, string>>,
): Promise<Inspected & { readonly integrity: string }> {
  const { engine } = await loadStore({ disk: nodeDisk, path, newStore: '' });
  try {
    const count = (sql: string): number => {
      try {
        return Number(Object.values(engine.prepare(sql).get([]) ?? {})[0] ?? 0);
      } catch {
        return 0; // a table that came with a later schema
      }
    };
    return {
      schema: readMeta(engine)?.version ?? 0,
      integrity: engine.integrity(),
      counts: Object.fromEntries(Object.entries(counts).map(([name, sql]) => [name, count(sql)])),
    };
  } finally {
    engine.close();
  }
}
