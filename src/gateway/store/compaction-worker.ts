/** Entry of the compaction thread: one task, one answer (the new snapshot's size, or what went wrong). */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../errors.ts';
import { type FoldTask, foldSnapshot } from './compaction.ts';
import { nodeDisk } from './disk.ts';

function isFoldTask(value: unknown): value is FoldTask {
  return (
    typeof value === 'object' &&
    value !== null &&
    'path' in value &&
    typeof value.path === 'string' &&
    'target' in value &&
    typeof value.target === 'number' &&
    'temporary' in value &&
    typeof value.temporary === 'string'
  );
}

async function work(): Promise<number | string> {
  if (!isFoldTask(workerData)) return 'the compaction thread got no task';
  try {
    return await foldSnapshot(nodeDisk, workerData);
  } catch (error) {
    return messageOf(error);
  }
}

parentPort?.postMessage(await work());
