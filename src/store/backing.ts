import type { Clock } from '../base/async.ts';
import type { GatewayError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Legacy } from './adopt.ts';
import type { Committer } from './committer.ts';
import type { SnapshotState } from './compactor.ts';
import type { Disk } from './disk.ts';
import type { Engine } from './engine.ts';
import type { Migration } from './migrations.ts';
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
