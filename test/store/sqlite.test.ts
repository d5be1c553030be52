import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { Database } from '../../src/store/database.ts';
import { nodeDisk } from '../../src/store/disk.ts';
import { Engine } from '../../src/store/engine.ts';
import { openNativeFile, openNativeMemory } from '../../src/store/native-sqlite.ts';
import { openWasm, type Row, type Sqlite, type SqlValue } from '../../src/store/sqlite.ts';
import { tries } from '../support/tries.ts';
import { addNote, copyOf, notes, noteTexts, openIn, temporaryFolder } from './kit/folder.ts';
import { MemoryDisk, systemError } from './kit/memory-disk.ts';

const native = openNativeMemory();
native?.close();
/** Node 22 cannot load a database into memory; its files are tested below. */
const itsMemory = it.skipIf(native === undefined);

async function both(): Promise<readonly [Sqlite, Sqlite]> {
  const node = openNativeMemory();
  if (node === undefined) throw new Error('not on this Node');
  const wasm = await openWasm();
  for (const db of [node, wasm])
    db.exec(
      `CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER, r REAL, t TEXT UNIQUE, b BLOB, any);
       CREATE VIRTUAL TABLE words USING fts4(t);`,
    );
  return [node, wasm];
}

/** What a statement answers, or how it fails. */
function answer(db: Sqlite, sql: string, params: SqlValue[]): unknown {
  try {
    const statement = db.prepare(sql);
    if (!/^select|returning/i.test(sql)) return { changes: statement.run(params) };
    const rows: Row[] = statement.all(params).map((row) => ({ ...row }));
    return { rows, changes: /returning/i.test(sql) ? db.changes() : undefined };
  } catch (error) {
    return String(error instanceof Error ? error.message : error);
  }
}

const VALUE: fc.Arbitrary<SqlValue> = fc.oneof(
  fc.constant(null),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(2 ** 31, -(2 ** 31), 2 ** 31 - 1, 2 ** 53 - 1, -(2 ** 53) + 1, 0.5, -0, 1e300),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.constantFrom('', '\0', 'a\0b', '1', '1.0', '日本'),
  fc.uint8Array({ maxLength: 4 }),
);

const STATEMENT = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      'INSERT INTO a (n, r, t, b, any) VALUES (?, ?, ?, ?, ?)',
      'INSERT OR REPLACE INTO a (n, r, t, b, any) VALUES (?, ?, ?, ?, ?) RETURNING *',
      'INSERT INTO a (n, r, t, b, any) VALUES (?, ?, ?, ?, ?) ON CONFLICT (t) DO UPDATE SET n = excluded.n RETURNING id, n',
    ),
    fc.array(VALUE, { minLength: 5, maxLength: 5 }),
  ),
  fc.tuple(
    fc.constantFrom(
      'UPDATE a SET any = ?',
      'DELETE FROM a WHERE n = ?',
      'SELECT *, typeof(any) AS kind FROM a WHERE n >= ? ORDER BY id',
      'SELECT count(*) AS n, sum(n) AS s FROM a WHERE t = ?',
      'INSERT INTO words (t) VALUES (?)',
      'SELECT docid FROM words WHERE words MATCH ? ORDER BY docid',
      'SELECT ? AS a, 2 AS a',
      'SELECT nothing FROM a WHERE n = ?',
      'SELECT 1; SELECT ?',
      'SELECT * FROM a ORDER BY id LIMIT ?',
    ),
    VALUE.map((value) => [value]),
  ),
);

describe('the two SQLites', () => {
  itsMemory('answer the same to every statement, and store the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STATEMENT, { maxLength: 25 }), async (statements) => {
        const [node, wasm] = await both();
        try {
          for (const [sql, params] of statements)
            expect(answer(node, sql, params), sql).toEqual(answer(wasm, sql, params));
          // Each reads what the other has written.
          const swapped = [await openWasm(node.export()), openNativeMemory(wasm.export())];
          const [one, two] = swapped.map((db) => {
            const rows = answer(db ?? node, 'SELECT *, typeof(n), typeof(any) FROM a ORDER BY id', []);
            db?.close();
            return rows;
          });
          expect(one).toEqual(two);
        } finally {
          node.close();
          wasm.close();
        }
      }),
      { numRuns: tries(60) },
    );
  });

  itsMemory('read a number that JavaScript does not have as the nearest one', async () => {
    const [node, wasm] = await both();
    for (const db of [node, wasm]) {
      db.exec("INSERT INTO a (n, t) VALUES (9223372036854775807, 'x')");
      expect(db.prepare('SELECT n, t FROM a').all([])).toEqual([{ n: 2 ** 63, t: 'x' }]);
      expect(db.prepare('SELECT n, t FROM a').all([], 1)).toEqual([{ n: 2 ** 63, t: 'x' }]);
      db.close();
    }
  });

  it('work in a file that has no name and that its owner alone could read', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.db');
    const db = await openNativeFile(path, []);
    if (db === undefined) throw new Error('not on this system');
    db.exec(`CREATE TABLE a (t); INSERT INTO a VALUES ('${'x'.repeat(100_000)}')`);
    expect(readdirSync(folder)).toEqual([]);
    const copy = await openNativeFile(path, [db.export()]);
    expect(copy?.list('SELECT length(t) FROM a')).toEqual([100_000]);
    copy?.close();
    db.close();
    await expect(openNativeFile(path, [new Uint8Array(5000).fill(7)])).rejects.toThrow('not a database');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('open a store also where no file can be made next to it', async () => {
    // With what is added to it, longer than names can be.
    const path = join(temporaryFolder(), `${'x'.repeat(236)}.db`);
    await expect(openNativeFile(path, [])).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
    for (const text of ['one', 'two']) {
      const db = await Database.open({ path, migrations: [notes], log: silentLogger });
      await addNote(db, text);
      expect(noteTexts(db)).toEqual(['one', 'two'].slice(0, text === 'one' ? 1 : 2));
      await db.close();
    }
  });
});

