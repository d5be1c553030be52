import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { copyTogether, Database, inspectCopy } from '../../src/store/database.ts';

const folder = mkdtempSync(join(tmpdir(), 'copies-'));
const opened: Database[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
  rmSync(folder, { recursive: true, force: true });
});

async function open(name: string): Promise<Database> {
  const db = await Database.open({
    path: join(folder, `${name}.db`),
    log: silentLogger,
    compactAfterBytes: 20_000,
    migrations: [
      { version: 1, name: 'rows', statements: ['CREATE TABLE rows (n INTEGER PRIMARY KEY, t TEXT)'] },
    ],
  });
  opened.push(db);
  return db;
}

describe('copies of databases in use', () => {
  it('are of one moment, while changes, compactions and a purge go on, and leave the databases as they are', async () => {
    const [first, second] = [await open('first'), await open('second')];
    let talking = true;
    let written = 0;
    const text = 'x'.repeat(300);
    const insert = (db: Database, n: number): Promise<unknown> =>
      db.write((tx) => tx.run('INSERT INTO rows (n, t) VALUES (?, ?)', [n, text]));
    const writing = (async () => {
      for (let n = 1; talking; n += 1) {
        await insert(first, n);
        await insert(second, n);
        written = n;
      }
    })();
    for (let i = 0; i < 4; i += 1) {
      const paths = [join(folder, `copy-${i}-a`), join(folder, `copy-${i}-b`)] as const;
      const before = written;
      const purging = i === 3 ? first.purge() : first.compact();
      await copyTogether([
        { db: first, path: paths[0] },
        { db: second, path: paths[1] },
      ]);
      await purging;
      const count = { rows: 'SELECT COUNT(*) AS n FROM rows' };
      const [a, b] = [await inspectCopy(paths[0], count), await inspectCopy(paths[1], count)];
      expect([a.integrity, b.integrity, a.schema]).toEqual(['ok', 'ok', 1]);
      const [rowsA = 0, rowsB = 0] = [a.counts['rows'], b.counts['rows']];
      expect(rowsB).toBeGreaterThanOrEqual(before);
      expect(rowsA - rowsB).toBeGreaterThanOrEqual(0);
      expect(rowsA - rowsB).toBeLessThanOrEqual(1);
      if (process.platform !== 'win32') expect(statSync(paths[0]).mode & 0o777).toBe(0o600);
    }
    talking = false;
    await writing;
    await Promise.all(opened.splice(0).map((db) => db.close()));
    expect((await open('second')).get('SELECT COUNT(*) AS n FROM rows')).toEqual({ n: written });
  });

  it('fail together when one database is closed, and hold nothing back', async () => {
    const [first, second] = [await open('third'), await open('fourth')];
    await second.close();
    await expect(
      copyTogether([
        { db: first, path: join(folder, 'x') },
        { db: second, path: join(folder, 'y') },
      ]),
    ).rejects.toMatchObject({ code: 'storage_closed' });
    await first.write((tx) => tx.run('INSERT INTO rows (n) VALUES (1)'));
    expect(first.get('SELECT n FROM rows')).toEqual({ n: 1 });
  });
});
