import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isInWalMode, mergeWal } from '../../src/store/migrations.ts';
import { tries } from '../support/tries.ts';
import { filesOfDeadProgram } from './kit/legacy.ts';

const FIFTY = 'WITH RECURSIVE fifty (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM fifty WHERE n < 50)';

interface Files {
  readonly db: Buffer;
  readonly wal: Buffer;
}

function read(path: string): Files {
  const wal = `${path}-wal`;
  return { db: readFileSync(path), wal: existsSync(wal) ? readFileSync(wal) : Buffer.alloc(0) };
}

/** What SQLite itself says is in a merged file. */
function rowsOf(merged: Uint8Array, path: string, sql = 'SELECT * FROM t ORDER BY 1'): unknown[] {
  const file = `${path}.merged`;
  writeFileSync(file, merged);
  const db = new DatabaseSync(file);
  try {
    expect(db.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    expect(db.prepare('PRAGMA journal_mode').all()).toEqual([{ journal_mode: 'delete' }]);
    return db
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  } finally {
    db.close();
  }
}

describe('merging a write-ahead log', () => {
  it('brings in what was committed but not checkpointed', () => {
    const path = filesOfDeadProgram('x.db', (db) => {
      db.exec("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, 'in the file')");
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      db.exec("INSERT INTO t VALUES (2, 'in the log'); UPDATE t SET b = 'changed' WHERE a = 1");
    });
    const { db, wal } = read(path);
    const before = { db: Buffer.from(db), wal: Buffer.from(wal) };
    expect(wal.length).toBeGreaterThan(0);
    expect(isInWalMode(db)).toBe(true);
    expect(rowsOf(mergeWal(db, wal), path)).toEqual([
      { a: 1, b: 'changed' },
      { a: 2, b: 'in the log' },
    ]);
    expect(rowsOf(mergeWal(db, new Uint8Array()), path)).toEqual([{ a: 1, b: 'in the file' }]);
    expect({ db, wal }).toEqual(before);
  });

  it('works when everything is still in the log', () => {
    const path = filesOfDeadProgram('x.db', (db) => db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (7)'));
    const { db, wal } = read(path);
    expect(rowsOf(mergeWal(db, wal), path)).toEqual([{ a: 7 }]);
    expect(rowsOf(mergeWal(new Uint8Array(), wal), path)).toEqual([{ a: 7 }]);
  });

  it.each([512, 1024, 65536])('works with pages of %i bytes', (pageSize) => {
    const path = filesOfDeadProgram(
      'x.db',
      (db) => db.exec("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, zeroblob(3000)), (2, 'x')"),
      pageSize,
    );
    const { db, wal } = read(path);
    expect(rowsOf(mergeWal(db, wal), path, 'SELECT a FROM t')).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('ignores a transaction that was never finished', () => {
    const path = filesOfDeadProgram('x.db', (db) => {
      db.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, NULL)');
      // Larger than the page cache, so that pages reach the log before the commit that never comes.
      db.exec(`PRAGMA cache_size=5; BEGIN; ${FIFTY} INSERT INTO t SELECT n + 1, zeroblob(4000) FROM fifty`);
    });
    const { db, wal } = read(path);
    expect(rowsOf(mergeWal(db, wal), path, 'SELECT a FROM t')).toEqual([{ a: 1 }]);
  });

  it('leaves the file shorter when the log has shortened it', () => {
    const path = filesOfDeadProgram('x.db', (db) => {
      db.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b)');
      db.exec(`${FIFTY} INSERT INTO t SELECT n, zeroblob(4000) FROM fifty; PRAGMA wal_checkpoint(TRUNCATE)`);
      db.exec('DELETE FROM t WHERE a > 1; VACUUM');
    });
    const { db, wal } = read(path);
    const merged = mergeWal(db, wal);
    expect(merged.length).toBeLessThan(db.length);
    expect(rowsOf(merged, path, 'SELECT a FROM t')).toEqual([{ a: 1 }]);
  });

  it('ignores what an earlier round has left behind the newest frames', () => {
    const path = filesOfDeadProgram('x.db', (db) => {
      db.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b)');
      db.exec(`${FIFTY} INSERT INTO t SELECT n, zeroblob(4000) FROM fifty; PRAGMA wal_checkpoint(RESTART)`);
      db.exec('UPDATE t SET b = NULL WHERE a = 50');
    });
    const { db, wal } = read(path);
    expect(rowsOf(mergeWal(db, wal), path, 'SELECT count(*) AS n, count(b) AS blobs FROM t')).toEqual([
      { n: 50, blobs: 49 },
    ]);
  });

  it('takes as much of a cut or damaged log as SQLite does', () => {
    const path = filesOfDeadProgram('x.db', (db) => {
      db.exec('CREATE TABLE t (a INTEGER PRIMARY KEY)');
      for (let a = 1; a <= 8; a++) db.exec(`INSERT INTO t VALUES (${a})`);
    });
    const { db, wal } = read(path);
    const bySqlite = (changed: Uint8Array): unknown[] => {
      const copy = `${path}.copy`;
      writeFileSync(copy, db);
      writeFileSync(`${copy}-wal`, changed);
      const opened = new DatabaseSync(copy);
      const tables = opened.prepare("SELECT name FROM sqlite_master WHERE name = 't'").all();
      const rows = tables.length === 0 ? [] : opened.prepare('SELECT a FROM t ORDER BY a').all();
      opened.close();
      return rows.map((row) => ({ ...row }));
    };
    const byUs = (changed: Uint8Array): unknown[] => {
      const merged = mergeWal(db, changed);
      const tables =
        merged.length === 0 ? [] : rowsOf(merged, path, "SELECT 1 FROM sqlite_master WHERE name = 't'");
      return tables.length === 0 ? [] : rowsOf(merged, path, 'SELECT a FROM t ORDER BY a');
    };
    expect(byUs(wal)).toHaveLength(8);
    fc.assert(
      fc.property(fc.nat(wal.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, flip, cut) => {
        const changed = Buffer.from(cut ? wal.subarray(0, at) : wal);
        if (!cut) changed[at] = (changed[at] ?? 0) ^ flip;
        expect(byUs(changed)).toEqual(bySqlite(changed));
      }),
      { numRuns: tries(150) },
    );
  });
});
