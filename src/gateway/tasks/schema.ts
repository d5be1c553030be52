import type { Migration } from '../store/database.ts';

/** `gateway-background-tasks.db`. Execution and delivery are two facts: `status`, and `delivered_at`. */
export const TASK_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'first schema',
    statements: [
      `CREATE TABLE tasks (id TEXT PRIMARY KEY, parent_session_id TEXT, chat TEXT, prompt_id TEXT, command TEXT NOT NULL,
         status TEXT NOT NULL, progress INTEGER NOT NULL, progress_message TEXT, result TEXT, error TEXT,
         created_at INTEGER NOT NULL, started_at INTEGER, completed_at INTEGER, delivered_at INTEGER)`,
      'CREATE INDEX tasks_created ON tasks (created_at)',
    ],
  },
  {
    version: 2,
    name: 'who asked for a task',
    statements: ['ALTER TABLE tasks ADD COLUMN sender_id TEXT'],
  },
];
