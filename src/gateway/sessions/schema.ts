import type { Migration } from '../../store/database.ts';
import { SPEND_SESSION, SPEND_TABLES } from '../spending/spend-rows.ts';
import { MSG_INDEX } from './said.ts';

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
