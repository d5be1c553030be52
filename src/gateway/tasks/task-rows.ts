import type { Database, Tx } from '../../store/database.ts';
import { type ProcessIdentity, processIdentityOf } from '../../store/process-identity.ts';
import type { TaskStep } from '../model.ts';
import { type TaskRecord, taskOf } from './task-record.ts';

/** Steps that are kept of one task: the last ones. */
export const STEPS_KEPT = 500;

/** The table of background tasks. */
export class TaskRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  all(): TaskRecord[] {
    return this.#db.all('SELECT * FROM tasks ORDER BY created_at').map(taskOf);
  }

  /** The programs that ran when the gateway ended, by task. */
  processes(): Map<string, ProcessIdentity> {
    const found = new Map<string, ProcessIdentity>();
    for (const row of this.#db.all(
      "SELECT id, process FROM tasks WHERE status = 'running' AND process IS NOT NULL",
    )) {
      const identity = processIdentityOf(String(row['process']));
      if (identity !== undefined) found.set(String(row['id']), identity);
    }
    return found;
  }

  /** Oldest first. */
  steps(id: string): TaskStep[] {
    return this.#db
      .all('SELECT at, percent, text FROM task_steps WHERE task_id = ? ORDER BY seq', [id])
      .map((row) => ({ at: Number(row['at']), percent: Number(row['percent']), text: String(row['text']) }));
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.#db.write((tx) => {
      for (const id of ids) {
        tx.run('DELETE FROM tasks WHERE id = ?', [id]);
        tx.run('DELETE FROM task_steps WHERE task_id = ?', [id]);
      }
    });
  }
}

export function insertTask(tx: Tx, task: TaskRecord): void {
  tx.run(
    `INSERT INTO tasks (id, parent_session_id, chat, sender_id, command, status, progress, created_at, targets,
       schedule_id, quiet_token, retry_of, timeout_ms, argv) VALUES (?,?,?,?,?,?,0,?,?,?,?,?,?,?)`,
    [
      task.id,
      task.parentSessionId,
      task.chat === undefined ? null : JSON.stringify(task.chat),
      task.senderId ?? null,
      task.command,
      task.status,
      task.createdAt,
      task.targets === undefined ? null : JSON.stringify(task.targets),
      task.scheduleId ?? null,
      task.quietToken ?? null,
      task.retryOf ?? null,
      task.timeoutMs,
      task.argv === undefined ? null : JSON.stringify(task.argv),
    ],
  );
}

/** Everything about a task that changes, as it is now. */
export function storeTask(tx: Tx, task: TaskRecord): void {
  tx.run(
    `UPDATE tasks SET status = ?, progress = ?, progress_message = ?, result = ?, error = ?, started_at = ?,
       completed_at = ?, delivered_at = ?, exit_code = ? WHERE id = ?`,
    [
      task.status,
      task.progress,
      task.progressMessage ?? null,
      task.result ?? null,
      task.error ?? null,
      task.startedAt ?? null,
      task.completedAt ?? null,
      task.deliveredAt ?? null,
      task.exitCode ?? null,
      task.id,
    ],
  );
}

/** How far a running task is: the little of it that changes often. */
export function storeProgress(tx: Tx, task: TaskRecord): void {
  tx.run('UPDATE tasks SET progress = ?, progress_message = ? WHERE id = ?', [
    task.progress,
    task.progressMessage ?? null,
    task.id,
  ]);
}

/** `first` is the number of the first of these steps within its task. */
export function storeSteps(tx: Tx, id: string, first: number, steps: readonly TaskStep[]): void {
  steps.forEach((step, i) => {
    tx.run('INSERT OR REPLACE INTO task_steps (task_id, seq, at, percent, text) VALUES (?,?,?,?,?)', [
      id,
      first + i,
      step.at,
      step.percent,
      step.text,
    ]);
  });
  const old = first + steps.length - STEPS_KEPT;
  if (old > 0) tx.run('DELETE FROM task_steps WHERE task_id = ? AND seq < ?', [id, old]);
}

export function storeProcess(tx: Tx, id: string, identity: ProcessIdentity): void {
  tx.run('UPDATE tasks SET process = ? WHERE id = ?', [JSON.stringify(identity), id]);
}
