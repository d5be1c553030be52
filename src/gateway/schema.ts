/** The tables of the three stores, as lists of migrations. */
import type { Migration } from '../store/database.ts';
import { MSG_INDEX } from './sessions/said.ts';
import { SPEND_SESSION, SPEND_TABLES } from './spending/spend-rows.ts';

/** `gateway-security.db`: allowlist, block list, pairing requests, audit, questions of agents. Codes are stored as salted hashes only. */
export const SECURITY_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'first schema',
    statements: [
      `CREATE TABLE allowlist (platform TEXT NOT NULL, user_id TEXT NOT NULL, name TEXT NOT NULL, note TEXT,
         origin TEXT NOT NULL, added_at INTEGER NOT NULL, PRIMARY KEY (platform, user_id))`,
      `CREATE TABLE aliases (platform TEXT NOT NULL, alias TEXT NOT NULL, user_id TEXT NOT NULL,
         PRIMARY KEY (platform, alias))`,
      `CREATE TABLE blocked (platform TEXT NOT NULL, user_id TEXT NOT NULL, at INTEGER NOT NULL,
         PRIMARY KEY (platform, user_id))`,
      `CREATE TABLE pairing (id TEXT PRIMARY KEY, platform TEXT NOT NULL, account_id TEXT NOT NULL,
         sender_id TEXT NOT NULL, aliases TEXT NOT NULL, sender_name TEXT NOT NULL, chat TEXT NOT NULL,
         salt TEXT NOT NULL, hash TEXT NOT NULL, first_words TEXT NOT NULL, held_id TEXT NOT NULL,
         created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, reminded_at INTEGER, state TEXT NOT NULL,
         closed_at INTEGER)`,
      'CREATE INDEX pairing_state ON pairing (state, platform, sender_id)',
      `CREATE TABLE code_lock (platform TEXT PRIMARY KEY, failures INTEGER NOT NULL, locked_until INTEGER NOT NULL)`,
      `CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL,
         surface TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL)`,
    ],
  },
  {
    version: 2,
    name: 'questions of agents',
    statements: [
      `CREATE TABLE dialogs (id TEXT PRIMARY KEY, number INTEGER NOT NULL, session_id TEXT NOT NULL, chat TEXT,
         requester_id TEXT, kind TEXT NOT NULL, title TEXT NOT NULL, created_at INTEGER NOT NULL,
         state TEXT NOT NULL, closed_at INTEGER)`,
    ],
  },
  {
    version: 3,
    name: 'ids of one blocked person belong together',
    statements: ["ALTER TABLE blocked ADD COLUMN person TEXT NOT NULL DEFAULT ''"],
  },
  {
    version: 4,
    name: 'pairing requests without a code, and codes made by the operator',
    // A request without a code has an empty hash.
    statements: ["ALTER TABLE pairing ADD COLUMN kind TEXT NOT NULL DEFAULT 'asked'"],
  },
  {
    version: 5,
    name: 'lines of the audit log are chained',
    // Lines without a hash are chained when the gateway starts, or with the next line.
    statements: [
      'ALTER TABLE audit ADD COLUMN salt TEXT',
      'ALTER TABLE audit ADD COLUMN digest TEXT',
      'ALTER TABLE audit ADD COLUMN hash TEXT',
      'CREATE TABLE audit_head (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL)',
    ],
  },
  {
    version: 6,
    name: 'erasures of people that have begun',
    statements: [
      'CREATE TABLE erasures (id TEXT PRIMARY KEY, at INTEGER NOT NULL, state TEXT NOT NULL, holdings TEXT NOT NULL)',
    ],
  },
];

