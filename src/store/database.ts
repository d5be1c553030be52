import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { adoptLegacy, type Legacy } from './adopt.ts';
import { Committer } from './committer.ts';
import { Compactor, type DatabaseStats } from './compactor.ts';
import { closedError, storageFailure } from './damage.ts';
import { type Disk, nodeDisk, systemCode } from './disk.ts';
import type { Engine, Prepared } from './engine.ts';
import { cutOff, Journal } from './journal.ts';
import { type Loaded, loadStore } from './load.ts';
import { readMeta } from './meta.ts';
import { backupPath, copiesOf, type Migration, pendingMigrations, runMigration } from './migrations.ts';
import { segmentPath } from './segment.ts';
import {
  nameSuccessor,
  publish,
  removeTemporaries,
  removeWal,
  type Successor,
  temporaryPath,
  writeEmpty,
  writeSnapshot,
  writeTemporary,
} from './snapshot.ts';
import { checkedParams, type Row, type SqlValue } from './sql.ts';
import type { Tx } from './transaction.ts';

export type { Legacy } from './adopt.ts';
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
  /** With a snapshot larger than this, a clean stop leaves the journal as it is; default 64 MiB. */
  readonly lastSnapshotBytes?: number;
  readonly disk?: Disk;
  /**
   * Writes what an older gateway left in this file into the schema of `migrations`. Without it, such a file is an error.
   * Runs in one transaction that is durable before `open` resolves; a copy of the old file is kept.
   */
  readonly adopt?: (tx: Tx, legacy: Legacy) => void;
  /** Names backups. */
  readonly clock?: Clock;
  /** Throws when this process is no longer the only one that may write here; looked at around every commit. */
  readonly fence?: () => void;
  /** Start although the journal that the snapshot names is gone: its changes are lost, and the log says so. */
  readonly acceptLostChanges?: boolean;
}

const COMPACT_AFTER_BYTES = 4 * 1024 * 1024;
/** A stop has seconds: a database larger than this keeps its journal, and the next start reads both. */
const LAST_SNAPSHOT_BYTES = 64 * 1024 * 1024;
/** About what one message with its answer needs. */
const PROBE_BYTES = 64 * 1024;

/**
 * A database in memory whose every change is on the disk before it is acknowledged.
 * Reads are synchronous and see what has been applied, which may be a few milliseconds ahead of the disk: whoever
 * tells the outside about something it has read, and not written itself, waits for `flushed()`.
 * One `Database` for one file; the folder's lock keeps other processes out.
 */
export class Database {
  readonly #path: string;
  readonly #disk: Disk;
  readonly #log: Logger;
  readonly #engine: Engine;
  readonly #journal: Journal;
  readonly #committer: Committer;
  readonly #compactor: Compactor;
  readonly #fence: () => void;
  readonly #lastSnapshotBytes: number;
  #hasSnapshot: boolean;
  /** The snapshot names a segment of the journal. */
  #named: boolean;
  #closing: Promise<void> | undefined;

