import type { Migration } from '../../store/database.ts';

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
