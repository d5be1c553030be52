import type { Database, Tx } from '../store/database.ts';
import { type TaskRecord, taskOf } from './task-record.ts';

/** The table of background tasks. */
export class TaskRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  all(): TaskRecord[] {
    return this.#db.all('SELECT * FROM tasks ORDER BY created_at').map(taskOf);
  }

  async insert(task: TaskRecord): Promise<void> {
    await this.#db.write((tx) =>
      tx.run(
        `INSERT INTO tasks (id, parent_session_id, chat, sender_id, command, status, progress, created_at)
         VALUES (?,?,?,?,?,?,0,?)`,
        [
          task.id,
          task.parentSessionId,
          task.chat === undefined ? null : JSON.stringify(task.chat),
          task.senderId ?? null,
          task.command,
          task.status,
          task.createdAt,
        ],
      ),
    );
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.#db.write((tx) => {
      for (const id of ids) tx.run('DELETE FROM tasks WHERE id = ?', [id]);
    });
  }
}

/** Everything about a task that changes, as it is now. */
export function storeTask(tx: Tx, task: TaskRecord): void {
  tx.run(
    `UPDATE tasks SET status = ?, progress = ?, progress_message = ?, result = ?, error = ?, started_at = ?,
       completed_at = ?, delivered_at = ? WHERE id = ?`,
    [
      task.status,
      task.progress,
      task.progressMessage ?? null,
      task.result ?? null,
      task.error ?? null,
      task.startedAt ?? null,
      task.completedAt ?? null,
      task.deliveredAt ?? null,
      task.id,
    ],
  );
}
