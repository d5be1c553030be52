import type { TaskRecord } from './task-record.ts';

const STUCK = { queuedMs: 10 * 60_000, runningMs: 30 * 60_000 } as const;

export interface StuckWork {
  readonly code: 'queued_long' | 'running_long';
  readonly reason: string;
}

/** Work that an operator should look at: what is waiting for more than ten minutes or runs for more than thirty. */
export function stuckWork(
  task: Pick<TaskRecord, 'status' | 'createdAt' | 'startedAt'>,
  now: number,
): StuckWork | undefined {
  if (task.status === 'queued' && now - task.createdAt > STUCK.queuedMs)
    return { code: 'queued_long', reason: 'it has waited for more than ten minutes' };
  if (task.status === 'running' && now - (task.startedAt ?? now) > STUCK.runningMs)
    return { code: 'running_long', reason: 'it has run for more than thirty minutes' };
  return undefined;
}
