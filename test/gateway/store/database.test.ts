import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/gateway/log.ts';
import { Database, type Migration } from '../../../src/gateway/store/database.ts';

const migrations: readonly Migration[] = [
  {
    version: 1,
    name: 'notes',
    statements: [
      'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, body BLOB, score REAL)',
    ],
  },
];

let folder = '';
let path = '';
const open = (): Promise<Database> => Database.open({ path, migrations, log: silentLogger });
const add = (db: Database, text: string): Promise<number> =>
  db.write((tx) => tx.run('INSERT INTO notes (text) VALUES (?)', [text]));
const texts = (db: Database): unknown[] =>
  db.all('SELECT text FROM notes ORDER BY id').map((row) => row['text']);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'));
  path = join(folder, 'gateway-sessions.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a database', () => {
  it('has after a clean stop one SQLite file and nothing else', async () => {
    const db = await open();
    await add(db, 'one');
    expect(readdirSync(folder)).toEqual(['gateway-sessions-000000000001.log']);
    await db.close();
    expect(readdirSync(folder)).toEqual(['gateway-sessions.db']);
  });

  it('gives back text, numbers, bytes and nothing as they went in', async () => {
    const db = await open();
    const bytes = new Uint8Array([0, 1, 255]);
    await db.write((tx) => {
      tx.run('INSERT INTO notes (text, body, score) VALUES (?, ?, ?)', [
        'naïve 日本 👩‍👩‍👧 \0 "x"\n',
        bytes,
        0.1,
      ]);
      tx.run('INSERT INTO notes (text, score) VALUES (?, ?)', ['big', 1_795_351_490_305]);
    });
    const before = db.all('SELECT * FROM notes ORDER BY id');
    const copy = join(folder, 'copy');
    await import('node:fs/promises').then((fs) => fs.cp(folder, copy, { recursive: true }));
    const again = await Database.open({
      path: join(copy, 'gateway-sessions.db'),
      migrations,
      log: silentLogger,
    });
    expect(again.all('SELECT * FROM notes ORDER BY id')).toEqual(before);
    expect(before[0]).toEqual({ id: 1, text: 'naïve 日本 👩‍👩‍👧 \0 "x"\n', body: bytes, score: 0.1 });
    await again.close();
    await db.close();
  });

  it('keeps nothing of a body that throws, and everything of its neighbours', async () => {
    const db = await open();
    const results = await Promise.allSettled([
      add(db, 'a'),
      db.write((tx) => {
        tx.run('INSERT INTO notes (text) VALUES (?)', ['half']);
        throw new Error('no');
      }),
      add(db, 'a'),
      add(db, 'b'),
    ]);
    expect(results.map((r) => r.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(texts(db)).toEqual(['a', 'b']);
    expect(db.stats().syncs).toBe(2);
    await db.close();
    const again = await open();
    expect(texts(again)).toEqual(['a', 'b']);
    await again.close();
  });
});