it('opens a store also where its journal no longer fits into the copy of the snapshot', async () => {
  const folder = temporaryFolder();
  const db = await openIn(folder);
  for (let n = 0; n < 3; n++) await addNote(db, `note ${n}`);
  const left = copyOf(folder);
  const full = vi.spyOn(Engine.prototype, 'endReplay').mockImplementationOnce(() => {
    throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
  });
  const again = await openIn(left);
  expect(full).toHaveBeenCalledTimes(2);
  expect(noteTexts(again)).toEqual(noteTexts(db));
  await again.close();
  await db.close();
});

afterEach(() => {
  vi.restoreAllMocks();
});

type Step = 'write' | 'throw first' | 'write and throw' | 'refuse' | 'no room' | 'compact' | 'together';

describe('a transaction that goes on over many commits', () => {
  it('never shows or stores anything but what was acknowledged, whatever is taken back in between', async () => {
    const STEPS: readonly Step[] = [
      'write',
      'throw first',
      'write and throw',
      'refuse',
      'no room',
      'compact',
      'together',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...STEPS), fc.integer({ min: 1, max: 80 })), { maxLength: 12 }),
        async (steps) => {
          const disk = new MemoryDisk();
          const db = await Database.open({
            path: '/data/gateway-sessions.db',
            migrations: [notes],
            log: silentLogger,
            disk,
          });
          const kept: string[] = [];
          let count = 0;
          const write = async (): Promise<void> => {
            const text = `note ${count++}`;
            await addNote(db, text);
            kept.push(text);
          };
          const failing = (before: boolean): Promise<void> =>
            db.write((tx) => {
              if (!before) tx.run('INSERT INTO notes (text) VALUES (?)', [`gone ${count++}`]);
              throw new Error('no');
            });
          for (const [step, times] of steps) {
            if (step === 'write') for (let n = 0; n < times; n++) await write();
            if (step === 'together') {
              const writes = Array.from({ length: times }, () => write());
              const failures = [failing(true), failing(false)].map((each) => each.catch(() => {}));
              await Promise.all([...writes.slice(1), ...failures, write(), writes[0]]);
            }
            if (step === 'throw first') await expect(failing(true)).rejects.toThrow('no');
            if (step === 'write and throw') await expect(failing(false)).rejects.toThrow('no');
            if (step === 'refuse') {
              disk.before = ({ kind, path }) => {
                if (path.endsWith('.log') && kind === 'write') throw systemError('ENOSPC');
              };
              await expect(addNote(db, 'refused')).rejects.toMatchObject({ code: 'storage_full' });
              disk.before = () => {};
            }
            if (step === 'no room') {
              const full = vi.spyOn(Engine.prototype, 'commit').mockImplementation(() => {
                throw new Error('database or disk is full');
              });
              for (let n = 0; n < times; n++) await write();
              await expect(db.compact()).rejects.toThrow('full');
              full.mockRestore();
            }
            if (step === 'compact') await db.compact();
            expect(noteTexts(db)).toEqual(kept);
          }
          const killed = await Database.open({
            path: '/data/gateway-sessions.db',
            migrations: [notes],
            log: silentLogger,
            disk: disk.afterKill(),
          });
          expect(noteTexts(killed)).toEqual(kept);
          await killed.close();
          await db.close();
          const stopped = await Database.open({
            path: '/data/gateway-sessions.db',
            migrations: [notes],
            log: silentLogger,
            disk,
          });
          expect(noteTexts(stopped)).toEqual(kept);
          await stopped.close();
        },
      ),
      { numRuns: tries(60) },
    );
  });

  it('copies and folds what it holds on a real disk', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder, { disk: { ...nodeDisk } });
    for (let n = 0; n < 5; n++) await addNote(db, `note ${n}`);
    const copy = join(temporaryFolder(), 'gateway-sessions.db');
    await db.copyTo(copy, async () => {});
    await addNote(db, 'later');
    await db.compact();
    await addNote(db, 'last');
    const other = await Database.open({ path: copy, migrations: [notes], log: silentLogger });
    expect(noteTexts(other)).toEqual(['note 0', 'note 1', 'note 2', 'note 3', 'note 4']);
    await other.close();
    const again = await openIn(copyOf(folder));
    expect(noteTexts(again)).toEqual(noteTexts(db));
    await again.close();
    await db.close();
  });
});
