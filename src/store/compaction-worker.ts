/** Entry of the compaction thread: one task, one answer (the new snapshot's size, or what went wrong). */
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../base/errors.ts';
import { type FoldTask, foldSnapshot, type VacuumTask, vacuumInto } from './compactor.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { PagedFile } from './paged-file.ts';

function isFoldTask(value: unknown): value is FoldTask {
  return (
    typeof value === 'object' &&
    value !== null &&
    'path' in value &&
    typeof value.path === 'string' &&
    'target' in value &&
    typeof value.target === 'number' &&
    'epoch' in value &&
    typeof value.epoch === 'number' &&
    'temporary' in value &&
    typeof value.temporary === 'string'
  );
}

function isVacuumTask(value: unknown): value is VacuumTask {
  return (
    typeof value === 'object' &&
    value !== null &&
    'from' in value &&
    typeof value.from === 'string' &&
    'to' in value &&
    typeof value.to === 'string'
  );
}

/** A second copy of the whole database in memory, only to fold into it, is more than the gateway itself needs. */
const PAGED_FROM_BYTES = 1024 * 1024;
const paging: Disk = {
  ...nodeDisk,
  paged(path, whole) {
    if (whole !== undefined || process.platform === 'win32') return undefined;
    return PagedFile.open(path, PAGED_FROM_BYTES);
  },
};

/** Where both want the same core the main thread goes first. Linux can say that of a single thread. */
function stepBack(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(thread, 10);
  } catch {
    // Elsewhere the scheduler shares as it sees fit.
  }
}

async function work(): Promise<number | string> {
  try {
    if (isVacuumTask(workerData)) return await vacuumInto(workerData);
    if (!isFoldTask(workerData)) return 'the compaction thread got no task';
    return await foldSnapshot(paging, workerData);
  } catch (error) {
    return messageOf(error);
  }
}

stepBack();
parentPort?.postMessage(await work());