/** `gateway-sessions.db`: sessions, inbox and outbox live together, so that one step of a message is one commit. */
export const SESSION_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'first schema',
    statements: [
      'CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)',
      `CREATE TABLE sessions (id TEXT PRIMARY KEY, key TEXT NOT NULL, chat TEXT NOT NULL, chat_kind TEXT NOT NULL,
         chat_name TEXT, sender_id TEXT NOT NULL, sender_name TEXT NOT NULL, title TEXT NOT NULL,
         created_at INTEGER NOT NULL, last_user_at INTEGER NOT NULL, ended_at INTEGER, end_reason TEXT,
         session_file TEXT, model TEXT, thinking TEXT, paused INTEGER NOT NULL DEFAULT 0,
         turns INTEGER NOT NULL DEFAULT 0)`,
      'CREATE INDEX sessions_key ON sessions (key, ended_at)',
      'CREATE TABLE seen (key TEXT PRIMARY KEY, at INTEGER NOT NULL)',
      'CREATE INDEX seen_at ON seen (at)',
      `CREATE TABLE inbox (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, session_id TEXT, state TEXT NOT NULL,
         message TEXT NOT NULL, accepted_at INTEGER NOT NULL)`,
      "CREATE INDEX inbox_open ON inbox (seq) WHERE state <> 'done'",
      'CREATE INDEX inbox_at ON inbox (accepted_at)',
      `CREATE TABLE outbox (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, chat TEXT NOT NULL, meta TEXT NOT NULL,
         parts TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0,
         receipts TEXT NOT NULL DEFAULT '[]', reply_to TEXT, draft_id TEXT, error TEXT, created_at INTEGER NOT NULL,
         settled_at INTEGER)`,
      "CREATE INDEX outbox_open ON outbox (seq) WHERE state IN ('pending', 'sending')",
      'CREATE INDEX outbox_settled ON outbox (settled_at)',
    ],
  },
  {
    version: 2,
    name: 'dead chats are remembered',
    statements: ['CREATE TABLE dead_chats (key TEXT PRIMARY KEY, at INTEGER NOT NULL)'],
  },
  {
    version: 3,
    name: 'sessions know their directory and host; usage is counted',
    statements: [
      'ALTER TABLE sessions ADD COLUMN cwd TEXT',
      'ALTER TABLE sessions ADD COLUMN host TEXT',
      // One row for a day, sender and session; the sender is empty for tasks that the operator started.
      `CREATE TABLE usage (day TEXT NOT NULL, platform TEXT NOT NULL, sender_id TEXT NOT NULL,
         session_id TEXT NOT NULL, sender_name TEXT NOT NULL, answers INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
         output_tokens INTEGER NOT NULL, cost_usd REAL NOT NULL,
         PRIMARY KEY (day, platform, sender_id, session_id)) WITHOUT ROWID`,
    ],
  },
  {
    version: 4,
    name: 'what cannot be delivered and what has ended is found at once',
    statements: [
      "CREATE INDEX outbox_stuck ON outbox (seq) WHERE state IN ('failed', 'abandoned')",
      'CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL',
    ],
  },
  {
    version: 5,
    name: 'prompts of clients know their outcome',
    statements: [
      'CREATE TABLE prompts (key TEXT PRIMARY KEY, hash TEXT NOT NULL, outcome TEXT, at INTEGER NOT NULL) WITHOUT ROWID',
      'CREATE INDEX prompts_at ON prompts (at)',
    ],
  },
  {
    version: 6,
    name: 'messages of sessions are kept, to be read and searched',
    statements: [
      // `grams`: pairs of characters of scripts without blanks. `ref`: the inbox row of a person's message.
      `CREATE TABLE msg (seq INTEGER PRIMARY KEY, session_id TEXT NOT NULL, at INTEGER NOT NULL, role TEXT NOT NULL,
         name TEXT, text TEXT NOT NULL, grams TEXT, ref TEXT, mark TEXT)`,
      'CREATE INDEX msg_session ON msg (session_id, at)',
      'CREATE INDEX msg_open ON msg (ref) WHERE ref IS NOT NULL AND mark IS NULL',
      MSG_INDEX,
    ],
  },
  {
    version: 7,
    name: 'the search index is read from the newest message on',
    // Filled again in portions, as after a loss.
    statements: ['DROP TABLE msg_index', MSG_INDEX, "DELETE FROM facts WHERE name = 'msg_indexed'"],
  },
  {
    version: 8,
    name: 'sessions are listed in pages',
    statements: [
      'CREATE INDEX sessions_created ON sessions (created_at DESC, id)',
      'CREATE INDEX sessions_open ON sessions (last_user_at, id) WHERE ended_at IS NULL',
      'CREATE INDEX sessions_paused ON sessions (id) WHERE paused = 1',
    ],
  },
  {
    version: 9,
    name: 'notices to owners, and their recipients',
    statements: [
      `CREATE TABLE notices (key TEXT PRIMARY KEY, kind TEXT NOT NULL, at INTEGER NOT NULL, notice TEXT NOT NULL,
         short TEXT, platform TEXT, person TEXT, ended TEXT) WITHOUT ROWID`,
      `CREATE TABLE notice_sends (key TEXT NOT NULL, target TEXT NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL,
         at INTEGER NOT NULL, next_at INTEGER NOT NULL, PRIMARY KEY (key, target)) WITHOUT ROWID`,
      'CREATE INDEX notices_at ON notices (at)',
      'CREATE INDEX notice_sends_state ON notice_sends (state)',
    ],
  },
  {
    version: 10,
    name: 'what is spent under limits, and calls that are not settled',
    statements: [...SPEND_TABLES],
  },
  {
    version: 11,
    name: 'turns keep a journal, to be continued after a crash',
    statements: [
      // `turn`: the inbox row of its message, or a task.
      `CREATE TABLE turn_journal (seq INTEGER PRIMARY KEY, turn TEXT NOT NULL, at INTEGER NOT NULL,
         kind TEXT NOT NULL, data TEXT NOT NULL)`,
      'CREATE INDEX turn_journal_turn ON turn_journal (turn)',
    ],
  },
  {
    version: 12,
    name: 'lines of transcripts know who wrote them',
    statements: [
      'ALTER TABLE msg ADD COLUMN sender TEXT',
      'CREATE INDEX msg_sender ON msg (sender) WHERE sender IS NOT NULL',
    ],
  },
  {
    version: 13,
    name: 'calls of a model know their session',
    statements: [SPEND_SESSION],
  },
  {
    version: 14,
    name: 'languages of people',
    statements: [
      // `code`: what the platform says; `chosen`: what they have chosen; `chat_id`: their direct message.
      `CREATE TABLE languages (platform TEXT NOT NULL, person_id TEXT NOT NULL, chat_id TEXT, code TEXT, chosen TEXT,
         PRIMARY KEY (platform, person_id)) WITHOUT ROWID`,
    ],
  },
];

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
