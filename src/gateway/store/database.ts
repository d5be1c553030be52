import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { type Clock, systemClock } from '../clock.ts';
import { GatewayError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { type Fold, foldInWorker, foldSnapshot } from './compaction.ts';
import { storageFailure } from './damage.ts';
import { type Disk, nodeDisk } from './disk.ts';
import type { Engine } from './engine.ts';
import { Journal } from './journal.ts';
import { type Loaded, loadStore } from './load.ts';
import { readMeta, writeMetaSeq } from './meta.ts';
import { keepBackup, type Migration, pendingMigrations, runMigration } from './migrations.ts';
import { publish, stampSnapshot, temporaryPath, writeTemporary } from './snapshot.ts';
import { checkedParams, type Row, type SqlValue } from './sql.ts';
import { RecordingTx, type Tx } from './transaction.ts';

export type { Disk, DiskFile } from './disk.ts';
export type { Migration } from './migrations.ts';
export type { Row, SqlValue } from './sql.ts';
export type { Tx } from './transaction.ts';

export interface DatabaseOptions {
  /** The snapshot's path, ending in `.db`; the journal lies beside it. */
  readonly path: string;
  readonly migrations: readonly Migration[];
  readonly log: Logger;
  /** Fold the journal into a new snapshot when it is larger than this and than the snapshot; default 4 MiB. */
  readonly compactAfterBytes?: number;
  readonly disk?: Disk;
  /** Names backups. */
  readonly clock?: Clock;
}

export interface DatabaseStats {
  /** Bytes that a start would have to replay. */
  readonly journalBytes: number;
  readonly snapshotBytes: number;
  readonly segments: number;
  /** The last record that is on the disk. */
  readonly seq: number;
  /** Bodies waiting for their turn. */
  readonly waiting: number;
  readonly commits: number;
  readonly syncs: number;
  readonly compactions: number;
  readonly compacting: boolean;
}

interface Job {
  /** Runs the body; answers what to call once its record is on the disk. */
  readonly run: (tx: Tx) => () => void;
  readonly reject: (error: unknown) => void;
}

/** A batch ends at whichever comes first: the main thread has other work, and a record should not wait for a novel. */
const BATCH_MS = 8;
const BATCH_BYTES = 1024 * 1024;
const COMPACT_AFTER_BYTES = 4 * 1024 * 1024;
/** How long `close` waits for a compaction that is under way. */
const COMPACTION_GRACE_MS = 10_000;

/**
 * A database in memory whose every change is on the disk before it is acknowledged.
 * Reads are synchronous and see what has been applied, which may be a few milliseconds ahead of the disk: whoever
 * tells the outside about something it has read, and not written itself, waits for `flushed()`.
 * One `Database` for one file; the folder's lock keeps other processes out.
 */
export class Database {
  readonly #options: DatabaseOptions;
  readonly #disk: Disk;
  readonly #log: Logger;
  readonly #engine: Engine;
  readonly #journal: Journal;
  #seq: number;
  #snapshotSeq: number;
  #snapshotBytes: number;
  #queue: Job[] = [];
  #pumping: Promise<void> | undefined;
  #inFlight: Promise<void> | undefined;
  #broken: GatewayError | undefined;
  #closing: Promise<void> | undefined;
  #compaction: Promise<void> | undefined;
  #fold: Fold | undefined;
  #rotation:
    | { readonly resolve: (seq: number) => void; readonly reject: (error: unknown) => void }
    | undefined;
  /** Journal size below which no automatic compaction is tried; raised after a failure. */
  #compactAbove: number;
  #counts = { commits: 0, syncs: 0, compactions: 0 };

  private constructor(options: DatabaseOptions, disk: Disk, loaded: Loaded) {
    this.#options = options;
    this.#disk = disk;
    this.#log = options.log;
    this.#engine = loaded.engine;
    this.#seq = loaded.seq;
    this.#snapshotSeq = loaded.snapshotSeq;
    this.#snapshotBytes = loaded.snapshotBytes;
    this.#compactAbove = options.compactAfterBytes ?? COMPACT_AFTER_BYTES;
    this.#journal = new Journal({ disk, path: options.path, store: loaded.store, closed: loaded.closed });
  }

  /**
   * Loads snapshot and journal, and brings the schema up to date.
   * A last record torn by a crash is dropped with a warning.
   * @throws GatewayError `storage_damaged` (no file is changed), `storage_newer`, `storage_foreign`
   */
  static async open(options: DatabaseOptions): Promise<Database> {
    const disk = options.disk ?? nodeDisk;
    const loaded = await loadStore({ disk, path: options.path, newStore: randomBytes(8).toString('hex') });
    try {
      const version = readMeta(loaded.engine)?.version ?? 0;
      const pending = pendingMigrations(options.path, options.migrations, version);
      await disk.protectFolder(dirname(options.path));
      const database = new Database(options, disk, loaded);
      await database.#tidy(loaded);
      if (pending.length > 0) await database.#migrate(pending, version);
      return database;
    } catch (error) {
      loaded.engine.close();
      throw error;
    }
  }

  /** @throws GatewayError `storage_sql` for statements that write */
  all(sql: string, params: readonly SqlValue[] = []): Row[] {
    return this.#reading(sql).all(checkedParams(params));
  }

  /** The first row. @throws GatewayError `storage_sql` for statements that write */
  get(sql: string, params: readonly SqlValue[] = []): Row | undefined {
    return this.#reading(sql).get(checkedParams(params));
  }

  /**
   * Runs `body` as one transaction and resolves with its result when its record is on the disk.
   * The body is synchronous; when it throws, nothing of it stays and the promise rejects with what it threw.
   * @throws GatewayError `storage_full` or `storage_failed` when the disk did not take it: nothing of it stays;
   *   `storage_closed` after `close`
   */
  write<T>(body: (tx: Tx) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal();
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      const run = (tx: Tx): (() => void) => {
        const result = body(tx);
        if (result instanceof Promise) throw new TypeError('the body of a write must be synchronous');
        return () => resolve(result);
      };
      this.#queue.push({ run, reject });
      this.#wake();
    });
  }

  /** Resolves when everything that reads see now is on the disk; rejects when the disk refused it (it is gone then). */
  flushed(): Promise<void> {
    return this.#inFlight ?? Promise.resolve();
  }

  /** Folds the journal into a new snapshot. Joins a compaction that is under way. */
  compact(): Promise<void> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#compaction ??= this.#compactOnce().finally(() => {
      this.#compaction = undefined;
    });
    return this.#compaction;
  }

  /** Finishes what waits, writes the snapshot and removes the journal. When the disk refuses, the journal stays. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  stats(): DatabaseStats {
    return {
      journalBytes: this.#journal.bytes,
      snapshotBytes: this.#snapshotBytes,
      segments: this.#journal.segments,
      seq: this.#seq,
      waiting: this.#queue.length,
      compacting: this.#compaction !== undefined,
      ...this.#counts,
    };
  }

  #reading(sql: string) {
    if (this.#closing !== undefined) throw closed(this.#options.path);
    const prepared = this.#engine.prepare(sql);
    if (prepared.kind !== 'read')
      throw new GatewayError('storage_sql', `only a write may change something: ${sql.slice(0, 120)}`);
    return prepared;
  }

  #refusal(): GatewayError | undefined {
    return this.#closing === undefined ? this.#broken : closed(this.#options.path);
  }

  // ---- start ------------------------------------------------------------------------------------------------

  async #tidy(loaded: Loaded): Promise<void> {
    const { path } = this.#options;
    if (loaded.open !== undefined) {
      if (loaded.open.torn > 0)
        this.#log.warn('dropped the end of the journal, torn by a crash before it was acknowledged', {
          file: loaded.open.path,
          offset: loaded.open.end,
          bytes: loaded.open.torn,
        });
      await this.#journal.resume(loaded.open);
    }
    for (const leftover of [...loaded.leftovers, temporaryPath(path), compactionPath(path)])
      await this.#disk.remove(leftover);
    for (const file of [
      path,
      ...loaded.closed.map((s) => s.path),
      ...(loaded.open ? [loaded.open.path] : []),
    ])
      await this.#disk.protectFile(file);
  }

  async #migrate(pending: readonly Migration[], version: number): Promise<void> {
    if (version > 0) {
      const now = (this.#options.clock ?? systemClock)();
      writeMetaSeq(this.#engine, this.#seq);
      const bytes = this.#engine.export();
      stampSnapshot(bytes);
      const backup = await keepBackup(this.#disk, this.#options.path, bytes, now);
      this.#log.info('kept a copy before changing the schema', { backup });
    }
    for (const migration of pending) {
      await this.write((tx) => runMigration(tx, migration));
      this.#log.info('schema changed', { version: migration.version, name: migration.name });
    }
  }

  // ---- the pump: bodies in, records out ----------------------------------------------------------------------

  #wake(): void {
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = undefined;
      if (this.#queue.length > 0 || this.#rotation !== undefined) this.#wake();
    });
  }

  async #pump(): Promise<void> {
    // Whoever else writes in this turn of the event loop shares the first sync.
    await nextTurn();
    while (this.#queue.length > 0 || this.#rotation !== undefined) {
      await this.#rotateIfWanted();
      if (this.#queue.length === 0) continue;
      const records = await this.#commitBatch();
      this.#compactWhenLarge();
      await nextTurn();
      // Writers that go on at once bring the proof with their next record.
      if (records > 1 && this.#queue.length === 0) await this.#journal.seal(this.#seq);
    }
  }

  /** Applies waiting bodies, writes their records with one sync, and settles their callers. */
  async #commitBatch(): Promise<number> {
    try {
      const preparing = this.#journal.prepare(this.#seq + 1);
      if (preparing !== undefined) await preparing;
    } catch (error) {
      const failure = this.#failure(error);
      for (const job of this.#queue.splice(0)) job.reject(failure);
      return 0;
    }
    const batch = this.#apply();
    if (batch === undefined) return 0;
    const flushing = this.#store(batch.seq);
    this.#inFlight = flushing;
    try {
      await flushing;
    } catch (error) {
      for (const job of batch.done) job.reject(error);
      return 0;
    } finally {
      this.#inFlight = undefined;
    }
    for (const job of batch.done) job.resolve();
    return batch.records;
  }

  /** Runs bodies inside one transaction, each behind a savepoint so that one that throws leaves the others alone. */
  #apply() {
    const engine = this.#engine;
    const base = this.#seq;
    let seq = base;
    const done: { resolve: () => void; reject: (error: unknown) => void }[] = [];
    const started = performance.now();
    let next = 0;
    try {
      engine.begin();
      while (next < this.#queue.length) {
        const job = this.#queue[next++];
        if (job === undefined) break;
        const tx = new RecordingTx(engine);
        engine.savepoint();
        let resolve: () => void;
        try {
          resolve = job.run(tx);
        } catch (error) {
          engine.rollbackToSavepoint();
          job.reject(error);
          continue;
        } finally {
          tx.end();
        }
        engine.release();
        if (tx.statements.length > 0) this.#journal.add(++seq, base, tx.statements);
        done.push({ resolve, reject: job.reject });
        if (this.#journal.pendingBytes > BATCH_BYTES || performance.now() - started > BATCH_MS) break;
      }
      this.#queue.splice(0, next);
    } catch (error) {
      // SQLite gave up the whole transaction (out of memory): nothing of this batch happened.
      this.#journal.discard();
      this.#giveUpTransaction();
      const failure = this.#failure(error);
      for (const job of [...done, ...this.#queue.splice(0, next)]) job.reject(failure);
      return undefined;
    }
    return { seq, records: seq - base, done };
  }

  /** Makes the applied batch durable, or takes it back. */
  async #store(seq: number): Promise<void> {
    if (this.#journal.pendingBytes > 0) {
      try {
        await this.#journal.flush();
        this.#counts.syncs++;
      } catch (error) {
        this.#giveUpTransaction();
        throw this.#failure(error);
      }
    }
    try {
      this.#engine.commit();
    } catch (error) {
      // On the disk, but not in memory: only a new start can bring the two together again.
      this.#broken = new GatewayError('storage_failed', `the database stopped: ${messageOf(error)}`, {
        hint: 'Restart the gateway; everything acknowledged is in the journal.',
        cause: error,
      });
      throw this.#broken;
    }
    this.#counts.commits += seq - this.#seq;
    this.#seq = seq;
  }

  #giveUpTransaction(): void {
    try {
      this.#engine.rollback();
    } catch {
      // SQLite had already rolled back by itself.
    }
    this.#engine.forgetStatements();
  }

  #failure(error: unknown): GatewayError {
    const failure = storageFailure(error, this.#options.path);
    this.#log.error(failure.message, { code: failure.code });
    return failure;
  }

  // ---- compaction and the end --------------------------------------------------------------------------------

  #compactWhenLarge(): void {
    if (this.#compaction !== undefined || this.#closing !== undefined) return;
    if (this.#journal.bytes < Math.max(this.#compactAbove, this.#snapshotBytes)) return;
    this.compact().catch(() => {
      // Logged where it happened; the journal goes on growing, and the next try comes later.
    });
  }

  /** Closes the segment between two batches; answers its last record. */
  #rotate(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#rotation = { resolve, reject };
      this.#wake();
    });
  }

  async #rotateIfWanted(): Promise<void> {
    const rotation = this.#rotation;
    if (rotation === undefined) return;
    this.#rotation = undefined;
    try {
      if (this.#journal.hasRecords(this.#seq)) await this.#journal.rotate(this.#seq + 1);
      rotation.resolve(this.#seq);
    } catch (error) {
      rotation.reject(error);
    }
  }

  async #compactOnce(): Promise<void> {
    const { path } = this.#options;
    try {
      const target = await this.#rotate();
      if (target <= this.#snapshotSeq) return;
      const temporary = compactionPath(path);
      const task = { path, target, temporary };
      this.#fold =
        this.#disk === nodeDisk
          ? foldInWorker(task)
          : { done: foldSnapshot(this.#disk, task), cancel: async () => {} };
      const bytes = await this.#fold.done;
      await publish(this.#disk, temporary, path);
      this.#snapshotSeq = target;
      this.#snapshotBytes = bytes;
      await this.#journal.removeBefore(target + 1);
      this.#counts.compactions++;
      this.#compactAbove = this.#options.compactAfterBytes ?? COMPACT_AFTER_BYTES;
    } catch (error) {
      this.#compactAbove = this.#journal.bytes * 2;
      if (this.#closing === undefined)
        this.#log.warn('the journal could not be folded into a snapshot; it stays', {
          error: messageOf(error),
        });
      throw error;
    } finally {
      this.#fold = undefined;
    }
  }

  async #close(): Promise<void> {
    // What was asked for before `close` is still done.
    while (this.#pumping !== undefined) await this.#pumping;
    await this.#endCompaction();
    while (this.#pumping !== undefined) await this.#pumping;
    let whole = false;
    try {
      if (this.#broken === undefined) {
        if (this.#seq > this.#snapshotSeq) await this.#writeSnapshot();
        whole = true;
      }
    } catch (error) {
      this.#log.warn('no snapshot at the end; the journal stays and is read at the next start', {
        file: this.#options.path,
        error: messageOf(error),
      });
    }
    try {
      await this.#journal.close(whole);
    } catch (error) {
      this.#log.warn('the journal could not be removed; the next start does it', { error: messageOf(error) });
    }
    this.#engine.close();
  }

  async #writeSnapshot(): Promise<void> {
    const { path } = this.#options;
    writeMetaSeq(this.#engine, this.#seq);
    const bytes = this.#engine.export();
    stampSnapshot(bytes);
    await writeTemporary(this.#disk, temporaryPath(path), bytes);
    await publish(this.#disk, temporaryPath(path), path);
    this.#snapshotSeq = this.#seq;
    this.#snapshotBytes = bytes.length;
  }

  async #endCompaction(): Promise<void> {
    const compaction = this.#compaction;
    if (compaction === undefined) return;
    const grace = setTimeout(() => void this.#fold?.cancel(), COMPACTION_GRACE_MS);
    try {
      await compaction;
    } catch {
      // Logged where it happened; the final snapshot holds everything anyway.
    } finally {
      clearTimeout(grace);
    }
  }
}

function closed(path: string): GatewayError {
  return new GatewayError('storage_closed', `${path} is closed`, { status: 503 });
}

function compactionPath(path: string): string {
  return `${path}.compact.tmp`;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
