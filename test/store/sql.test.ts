import { describe, expect, it } from 'vitest';
import { checkedParams, type SqlValue, statementKind } from '../../src/store/engine.ts';

describe('a statement', () => {
  it.each([
    ['SELECT 1', 'read'],
    ['  -- why\n /* how */ select random()', 'read'],
    ['WITH a AS (SELECT 1) SELECT * FROM a', 'read'],
    ['VALUES (1)', 'read'],
    ['INSERT INTO t VALUES (?)', 'write'],
    ['with a as (select 1) insert into t select * from a', 'write'],
    ['REPLACE INTO changes (id) VALUES (?)', 'write'],
    ['UPDATE t SET a = 1 WHERE b = 2 OR fail = 3', 'write'],
    ['CREATE TABLE t (a)', 'schema'],
    ['ALTER TABLE t ADD COLUMN b', 'schema'],
    ['DROP INDEX i', 'schema'],
  ])('%s is a %s', (sql, kind) => {
    expect(statementKind(sql)).toBe(kind);
  });

  it.each([
    'INSERT INTO t VALUES (random())',
    'INSERT INTO t VALUES (randomblob(8))',
    "UPDATE t SET a = datetime('now')",
    'UPDATE t SET a = unixepoch()',
    "UPDATE t SET a = strftime('%s')",
    'CREATE TABLE t (a DEFAULT CURRENT_TIMESTAMP)',
    'UPDATE t SET a = last_insert_rowid()',
    'INSERT OR ROLLBACK INTO t VALUES (1)',
    'CREATE TABLE t (a UNIQUE ON CONFLICT FAIL)',
    'BEGIN',
    'COMMIT',
    'SAVEPOINT s',
    'PRAGMA user_version = 3',
    'VACUUM',
    "ATTACH 'x' AS y",
    'CREATE TEMP TABLE t (a)',
    '',
  ])('%s is refused because replay could not repeat it', (sql) => {
    expect(() => statementKind(sql)).toThrow(expect.objectContaining({ code: 'storage_sql' }));
  });
});

describe('parameters', () => {
  it('are copied, so that later changes do not reach the journal', () => {
    for (const bytes of [new Uint8Array([1]), Buffer.from([1])]) {
      const copy = checkedParams([bytes]);
      bytes[0] = 2;
      expect(copy).toEqual([new Uint8Array([1])]);
    }
  });

  it.each([[Number.NaN], [Number.POSITIVE_INFINITY], [true], [1n], [undefined], [{}]])(
    'refuse %s',
    (value) => {
      expect(() => checkedParams([value as SqlValue])).toThrow('parameter 1 must be');
    },
  );
});
