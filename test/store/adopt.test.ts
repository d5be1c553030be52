import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import {
  Database,
  type DatabaseOptions,
  type Legacy,
  type Migration,
  type Tx,
} from '../../src/store/database.ts';
import { readLegacy } from '../../src/store/migrations.ts';
import { copyOf, databasePath, notesIn, openIn, temporaryFolder } from './kit/folder.ts';
import { filesOfDeadProgram, LEGACY_SECURITY } from './kit/legacy.ts';
import { MemoryDisk, randomFrom } from './kit/memory-disk.ts';

const now = Date.UTC(2026, 4, 6, 7, 8, 9);
const BACKUP = 'gateway-security.db.bak-20260506T070809Z';
const ROWS = 120;

const migrations: readonly Migration[] = [
  {
    version: 1,
    name: 'people',
    statements: [
      'CREATE TABLE people (platform TEXT, user_id TEXT, added_at INTEGER, note TEXT, PRIMARY KEY (platform, user_id))',
    ],
  },
];

function adopt(tx: Tx, legacy: Legacy): void {
  for (const row of legacy.tables.get('allowlist') ?? [])
    tx.run('INSERT INTO people (platform, user_id, added_at, note) VALUES (?, ?, ?, ?)', [
      row['platform'] ?? null,
      row['user_id'] ?? null,
      row['added_at'] ?? null,
      row['note'] ?? null,
    ]);
}

function open(path: string, options: Partial<DatabaseOptions> = {}): Promise<Database> {
  return Database.open({ path, migrations, adopt, log: silentLogger, clock: () => now, ...options });
}

/** The file of an older gateway that died, most of its rows in the log beside it. */
function legacyFile(): string {
  return filesOfDeadProgram('gateway-security.db', (db) => {
    db.exec(LEGACY_SECURITY);
    const insert = db.prepare(
      'INSERT INTO allowlist (platform, user_id, added_at, note) VALUES (?, ?, ?, ?)',
    );
    for (let i = 0; i < ROWS; i++) {
      insert.run('telegram', `user-${i}`, 1_700_000_000_000 + i, i % 2 === 0 ? null : `note ${i}`);
      if (i === 40) db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    }
    db.exec("INSERT INTO pairing_codes VALUES ('ABCD1234', 'slack', 'U1', 1700000000000, 1700003600000, 0)");
  });
}

