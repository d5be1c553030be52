import { describe, expect, it } from 'vitest';
import type { Tx } from '../../src/store/database.ts';
import { addNote, copyOf, notesIn, noteTexts, openIn, temporaryFolder } from './kit/folder.ts';

describe('a write', () => {
  it('answers what its body returns, and how many rows each statement changed', async () => {
    const db = await openIn(temporaryFolder());
    await addNote(db, 'one');
    await addNote(db, 'two');
    const answer = await db.write((tx) => ({
      updated: tx.run('UPDATE notes SET score = ?', [1]),
      untouched: tx.run('UPDATE notes SET score = 2 WHERE text = ?', ['three']),
      ignored: tx.run('INSERT INTO notes (text) VALUES (?) ON CONFLICT DO NOTHING', ['one']),
      returned: tx.get('INSERT INTO notes (text) VALUES (?) RETURNING id, text', ['three']),
      read: tx.all('SELECT text FROM notes ORDER BY id').length,
    }));
    expect(answer).toEqual({
      updated: 2,
      untouched: 0,
      ignored: 0,
      returned: { id: 3, text: 'three' },
      read: 3,
    });
    await db.close();
  });

  it('is replayed with rows that RETURNING gave', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await db.write((tx) => tx.all("INSERT INTO notes (text) VALUES ('a'), ('b'), ('c') RETURNING id"));
    expect(await notesIn(copyOf(folder))).toEqual(['a', 'b', 'c']);
    await db.close();
  });

  it('may go on after a statement of its own that failed, which then has no effect', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await addNote(db, 'one');
    await db.write((tx) => {
      expect(() => tx.run("INSERT INTO notes (text) VALUES ('two'), ('one')")).toThrow('UNIQUE');
      tx.run("INSERT INTO notes (text) VALUES ('three')");
    });
    expect(noteTexts(db)).toEqual(['one', 'three']);
    expect(await notesIn(copyOf(folder))).toEqual(['one', 'three']);
    await db.close();
  });

  it('costs no sync when it changes nothing', async () => {
    const db = await openIn(temporaryFolder());
    const { syncs } = db.stats();
    expect(await db.write((tx) => tx.all('SELECT * FROM notes'))).toEqual([]);
    expect(db.stats().syncs).toBe(syncs);
    await db.close();
  });

  it('cannot go on after its body', async () => {
    const db = await openIn(temporaryFolder());
    let kept: Tx | undefined;
    await db.write((tx) => {
      kept = tx;
    });
    expect(() => kept?.run("INSERT INTO notes (text) VALUES ('late')")).toThrow('ends with its body');
    await expect(db.write(async () => {})).rejects.toThrow('must be synchronous');
    await db.close();
  });

  it('shows its rows to reads before it is on the disk, and flushed() waits for that', async () => {
    const db = await openIn(temporaryFolder());
    let acknowledged = false;
    const writing = addNote(db, 'one').then(() => {
      acknowledged = true;
    });
    await expect.poll(() => noteTexts(db)).toEqual(['one']);
    await db.flushed();
    await Promise.resolve();
    expect(acknowledged).toBe(true);
    await writing;
    await db.close();
  });

  it('shares one sync with everybody who writes at the same time, and keeps their order', async () => {
    const db = await openIn(temporaryFolder());
    const { syncs } = db.stats();
    const names = Array.from({ length: 100 }, (_, i) => `note ${i}`);
    await Promise.all(names.map((name) => addNote(db, name)));
    expect(db.stats().syncs - syncs).toBeLessThan(20);
    expect(noteTexts(db)).toEqual(names);
    await db.close();
  });

  it('is refused after close, and so are reads', async () => {
    const db = await openIn(temporaryFolder());
    const last = addNote(db, 'one');
    const closing = db.close();
    await expect(addNote(db, 'two')).rejects.toMatchObject({ code: 'storage_closed' });
    expect(() => db.all('SELECT 1')).toThrow(expect.objectContaining({ code: 'storage_closed' }));
    await Promise.all([closing, last, db.close()]);
  });
});

describe('a read', () => {
  it('cannot change anything', async () => {
    const db = await openIn(temporaryFolder());
    for (const sql of ['DELETE FROM notes', 'WITH x AS (SELECT 1) DELETE FROM notes', 'DROP TABLE notes'])
      expect(() => db.all(sql)).toThrow(expect.objectContaining({ code: 'storage_sql' }));
    expect(db.all("WITH x AS (SELECT 'delete' AS word) SELECT * FROM x")).toEqual([{ word: 'delete' }]);
    await db.close();
  });

  it('sees the columns of a changed schema', async () => {
    const db = await openIn(temporaryFolder());
    await addNote(db, 'one');
    expect(Object.keys(db.get('SELECT * FROM notes') ?? {})).toEqual(['id', 'text', 'body', 'score']);
    await db.write((tx) => tx.run('ALTER TABLE notes ADD COLUMN tag TEXT'));
    expect(Object.keys(db.get('SELECT * FROM notes') ?? {})).toEqual(['id', 'text', 'body', 'score', 'tag']);
    expect(db.get('SELECT * FROM notes WHERE id = 99')).toBeUndefined();
    await db.close();
  });
});
