import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { temporaryFolder } from './folder.ts';

/** The schema of the older gateway's security file. */
export const LEGACY_SECURITY = `
  CREATE TABLE allowlist (
    id INTEGER PRIMARY KEY AUTOINCREMENT, platform TEXT NOT NULL, user_id TEXT NOT NULL, added_at INTEGER NOT NULL, note TEXT
  );
  CREATE UNIQUE INDEX idx_allowlist ON allowlist(platform, user_id);
  CREATE TABLE pairing_codes (
    code TEXT PRIMARY KEY, platform TEXT NOT NULL, user_id TEXT NOT NULL,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0
  );
  CREATE INDEX idx_pairing_expires ON pairing_codes(expires_at);
  CREATE TABLE rate_limits (identifier TEXT PRIMARY KEY, count INTEGER NOT NULL DEFAULT 1, window_start INTEGER NOT NULL);
`;

/**
 * What a program that died leaves of its database: the files as they are while it is still open.
 * `work` gets the open database, in WAL mode without automatic checkpoints.
 */
export function filesOfDeadProgram(name: string, work: (db: DatabaseSync) => void, pageSize = 4096): string {
  const alive = join(temporaryFolder(), name);
  const db = new DatabaseSync(alive);
  db.exec(`PRAGMA page_size=${pageSize}; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0`);
  work(db);
  const folder = temporaryFolder();
  for (const suffix of ['', '-wal', '-shm'])
    if (existsSync(alive + suffix)) copyFileSync(alive + suffix, join(folder, name + suffix));
  db.close();
  return join(folder, name);
}
