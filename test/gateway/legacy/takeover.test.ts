import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { composeGateway } from '../../../src/compose.ts';
import { temporaryFolder } from '../../support/gateway-process.ts';

const T = 1_750_000_000_000;

describe('the older gateway’s files', () => {
  let from: ReturnType<typeof temporaryFolder>;
  let to: ReturnType<typeof temporaryFolder>;

  beforeEach(() => {
    from = temporaryFolder();
    to = temporaryFolder();
  });

  afterEach(() => {
    from.remove();
    to.remove();
  });

  /** A database in WAL mode, copied while its rows are still in the write-ahead log only. */
  function leave(name: string, statements: readonly string[]): void {
    const db = new DatabaseSync(join(from.path, name));
    db.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0');
    for (const statement of statements) db.exec(statement);
    for (const file of readdirSync(from.path).filter(
      (each) => each.startsWith(name) && !each.endsWith('-shm'),
    ))
      cpSync(join(from.path, file), join(to.path, file));
    db.close();
  }

  function leaveEverything(): void {
    leave('gateway-sessions.db', [
      `CREATE TABLE sessions (id TEXT PRIMARY KEY, platform TEXT, channel_id TEXT, user_id TEXT, reset_policy TEXT,
         daily_hour INTEGER, idle_minutes INTEGER, last_activity INTEGER, created_at INTEGER, is_background INTEGER,
         parent_session_id TEXT)`,
      `INSERT INTO sessions VALUES ('s-old','telegram','7','7','idle',4,1440,${T},${T},0,NULL)`,
      `INSERT INTO sessions VALUES ('s-new','telegram','7','7','idle',4,1440,${T + 5},${T + 1},0,NULL)`,
      `INSERT INTO sessions VALUES ('s-bg','telegram','7','7','idle',4,1440,${T},${T},1,'s-new')`,
      `INSERT INTO sessions VALUES ('s-odd','matrix','7','7','idle',4,1440,${T},${T},0,NULL)`,
    ]);
    leave('gateway-security.db', [
      'CREATE TABLE allowlist (id INTEGER PRIMARY KEY, platform TEXT, user_id TEXT, added_at INTEGER, note TEXT)',
      `INSERT INTO allowlist VALUES (1,'telegram','7',${T},'me'), (2,'discord','370000000000000001',${T},NULL)`,
      `CREATE TABLE pairing_codes (code TEXT PRIMARY KEY, platform TEXT, user_id TEXT, created_at INTEGER,
         expires_at INTEGER, used INTEGER)`,
      `INSERT INTO pairing_codes VALUES ('ABCDEFGH','telegram','8',${T},${T},1)`,
      'CREATE TABLE rate_limits (identifier TEXT PRIMARY KEY, count INTEGER, window_start INTEGER)',
      `INSERT INTO rate_limits VALUES ('telegram:7',3,${T})`,
    ]);
    leave('gateway-background-tasks.db', [
      `CREATE TABLE background_tasks (id TEXT PRIMARY KEY, session_id TEXT, parent_session_id TEXT, command TEXT,
         status TEXT, progress INTEGER, progress_message TEXT, result TEXT, error TEXT, created_at INTEGER,
         started_at INTEGER, completed_at INTEGER, delivered_at INTEGER)`,
      `INSERT INTO background_tasks VALUES ('bg-1','s-bg','s-new','count','completed',100,NULL,'"42"',NULL,${T},${T},${T},NULL)`,
      `INSERT INTO background_tasks VALUES ('bg-2','s-bg','s-new','dig','running',30,'digging',NULL,NULL,${T},${T},NULL,NULL)`,
      `INSERT INTO background_tasks VALUES ('bg-3','s-bg','s-new','stop','failed',0,NULL,NULL,'Cancelled by user',${T},${T},${T},NULL)`,
    ]);
  }

  it('are taken over with every row, once, after a backup', { timeout: 60_000 }, async () => {
    leaveEverything();
    for (const round of ['first', 'second']) {
      const running = await composeGateway({ dataDir: to.path, offline: true, logLevel: 'error' });
      const { gateway } = running;
      const sessions = gateway.conversations.views();
      expect(sessions.map(({ id, state }) => `${id} ${state}`).sort(), round).toEqual([
        's-new idle',
        's-old ended',
      ]);
      expect(gateway.access.people.list()).toMatchObject([
        { platform: 'telegram', userId: '7', note: 'me', addedAt: T },
        { platform: 'discord', userId: '370000000000000001' },
      ]);
      expect(gateway.access.people.isAllowed('telegram', { id: '8', name: 'used a code' })).toBe(false);
      expect(
        gateway.tasks
          .list()
          .map(({ id, status }) => `${id} ${status}`)
          .sort(),
      ).toEqual(['bg-1 succeeded', 'bg-2 lost', 'bg-3 cancelled']);
      const kept = Object.values(gateway.deps.stores).map((db) =>
        db.all('SELECT source, COUNT(*) AS n FROM legacy_rows GROUP BY source ORDER BY source'),
      );
      expect(kept.flat()).toEqual([
        { source: 'sessions', n: 4 },
        { source: 'allowlist', n: 2 },
        { source: 'pairing_codes', n: 1 },
        { source: 'rate_limits', n: 1 },
        { source: 'background_tasks', n: 3 },
      ]);
      await running.stop(0);
    }
    const backups = readdirSync(to.path).filter((name) => name.includes('.bak-') && !name.endsWith('-wal'));
    expect(backups).toHaveLength(3);
  });
});
