import { messageOf } from '../../base/errors.ts';
import { ownText } from '../../base/text.ts';
import type { Core } from '../core.ts';
import type { TaskStep } from '../model.ts';
import type { TaskRecord } from './task-record.ts';
import { STEPS_KEPT, storeProgress, storeSteps } from './task-rows.ts';

/** Progress is stored and shown at most this often, however fast it comes. */
const PROGRESS_MS = 100;
const STEP_LENGTH = 300;

interface Pending {
  readonly task: TaskRecord;
  readonly steps: TaskStep[];
}

/**
 * How far the running tasks are. What comes within a tenth of a second is one write to the store and one event a task:
 * ten thousand reports a second cost no more than ten.
 */
export class TaskProgress {
  readonly #core: Pick<Core, 'db' | 'clock' | 'log'>;
  readonly #show: (task: TaskRecord) => void;
  readonly #pending = new Map<string, Pending>();
  /** How many steps each running task has had. */
  readonly #counts = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #flushedAt = Number.NEGATIVE_INFINITY;

  constructor(core: Pick<Core, 'db' | 'clock' | 'log'>, show: (task: TaskRecord) => void) {
    this.#core = core;
    this.#show = show;
  }

  /** The task's progress has changed; `step` is what it does now, if that is new. */
  note(task: TaskRecord, step: string | undefined): void {
    let pending = this.#pending.get(task.id);
    if (pending === undefined) {
      pending = { task, steps: [] };
      this.#pending.set(task.id, pending);
    }
    const now = this.#core.clock();
    if (step !== undefined && step !== '') {
      pending.steps.push({
        at: now,
        percent: task.progress,
        text: ownText(step.slice(0, STEP_LENGTH).toWellFormed()),
      });
      // Older ones would be removed by the same write.
      if (pending.steps.length > 2 * STEPS_KEPT) this.#forgetOldest(task.id, pending);
    }
    if (this.#timer !== undefined) return;
    const wait = Math.min(PROGRESS_MS, this.#flushedAt + PROGRESS_MS - now);
    if (wait <= 0) this.flush();
    else {
      this.#timer = setTimeout(() => this.flush(), wait);
      this.#timer.unref();
    }
  }

  /** Steps that are not stored yet. */
  pending(id: string): readonly TaskStep[] {
    return this.#pending.get(id)?.steps ?? [];
  }

  /** Stores and shows what has come together. */
  flush(): void {
    const { db, log, clock } = this.#core;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.size === 0) return;
    this.#flushedAt = clock();
    const batch = [...this.#pending.values()].map(({ task, steps }) => {
      const first = this.#counts.get(task.id) ?? 0;
      this.#counts.set(task.id, first + steps.length);
      return { task, steps, first };
    });
    this.#pending.clear();
    db.write((tx) => {
      for (const { task, steps, first } of batch) {
        storeProgress(tx, task);
        if (steps.length > 0) storeSteps(tx, task.id, first, steps);
      }
    }).catch((error: unknown) => log.warn('progress was not stored', { error: messageOf(error) }));
    for (const { task } of batch) if (task.completedAt === undefined) this.#show(task);
  }

  /** The task has ended: what was not shown yet is stored with everything else. */
  end(id: string): void {
    if (this.#pending.has(id)) this.flush();
    this.#counts.delete(id);
  }

  #forgetOldest(id: string, pending: Pending): void {
    const surplus = pending.steps.length - STEPS_KEPT;
    pending.steps.splice(0, surplus);
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + surplus);
  }
}