  private constructor(options: DatabaseOptions, disk: Disk, loaded: Loaded) {
    const { path, log } = options;
    const { engine, seq, store, closed } = loaded;
    this.#path = path;
    this.#disk = disk;
    this.#log = log;
    this.#engine = engine;
    this.#fence = options.fence ?? (() => {});
    this.#hasSnapshot = loaded.snapshotBytes > 0;
    this.#named = loaded.successor !== undefined;
    this.#lastSnapshotBytes = options.lastSnapshotBytes ?? LAST_SNAPSHOT_BYTES;
    const fence = this.#fence;
    this.#journal = new Journal({
      disk,
      path,
      store,
      epoch: loaded.nextEpoch,
      closed: loaded.open === undefined ? closed : [...closed, { ...loaded.open, size: loaded.open.end }],
      begun: (segment) => this.#nameSuccessor(segment, store),
    });
    this.#committer = new Committer({
      engine,
      journal: this.#journal,
      log,
      path,
      seq,
      onBatch: () => this.#compactor.consider(),
      diskBusy: () => this.#compactor.running,
      fence,
    });
    this.#compactor = new Compactor({
      disk,
      path,
      log,
      committer: this.#committer,
      journal: this.#journal,
      engine,
      afterBytes: options.compactAfterBytes ?? COMPACT_AFTER_BYTES,
      snapshot: { seq: loaded.snapshotSeq, bytes: loaded.snapshotBytes },
      fence,
    });
  }

  /**
   * Loads snapshot and journal, and brings the schema up to date.
   * A last record torn by a crash is dropped with a warning.
   * @throws GatewayError `storage_damaged` (no file is changed), `storage_newer`, `storage_foreign`, `storage_failed`
   */
  static async open(options: DatabaseOptions): Promise<Database> {
    const { path, disk = nodeDisk, clock = systemClock } = options;
    try {
      const newStore = randomBytes(8).toString('hex');
      if (options.adopt !== undefined)
        await adoptLegacy({ ...options, disk, path, clock, newStore, adopt: options.adopt });
      const loaded = await loadStore({
        disk,
        path,
        newStore,
        ...(options.acceptLostChanges ? { acceptLostChanges: true } : {}),
      });
      const database = new Database(options, disk, loaded);
      try {
        await database.#start(loaded, options.migrations, clock);
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
   *   next write tries anew; `storage_closed` after `close`
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
    return this.#committer.refusal;
  }

  /** After a refusal: tries whether the disk takes something again, without waiting for the next change. */
  async probe(): Promise<void> {
    if (this.#committer.refusal === undefined || this.#closing !== undefined) return;
    const path = temporaryPath(this.#path, `${this.#journal.epoch}.probe`);
    try {
      await writeTemporary(this.#disk, path, new Uint8Array(PROBE_BYTES));
      this.#committer.accepted();
    } catch {
      return; // it stays as it is
    } finally {
      await this.#disk.remove(path).catch(() => {});
    }
  }

  /** Folds the journal into a new snapshot. Joins a compaction that is under way. */
  compact(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(closedError(this.#path));
    return this.#compactor.compact();
  }

  /**
   * What was deleted is gone from the files, too: from the free parts of the snapshot, from the journal, and with the
   * copies that were kept before changes of the schema. Takes as long as writing the whole database.
   */
  async purge(): Promise<void> {
    if (this.#closing !== undefined) throw closedError(this.#path);
    await this.#compactor.purge();
    this.#hasSnapshot = true;
    for (const copy of await this.copies()) await this.#disk.remove(copy);
  }

  /** Paths of the copies that were kept before changes of the schema and before an import. */
  copies(): Promise<string[]> {
    return copiesOf(this.#disk, this.#path);
  }

  /** Nothing can be read or written any more. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Finishes what waits, writes the snapshot and removes the journal. When the disk refuses, or when the database is so
   * big that this would take seconds, the journal stays.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  stats(): DatabaseStats {
    return {
      journalBytes: this.#journal.bytes,
      segments: this.#journal.segments,
      snapshotBytes: this.#compactor.snapshot.bytes,
      seq: this.#committer.seq,
      compactions: this.#compactor.count,
      compacting: this.#compactor.running,
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

  /** Everything could be read: from here on files change. */
  async #start(loaded: Loaded, migrations: readonly Migration[], clock: Clock): Promise<void> {
    const version = readMeta(this.#engine)?.version ?? 0;
    const pending = pendingMigrations(this.#path, migrations, version);
    await this.#disk.protectFolder(dirname(this.#path));
    await this.#journal.reserve(loaded.seq + 1);
    this.#fence();
    await this.#tidy(loaded);
    if (pending.length > 0) await this.#migrate(pending, version, clock);
    // Repeating a change of schema, or looking through what another program wrote, takes seconds on a big store: no later
    // start should have to.
    if ((pending.length > 0 || loaded.byOthers) && loaded.snapshotBytes > this.#lastSnapshotBytes)
      this.#compactor.compact(true).catch(() => {}); // logged where it happened
  }

  /** Clears away what a crash left. */
  async #tidy(loaded: Loaded): Promise<void> {
    const { open, closed, leftovers, inWalMode, snapshotBytes, successor } = loaded;
    await removeTemporaries(this.#disk, this.#path);
    if (open !== undefined && open.torn > 0) {
      this.#log.warn('dropped the incomplete end of the journal: it was not acknowledged', {
        file: open.path,
        offset: open.end,
        bytes: open.torn,
      });
      await cutOff(this.#disk, open.path, open.end);
    }
    if (inWalMode) await this.#putSnapshot(loaded.seq, successor);
    // A write-ahead log beside a snapshot of ours is of the database that was here before.
    if (snapshotBytes > 0) await removeWal(this.#disk, this.#path);
    if (loaded.lost !== undefined) {
      this.#log.error('the journal is gone; the changes in it are lost, as --accept-lost-changes accepts', {
        file: loaded.lost,
      });
      await nameSuccessor(this.#disk, this.#path, undefined);
    }
    // What the snapshot names stays until it names another.
    const named = successor === undefined ? '' : segmentPath(this.#path, successor.first, successor.epoch);
    for (const leftover of leftovers) if (leftover !== named) await this.#disk.remove(leftover);
    for (const { path } of [{ path: this.#path }, ...closed, ...(open === undefined ? [] : [open])])
      await this.#disk.protectFile(path);
  }

  /** A journal that somebody takes away from now on is missed at the next start. */
  async #nameSuccessor(segment: Successor, store: string): Promise<void> {
    if (!this.#hasSnapshot) {
      // A new store: its journal begins at nothing, and that is what its snapshot says.
      const temporary = temporaryPath(this.#path, this.#journal.epoch);
      await writeEmpty(this.#disk, temporary, store, this.#journal.epoch);
      this.#fence();
      await publish(this.#disk, temporary, this.#path);
      this.#hasSnapshot = true;
    }
    this.#named = true;
    this.#fence();
    try {
      await nameSuccessor(this.#disk, this.#path, segment);
    } catch (error) {
      // Somebody took the snapshot away: the journal alone is not enough for a start, but it is what there is.
      if (systemCode(error) !== 'ENOENT') throw error;
    }
  }

  async #migrate(pending: readonly Migration[], version: number, clock: Clock): Promise<void> {
    if (version > 0) {
      const backup = await backupPath(this.#disk, this.#path, clock());
      await this.#writeSnapshotTo(`${backup}.tmp`, this.#committer.seq);
      await publish(this.#disk, `${backup}.tmp`, backup);
      this.#log.info('kept a copy before changing the schema', { backup });
    }
    for (const migration of pending) {
      await this.write((tx) => runMigration(tx, migration));
      // A new file has every step before it: only a change of an existing one is worth a line.
      this.#log[version > 0 ? 'info' : 'debug']('schema changed', {
        version: migration.version,
        name: migration.name,
      });
    }
  }

  /** Lets go of files and memory without changing anything more. */
  async #abandon(): Promise<void> {
    this.#closing = Promise.resolve();
    await this.#compactor.end();
    await this.#committer.idle();
    await this.#journal.close(false);
    this.#engine.close();
  }

  async #close(): Promise<void> {
    // What was asked for before `close` is still done.
    await this.#committer.idle();
    await this.#compactor.end();
    await this.#committer.idle();
    let whole = false;
    try {
      if (this.#committer.broken === undefined) {
        this.#fence();
        whole = await this.#writeSnapshot();
      }
    } catch (error) {
      this.#log.warn('no snapshot at the end; the journal stays and is read at the next start', {
        file: this.#path,
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

  /** Whether the snapshot now holds everything. */
  async #writeSnapshot(): Promise<boolean> {
    const { seq } = this.#committer;
    const { snapshot } = this.#compactor;
    if (seq > snapshot.seq && snapshot.bytes > this.#lastSnapshotBytes) return false;
    if (seq > snapshot.seq) await this.#putSnapshot(seq, undefined);
    // The snapshot stands alone now, even when the journal cannot be removed.
    else if (this.#named) await nameSuccessor(this.#disk, this.#path, undefined);
    return true;
  }

  #writeSnapshotTo(path: string, seq: number): Promise<number> {
    return writeSnapshot(this.#disk, path, this.#engine, { seq, epoch: this.#journal.epoch });
  }

  async #putSnapshot(seq: number, successor: Successor | undefined): Promise<void> {
    const temporary = temporaryPath(this.#path, this.#journal.epoch);
    await this.#writeSnapshotTo(temporary, seq);
    if (successor !== undefined) await nameSuccessor(this.#disk, temporary, successor);
    this.#fence();
    await publish(this.#disk, temporary, this.#path);
    this.#hasSnapshot = true;
  }
}
