import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { type Clock, systemClock } from '../base/async.ts';
import { type GatewayError, messageOf, systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { Committer } from './committer.ts';
import { Compactor, type SnapshotState } from './compactor.ts';
import { type Disk, nodeDisk, storageFailure } from './disk.ts';
import type { Engine } from './engine.ts';
import { cutOff, Journal, segmentPath } from './journal.ts';
import { type Loaded, loadStore } from './load.ts';
import { adoptLegacy, backupPath, copiesOf, type Legacy, type Migration } from './migrations.ts';
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
import type { Tx } from './transaction.ts';

export interface DatabaseOptions {
  /** The snapshot's path, ending in `.db`; the journal lies next to it. */
  readonly path: string;
  readonly migrations: readonly Migration[];
  readonly log: Logger;
  /** Fold the journal into a new snapshot when it is larger than this and than the snapshot; default 4 MiB. */
  readonly compactAfterBytes?: number;
  /** With a snapshot larger than this, a clean stop leaves the journal unchanged; default 64 MiB. */
  readonly lastSnapshotBytes?: number;
  /** A database from this size on is cleaned on the disk instead of in memory; default 64 MiB. */
  readonly purgeOnDiskFrom?: number;
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
  /** Kept elsewhere than in files; the directory of `path` then holds no more than what can be discarded. */
  readonly remote?: { open(options: DatabaseOptions): Promise<Backing> };
}

/** What keeps the journal short. */
export interface Folding {
  readonly running: boolean;
  readonly count: number;
  /** What the newest snapshot holds. */
  readonly snapshot: SnapshotState;
  /** Starts a compaction when the journal has grown beyond its limit. */
  consider(): void;
  /** Folds the journal into a new snapshot. Joins a compaction that is in progress. */
  compact(): Promise<void>;
  /** See `Database.copyTo`; absent where the engine is in memory as a whole. */
  copy?(target: string, moment: () => Promise<void>): Promise<void>;
  /** Starts nothing more, and waits for what runs. */
  end(): Promise<void>;
}

/**
 * Where a database is kept: snapshot and journal as files, or the same as rows in PostgreSQL. The database in memory,
 * its transactions and its group commit are the same for both.
 */
export interface Backing {
  readonly engine: Engine;
  readonly committer: Committer;
  readonly folding: Folding;
  /** Bytes that a start would have to read next to the snapshot, and in how many pieces they lie. */
  readonly journal: { readonly bytes: number; readonly segments: number };
  /** Why nothing can be stored at present, whether or not someone has tried. */
  readonly refusal: GatewayError | undefined;
  /** Everything could be read: from here on something is written. */
  start(): Promise<void>;
  /** Keeps a copy from before a change of the schema; its name, or undefined where none is kept. */
  keepCopy(now: number): Promise<string | undefined>;
  /** The schema is up to date. */
  started(migrated: boolean): void;
  /** Whether something can be stored again. */
  probe(): Promise<boolean>;
  /** See `Database.purge`. */
  purge(): Promise<void>;
  /** Paths of the copies that `keepCopy` and an import have made. */
  copies(): Promise<string[]>;
  /** Nothing waits anymore: leaves everything so that the next start is quick. Never rejects. */
  finish(): Promise<void>;
  /** Lets go without changing anything more. */
  abandon(): Promise<void>;
}

const COMPACT_AFTER_BYTES = 4 * 1024 * 1024;
/** A stop has seconds: a database larger than this keeps its journal, and the next start reads both. */
const LAST_SNAPSHOT_BYTES = 64 * 1024 * 1024;
/** Cleaning a database holds up the main thread, and sql.js needs up to three times its size in memory. */
const PURGE_ON_DISK_BYTES = 64 * 1024 * 1024;
/** About what one message with its answer needs. */
const PROBE_BYTES = 64 * 1024;

/** A snapshot and its journal as files next to each other. The directory's lock keeps other processes out. */
export class FileBacking implements Backing {
  readonly engine: Engine;
  readonly committer: Committer;
  readonly folding: Compactor;
  readonly journal: Journal;
  /** A disk that is full is noticed by trying. */
  readonly refusal = undefined;
  readonly #path: string;
  readonly #disk: Disk;
  readonly #log: Logger;
  readonly #fence: () => void;
  readonly #lastSnapshotBytes: number;
  readonly #loaded: Loaded;
  #hasSnapshot: boolean;
  /** The snapshot names a segment of the journal. */
  #named: boolean;

  private constructor(options: DatabaseOptions, disk: Disk, loaded: Loaded) {
    const { path, log, fence = () => {} } = options;
    const { engine, seq, store, closed } = loaded;
    this.#path = path;
    this.#disk = disk;
    this.#log = log;
    this.#loaded = loaded;
    this.#fence = fence;
    this.#hasSnapshot = loaded.snapshotBytes > 0;
    this.#named = loaded.successor !== undefined;
    this.#lastSnapshotBytes = options.lastSnapshotBytes ?? LAST_SNAPSHOT_BYTES;
    this.engine = engine;
    this.journal = new Journal({
      disk,
      path,
      store,
      epoch: loaded.nextEpoch,
      closed: loaded.open === undefined ? closed : [...closed, { ...loaded.open, size: loaded.open.end }],
      begun: (segment) => this.#nameSuccessor(segment, store),
    });
    this.committer = new Committer({
      engine,
      journal: this.journal,
      log,
      path,
      seq,
      replayedInMs: loaded.tookMs,
      onBatch: () => this.folding.consider(),
      diskBusy: () => this.folding.running,
      fence,
      failureOf: (error) => storageFailure(error, path),
    });
    this.folding = new Compactor({
      disk,
      path,
      log,
      committer: this.committer,
      journal: this.journal,
      engine,
      afterBytes: options.compactAfterBytes ?? COMPACT_AFTER_BYTES,
      purgeOnDiskFrom: options.purgeOnDiskFrom ?? PURGE_ON_DISK_BYTES,
      snapshot: { seq: loaded.snapshotSeq, bytes: loaded.snapshotBytes },
      fence,
    });
  }

  /** Reads everything; changes no file, unless there is something of an older gateway to take over. */
  static async open(options: DatabaseOptions): Promise<FileBacking> {
    const { path, disk = nodeDisk, clock = systemClock } = options;
    const newStore = randomBytes(8).toString('hex');
    if (options.adopt !== undefined)
      await adoptLegacy({ ...options, disk, path, clock, newStore, adopt: options.adopt });
    const loaded = await loadStore({
      disk,
      path,
      newStore,
      ...(options.acceptLostChanges ? { acceptLostChanges: true } : {}),
    });
    return new FileBacking(options, disk, loaded);
  }

  async start(): Promise<void> {
    await this.#disk.protectFolder(dirname(this.#path));
    await this.journal.reserve(this.#loaded.seq + 1);
    this.#fence();
    await this.#tidy(this.#loaded);
  }

  async keepCopy(now: number): Promise<string> {
    const backup = await backupPath(this.#disk, this.#path, now);
    await this.committer.betweenBatches(() => this.#writeSnapshotTo(`${backup}.tmp`, this.committer.seq));
    await publish(this.#disk, `${backup}.tmp`, backup);
    return backup;
  }

  started(migrated: boolean): void {
    // Repeating a change of schema, or looking through what another program wrote, takes seconds on a big store: no later
    // start should have to.
    if ((migrated || this.#loaded.byOthers) && this.#loaded.snapshotBytes > this.#lastSnapshotBytes)
      this.folding.compact(true).catch(() => {}); // logged where it happened
  }

  async probe(): Promise<boolean> {
    const path = temporaryPath(this.#path, `${this.journal.epoch}.probe`);
    try {
      await writeTemporary(this.#disk, path, new Uint8Array(PROBE_BYTES));
      return true;
    } catch {
      return false;
    } finally {
      await this.#disk.remove(path).catch(() => {});
    }
  }

  async purge(): Promise<void> {
    await this.folding.purge();
    this.#hasSnapshot = true;
    for (const copy of await this.copies()) await this.#disk.remove(copy);
  }

  copies(): Promise<string[]> {
    return copiesOf(this.#disk, this.#path);
  }

  async abandon(): Promise<void> {
    await this.journal.close(false);
  }

  /** When the disk refuses, or when the database is so big that this would take seconds, the journal stays. */
  async finish(): Promise<void> {
    let whole = false;
    try {
      if (this.committer.broken === undefined) {
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
      await this.journal.close(whole);
    } catch (error) {
      this.#log.warn('the journal could not be removed; the next start does it', { error: messageOf(error) });
    }
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
    // A write-ahead log next to a snapshot of ours is of the database that was here before.
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

  /** A journal that someone takes away from now on is missed at the next start. */
  async #nameSuccessor(segment: Successor, store: string): Promise<void> {
    if (!this.#hasSnapshot) {
      // A new store: its journal begins at nothing, and that is what its snapshot says.
      const temporary = temporaryPath(this.#path, this.journal.epoch);
      await writeEmpty(this.#disk, temporary, store, this.journal.epoch);
      this.#fence();
      await publish(this.#disk, temporary, this.#path);
      this.#hasSnapshot = true;
    }
    this.#named = true;
    this.#fence();
    try {
      await nameSuccessor(this.#disk, this.#path, segment);
    } catch (error) {
      // Someone took the snapshot away: the journal alone is not enough for a start, but it is what there is.
      if (systemCode(error) !== 'ENOENT') throw error;
    }
  }

  /** Whether the snapshot now holds everything. */
  async #writeSnapshot(): Promise<boolean> {
    const { seq } = this.committer;
    const { snapshot } = this.folding;
    if (seq > snapshot.seq && snapshot.bytes > this.#lastSnapshotBytes) return false;
    if (seq > snapshot.seq) await this.#putSnapshot(seq, undefined);
    // The snapshot stands alone now, even when the journal cannot be removed.
    else if (this.#named) await nameSuccessor(this.#disk, this.#path, undefined);
    return true;
  }

  #writeSnapshotTo(path: string, seq: number): Promise<number> {
    return writeSnapshot(this.#disk, path, this.engine, { seq, epoch: this.journal.epoch });
  }

  async #putSnapshot(seq: number, successor: Successor | undefined): Promise<void> {
    const temporary = temporaryPath(this.#path, this.journal.epoch);
    await this.#writeSnapshotTo(temporary, seq);
    if (successor !== undefined) await nameSuccessor(this.#disk, temporary, successor);
    this.#fence();
    await publish(this.#disk, temporary, this.#path);
    this.#hasSnapshot = true;
  }
}
