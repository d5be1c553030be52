import { isBuiltin } from 'node:module';
import { Worker } from 'node:worker_threads';
import { defined } from '../base/defined.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Committer, StoreCounts } from './committer.ts';
import { closedError, type Disk, nodeDisk } from './disk.ts';
import type { Engine } from './engine.ts';
import type { Journal } from './journal.ts';
import { loadStore, reopen } from './load.ts';
import { closeBase, type FrozenPages } from './paged-file.ts';
import {
  compactionPath,
  nameSuccessor,
  publish,
  stampFile,
  temporaryPath,
  writeBytes,
  writeMetaSnapshot,
  writePages,
  writeSnapshot,
  writeTemporary,
} from './snapshot.ts';

export interface FoldTask {
  readonly path: string;
  /** The last record the new snapshot contains; its segment is closed. */
  readonly target: number;
  readonly epoch: number;
  /** Where the new snapshot is written. Putting it in place is the main thread's: only it knows whether it is still wanted. */
  readonly temporary: string;
  /** The pages as they are after that record; absent where the database is in memory. */
  readonly pages?: FrozenPages;
}

/**
 * Writes the pages, or without them the old snapshot and what the closed segments say, as one new snapshot. Answers its
 * size.
 */
export async function foldSnapshot(disk: Disk, task: FoldTask): Promise<number> {
  if (task.pages !== undefined) return writePages(disk, task.temporary, task.pages);
  const { engine, seq } = await loadStore({
    disk,
    path: task.path,
    before: task.target + 1,
    newStore: '',
    lookedThrough: true,
  });
  try {
    if (seq !== task.target) throw new Error(`the journal ends at ${seq}, not at ${task.target}`);
    return await writeSnapshot(disk, task.temporary, engine, { seq, epoch: task.epoch });
  } finally {
    engine.close();
  }
}

interface Fold {
  /** Size of the new snapshot. */
  readonly done: Promise<number>;
  /** Ends the work; what it has written so far is of no use. */
  cancel(): Promise<void>;
}

/** Everything of the database at `from` but what was deleted, as a new file at `to`, which is there and empty. */
export interface VacuumTask {
  readonly from: string;
  readonly to: string;
}

/** By the SQLite of Node, on the disk: sql.js would need several times the database in its memory, which ends at 2 GiB. */
export async function vacuumInto({ from, to }: VacuumTask): Promise<number> {
  // Node 22 says that its SQLite is an experiment: the reader of a log can do nothing about it.
  process.removeAllListeners('warning');
  const { DatabaseSync } = await import('node:sqlite');
  const db = new DatabaseSync(from, { readOnly: true });
  try {
    db.prepare('VACUUM INTO ?').run(to);
  } finally {
    db.close();
  }
  return 0;
}

/** Whether this runtime can do it. */
function canVacuumFiles(): boolean {
  return isBuiltin('node:sqlite');
}