describe("an older gateway's database", () => {
  it('is read with every row, also those that only its write-ahead log holds, and not touched', async () => {
    const path = legacyFile();
    const before = readdirSync(dirname(path)).map((name) => readFileSync(join(dirname(path), name)));
    const legacy = await readLegacy(path);
    expect([...(legacy?.tables.keys() ?? [])]).toEqual(['allowlist', 'pairing_codes', 'rate_limits']);
    const people = legacy?.tables.get('allowlist') ?? [];
    expect(people).toHaveLength(ROWS);
    expect(people[ROWS - 1]).toEqual({
      id: ROWS,
      platform: 'telegram',
      user_id: `user-${ROWS - 1}`,
      added_at: 1_700_000_000_000 + ROWS - 1,
      note: `note ${ROWS - 1}`,
    });
    expect(legacy?.tables.get('pairing_codes')).toEqual([
      {
        code: 'ABCD1234',
        platform: 'slack',
        user_id: 'U1',
        created_at: 1_700_000_000_000,
        expires_at: 1_700_003_600_000,
        used: 0,
      },
    ]);
    expect(legacy?.tables.get('rate_limits')).toEqual([]);
    expect(readdirSync(dirname(path)).map((name) => readFileSync(join(dirname(path), name)))).toEqual(before);
  });

  it('is not seen where there is none, an empty one, or one of ours', async () => {
    const folder = temporaryFolder();
    expect(await readLegacy(databasePath(folder))).toBeUndefined();
    writeFileSync(databasePath(folder), '');
    expect(await readLegacy(databasePath(folder))).toBeUndefined();
    await (await openIn(folder)).close();
    expect(await readLegacy(databasePath(folder))).toBeUndefined();
    const editor = new DatabaseSync(databasePath(folder));
    editor.exec('PRAGMA journal_mode=WAL');
    editor.close();
    expect(await readLegacy(databasePath(folder))).toBeUndefined();
  });

  it('is taken over once, with a complete copy of it kept', async () => {
    const path = legacyFile();
    chmodSync(path, 0o644);
    const original = copyOf(dirname(path));
    let calls = 0;
    for (let start = 0; start < 3; start++) {
      const db = await open(path, {
        adopt: (tx, legacy) => {
          calls++;
          adopt(tx, legacy);
        },
      });
      expect(db.get('SELECT count(*) AS n, max(note) AS note FROM people')).toEqual({
        n: ROWS,
        note: 'note 99',
      });
      await db.close();
    }
    expect(calls).toBe(1);
    expect(readdirSync(dirname(path)).sort()).toEqual(['gateway-security.db', BACKUP, `${BACKUP}-wal`]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dirname(path), BACKUP))).toEqual(
      readFileSync(join(original, 'gateway-security.db')),
    );
    const copy = new DatabaseSync(join(dirname(path), BACKUP));
    expect(copy.prepare('SELECT count(*) AS n FROM allowlist').get()).toMatchObject({ n: ROWS });
    copy.close();
  });

  it('keeps what was written after it was taken over', async () => {
    const path = legacyFile();
    const db = await open(path);
    await db.write((tx) => tx.run("INSERT INTO people (platform, user_id) VALUES ('slack', 'U2')"));
    const crashed = join(copyOf(dirname(path)), 'gateway-security.db');
    await db.close();
    const again = await open(crashed);
    expect(again.get('SELECT count(*) AS n FROM people')).toEqual({ n: ROWS + 1 });
    await again.close();
  });

  it('is taken over whole from whatever a crash on the way has left', async () => {
    const path = legacyFile();
    const disk = new MemoryDisk();
    for (const suffix of ['', '-wal'])
      disk.replace(`/data/gateway-security.db${suffix}`, readFileSync(path + suffix));
    const left: MemoryDisk[] = [];
    disk.after = () => {
      left.push(disk.afterKill());
      for (let seed = 1; seed < 4; seed++) left.push(disk.afterPowerCut(randomFrom(seed)));
    };
    await (await open('/data/gateway-security.db', { disk })).close();
    expect(left.length).toBeGreaterThan(30);
    for (const image of left) {
      const db = await open('/data/gateway-security.db', { disk: image });
      expect(db.get('SELECT count(*) AS n FROM people')).toEqual({ n: ROWS });
      await db.close();
      const names = [...image.contents().keys()];
      expect(names.filter((name) => name.includes('.bak-') && !name.endsWith('-wal'))).toEqual([
        `/data/${BACKUP}`,
      ]);
      expect(names).not.toContain('/data/gateway-security.db-wal');
    }
  });

  it('stays as it is when the rows cannot be taken over', async () => {
    const path = legacyFile();
    const before = readFileSync(path);
    const failing = open(path, {
      adopt: () => {
        throw new Error('cannot read this');
      },
    });
    await expect(failing).rejects.toThrow('cannot read this');
    expect(readFileSync(path)).toEqual(before);
    expect(existsSync(`${path}-wal`)).toBe(true);
    const db = await open(path);
    expect(db.get('SELECT count(*) AS n FROM people')).toEqual({ n: ROWS });
    await db.close();
  });

  it('is refused when nobody says how to take it over, and when our own journal lies beside it', async () => {
    const path = legacyFile();
    await expect(open(path, { adopt: undefined })).rejects.toMatchObject({ code: 'storage_foreign' });
    writeFileSync(join(dirname(path), 'gateway-security-000000000001.log'), '');
    await expect(open(path)).rejects.toMatchObject({ code: 'storage_foreign' });
  });

  it('that is damaged is refused and left alone', async () => {
    const folder = temporaryFolder();
    const path = databasePath(folder);
    writeFileSync(path, Buffer.alloc(8192, 'not a database '));
    await expect(open(path)).rejects.toMatchObject({ code: 'storage_damaged' });
    expect(readdirSync(folder)).toEqual(['gateway-sessions.db']);
  });

  it('does not come back through a write-ahead log that was left beside a database of ours', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await db.close();
    const old = legacyFile();
    writeFileSync(`${databasePath(folder)}-wal`, readFileSync(`${old}-wal`));
    expect(await notesIn(folder)).toEqual([]);
    expect(readdirSync(folder)).toEqual(['gateway-sessions.db']);
  });
});
