import { isBuiltin } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Disk } from './disk.ts';
import { loadStore } from './load.ts';
import type { FrozenPages } from './paged-file.ts';
import { writePages, writeSnapshot } from './snapshot.ts';

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

export interface Fold {
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
export function canVacuumFiles(): boolean {
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