/** A task on another thread, so that the sockets and the console do not feel it. */
export function foldInWorker(task: FoldTask | VacuumTask): Fold {
  const file = import.meta.url.endsWith('.ts') ? './compaction-worker.ts' : './compaction-worker.js';
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: task,
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  const done = new Promise<number>((resolve, reject) => {
    worker.once('message', (answer: unknown) => {
      if (typeof answer === 'number') resolve(answer);
      else reject(new Error(String(answer)));
    });
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the compaction thread ended with ${code}`)));
  });
  return {
    done,
    async cancel() {
      await worker.terminate();
    },
  };
}

/** How long the end of a run waits for a compaction that is in progress. */
const GRACE_MS = 1_500;
/** A start replays about 20 MB a second, however big the snapshot is. */
const MAX_JOURNAL_BYTES = 32 * 1024 * 1024;
/** Every start begins a segment: so many small ones are folded although they are short. */
const MAX_SEGMENTS = 64;

interface CompactorOptions {
  readonly disk: Disk;
  readonly path: string;
  readonly log: Logger;
  readonly committer: Committer;
  readonly journal: Journal;
  readonly engine: Engine;
  /** Journals smaller than this, or than the snapshot (up to 32 MiB), are left alone. */
  readonly afterBytes: number;
  /** A purge of a database from this size on needs no more memory than a small one: it happens on the disk. */
  readonly purgeOnDiskFrom: number;
  /** What the snapshot on the disk holds. */
  readonly snapshot: SnapshotState;
  /** Throws when another process has taken over: nothing may be put in place or removed anymore. */
  readonly fence: () => void;
}

export interface DatabaseStats extends StoreCounts {
  /** Bytes that a start would have to replay. */
  readonly journalBytes: number;
  readonly segments: number;
  readonly snapshotBytes: number;
  /** The last record that is on the disk. */
  readonly seq: number;
  readonly compactions: number;
  readonly compacting: boolean;
}

export interface SnapshotState {
  /** The last record in it; 0 without a snapshot. */
  readonly seq: number;
  readonly bytes: number;
}

/**
 * Keeps the journal short. The main thread closes a segment and, when another thread has written the new snapshot,
 * puts it in place; everything between is that other thread's.
 */
export class Compactor {
  readonly #options: CompactorOptions;
  #snapshot: SnapshotState;
  #running: Promise<void> | undefined;
  #copying: Promise<void> | undefined;
  #fold: Fold | undefined;
  #ending = false;
  /** Raised after a failure, so that a full disk is not asked again with every batch. */
  #above: number;
  #maxSegments = MAX_SEGMENTS;
  #count = 0;

  constructor(options: CompactorOptions) {
    this.#options = options;
    this.#snapshot = options.snapshot;
    this.#above = options.afterBytes;
  }

  get snapshot(): SnapshotState {
    return this.#snapshot;
  }

  get running(): boolean {
    return this.#running !== undefined || this.#copying !== undefined;
  }

  get count(): number {
    return this.#count;
  }

  /** Starts a compaction when the journal has grown beyond its limit. */
  consider(): void {
    if (this.running || this.#ending) return;
    const { bytes, segments } = this.#options.journal;
    const worthIt = Math.min(this.#snapshot.bytes, MAX_JOURNAL_BYTES);
    if (bytes < Math.max(this.#above, worthIt) && segments < this.#maxSegments) return;
    this.compact().catch(() => {
      // Logged where it happened; the journal goes on growing, and the next try comes later.
    });
  }

  /** Folds the journal into a new snapshot, `anyway` also without a change. Joins a compaction that is in progress. */
  compact(anyway = false): Promise<void> {
    this.#running ??= this.#afterCopy(() => this.#compact(anyway)).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /**
   * Writes everything as it is at `moment` to a file of its own, a snapshot that stands alone, while changes continue. What
   * is copied must stay where it is: no compaction in the meantime.
   */
  async copy(target: string, moment: () => Promise<void>): Promise<void> {
    while (this.running) await Promise.allSettled([this.#running, this.#copying]);
    if (this.#ending) throw closedError(this.#options.path);
    this.#copying = this.#copy(target, moment).finally(() => {
      this.#copying = undefined;
      this.#fold = undefined;
    });
    return this.#copying;
  }

  async #copy(target: string, moment: () => Promise<void>): Promise<void> {
    const { path, journal, disk, committer, engine } = this.#options;
    const { epoch } = journal;
    const { seq, content } = await committer.betweenBatches(async () => {
      await moment();
      const seq = await this.#closeSegment();
      const freezing = engine.freeze(() => writeMetaSnapshot(engine, seq, epoch));
      return { seq, content: disk === nodeDisk ? freezing : (freezing ?? engine.export()) };
    });
    if (content instanceof Uint8Array) return void (await writeBytes(nodeDisk, target, content));
    const task = { path, target: seq, epoch, temporary: target, ...defined({ pages: await content }) };
    this.#fold =
      disk === nodeDisk ? foldInWorker(task) : { done: foldSnapshot(nodeDisk, task), cancel: async () => {} };
    await this.#fold.done;
  }

  async #afterCopy(work: () => Promise<void>): Promise<void> {
    await this.#copying?.catch(() => {}); // its caller hears of it
    return work();
  }

  /**
   * Writes a snapshot in which nothing is left of what was deleted, and removes the journal that still shows it. It is
   * written here, while all changes wait: the memory of the engine is cleaned along with it.
   */
  async purge(): Promise<void> {
    while (this.running) await Promise.allSettled([this.#running, this.#copying]); // logged where it happened
    this.#running = this.#purge().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #purge(): Promise<void> {
    const { path, journal, disk, committer, engine } = this.#options;
    const seq = await committer.betweenBatches(async () => {
      const target = await this.#closeSegment();
      const temporary = temporaryPath(path, journal.epoch);
      const bytes = await this.#writeCleaned(temporary, target);
      await nameSuccessor(disk, temporary, journal.successor);
      this.#options.fence();
      await publish(disk, temporary, path);
      this.#snapshot = { seq: target, bytes };
      await reopen(disk, path, engine);
      return target;
    });
    await journal.removeBefore(seq + 1);
  }

  /** A snapshot without what was deleted. Answers its size. */
  async #writeCleaned(temporary: string, seq: number): Promise<number> {
    const { path, journal, disk, engine, purgeOnDiskFrom } = this.#options;
    const at = { seq, epoch: journal.epoch };
    if (disk !== nodeDisk || engine.size < purgeOnDiskFrom || !canVacuumFiles()) {
      engine.vacuum();
      return writeSnapshot(disk, temporary, engine, at);
    }
    const whole = temporaryPath(path, `${journal.epoch}.purge`);
    try {
      await writeSnapshot(disk, whole, engine, at);
      await writeTemporary(disk, temporary, new Uint8Array()); // for its owner alone from the beginning
      await foldInWorker({ from: whole, to: temporary }).done;
      return await stampFile(disk, temporary);
    } catch (error) {
      await disk.remove(temporary);
      throw error;
    } finally {
      await disk.remove(whole);
    }
  }

  /** Starts nothing more, and waits for what runs; what takes too long is cancelled. */
  async end(): Promise<void> {
    this.#ending = true;
    if (!this.running) return;
    const grace = setTimeout(() => void this.#fold?.cancel(), GRACE_MS);
    try {
      await Promise.all([this.#running, this.#copying]);
    } catch {
      // Logged where it happened; the journal still holds everything.
    } finally {
      clearTimeout(grace);
    }
  }

  async #compact(anyway: boolean): Promise<void> {
    const { path, journal, disk, log, committer, engine } = this.#options;
    try {
      const { epoch } = journal;
      const started = performance.now();
      const { target, freezing } = await committer.betweenBatches(() => this.#mark(anyway));
      if (target <= this.#snapshot.seq && !anyway) return;
      const pages = await freezing;
      const task = {
        path,
        target,
        epoch,
        temporary: compactionPath(path, epoch),
        ...defined({ pages }),
      };
      this.#fold =
        disk === nodeDisk ? foldInWorker(task) : { done: foldSnapshot(disk, task), cancel: async () => {} };
      const bytes = await this.#fold.done;
      await committer.betweenBatches(async () => {
        await nameSuccessor(disk, task.temporary, journal.successor);
        this.#options.fence();
        const base = pages === undefined ? undefined : await disk.base?.(task.temporary);
        try {
          await publish(disk, task.temporary, path);
        } catch (error) {
          if (base !== undefined) closeBase(base);
          throw error;
        }
        this.#snapshot = { seq: target, bytes };
        if (pages !== undefined && base !== undefined) engine.paged?.standOn(base, pages);
      });
      await journal.removeBefore(target + 1);
      this.#count++;
      this.#above = this.#options.afterBytes;
      this.#maxSegments = MAX_SEGMENTS;
      log.debug('journal folded into the snapshot', { bytes, ms: Math.round(performance.now() - started) });
    } catch (error) {
      this.#above = journal.bytes * 2;
      this.#maxSegments = journal.segments * 2;
      log.warn('the journal could not be merged into the snapshot; it remains unchanged', {
        error: messageOf(error),
      });
      throw error;
    } finally {
      this.#fold = undefined;
    }
  }

  /** Where the new snapshot ends; nothing of a later batch is in what is frozen here. */
  async #mark(anyway: boolean): Promise<{ target: number; freezing: Promise<FrozenPages> | undefined }> {
    const { engine, journal } = this.#options;
    const target = await this.#closeSegment();
    if (target <= this.#snapshot.seq && !anyway) return { target, freezing: undefined };
    return {
      target,
      freezing: engine.freeze(() => writeMetaSnapshot(engine, target, journal.epoch)),
    };
  }

  /** Answers the last record of the closed segment. */
  async #closeSegment(): Promise<number> {
    const { journal, committer } = this.#options;
    if (committer.broken !== undefined) throw committer.broken;
    const { seq } = committer;
    if (journal.hasRecords(seq)) await journal.rotate(seq + 1);
    return seq;
  }
}
