import type { Migration } from '../../store/database.ts';

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
  {
    version: 3,
    name: 'where results go, retries, time limits, programs and steps',
    statements: [
      'ALTER TABLE tasks ADD COLUMN targets TEXT',
      'ALTER TABLE tasks ADD COLUMN schedule_id TEXT',
      'ALTER TABLE tasks ADD COLUMN quiet_token TEXT',
      'ALTER TABLE tasks ADD COLUMN retry_of TEXT',
      'ALTER TABLE tasks ADD COLUMN timeout_ms INTEGER',
      'ALTER TABLE tasks ADD COLUMN argv TEXT',
      'ALTER TABLE tasks ADD COLUMN process TEXT',
      'ALTER TABLE tasks ADD COLUMN exit_code INTEGER',
      `CREATE TABLE task_steps (task_id TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
         percent INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (task_id, seq)) WITHOUT ROWID`,
    ],
  },
  {
    version: 4,
    name: 'schedules',
    statements: [
      `CREATE TABLE schedules (id TEXT PRIMARY KEY, source TEXT NOT NULL, chat TEXT, chat_kind TEXT, sender_id TEXT,
         sender_name TEXT, words TEXT, spec TEXT NOT NULL, zone TEXT NOT NULL, prompt TEXT NOT NULL, targets TEXT NOT NULL,
         quiet_token TEXT NOT NULL, overlap TEXT NOT NULL, missed_ms INTEGER NOT NULL, created_at INTEGER NOT NULL,
         paused TEXT, ended_at INTEGER, last_due INTEGER, last_run_at INTEGER, last_task_id TEXT, next_run_at INTEGER)`,
    ],
  },
];
