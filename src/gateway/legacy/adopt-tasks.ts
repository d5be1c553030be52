import type { Legacy, Row, Tx } from '../../store/database.ts';
import type { TaskStatus } from '../model.ts';
import { keepRows, textOf, timeOf } from './keep.ts';

/**
 * `background_tasks` of @0xkobold/pi-gateway. Their chats are not known anymore, so nothing is delivered on its own; a
 * task that ran when it ended is `lost`.
 */
export function adoptTasks(now: number): (tx: Tx, legacy: Legacy) => void {
  return (tx, legacy) => {
    keepRows(tx, legacy);
    for (const row of legacy.tables.get('background_tasks') ?? []) adoptTask(tx, row, now);
  };
}

function adoptTask(tx: Tx, row: Row, now: number): void {
  const id = textOf(row, 'id');
  if (id === undefined) return;
  const status = statusOf(row);
  const createdAt = timeOf(row, 'created_at', now);
  const completedAt = timeOf(row, 'completed_at', now);
  const progress =
    typeof row['progress'] === 'number' ? Math.max(0, Math.min(100, Math.round(row['progress']))) : 0;
  tx.run(
    `INSERT OR IGNORE INTO tasks (id, parent_session_id, chat, command, status, progress, progress_message, result,
       error, created_at, started_at, completed_at, delivered_at) VALUES (?,?,NULL,?,?,?,?,?,?,?,?,?,?)`,
    [
      id,
      textOf(row, 'parent_session_id') ?? null,
      textOf(row, 'command') ?? '',
      status,
      progress,
      textOf(row, 'progress_message') ?? null,
      textOf(row, 'result') ?? null,
      status === 'lost' ? '@0xkobold/pi-gateway ended while the task ran.' : (textOf(row, 'error') ?? null),
      createdAt,
      timeOf(row, 'started_at', createdAt),
      completedAt,
      timeOf(row, 'delivered_at', completedAt),
    ],
  );
}

function statusOf(row: Row): TaskStatus {
  switch (textOf(row, 'status')) {
    case 'completed':
    case 'delivered':
      return 'succeeded';
    case 'timeout':
      return 'timed_out';
    case 'failed':
      return textOf(row, 'error') === 'Cancelled by user' ? 'cancelled' : 'failed';
    default:
      return 'lost';
  }
}
