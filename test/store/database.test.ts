import { chmodSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addNote, copyOf, notes, notesIn, noteTexts, openIn, temporaryFolder } from './kit/folder.ts';

describe('a database', () => {
  it('is one SQLite file and nothing else after a clean stop', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await addNote(db, 'one');
    expect(readdirSync(folder)).toEqual(['gateway-sessions-000000000001.log', 'gateway-sessions.db']);
    await db.close();
    expect(readdirSync(folder)).toEqual(['gateway-sessions.db']);
  });

  it('gives back text, numbers, bytes and nothing as they went in, from journal and snapshot', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    const text = 'naïve 日本 👩‍👩‍👧 \0 "x"\n\u2028 \ud800';
    const bytes = new Uint8Array([0, 1, 255]);
    await db.write((tx) => {
      tx.run('INSERT INTO notes (text, body, score) VALUES (?, ?, ?)', [text, bytes, 0.1]);
      tx.run('INSERT INTO notes (text, body, score) VALUES (?, ?, ?)', [
        'big',
        new Uint8Array(),
        1_795_351_490_305,
      ]);
    });
    const written = db.all('SELECT * FROM notes ORDER BY id');
    expect(written[0]).toEqual({
      id: 1,
      text: text.toWellFormed(),
      body: bytes,
      score: 0.1,
    });
    expect(written[1]).toEqual({ id: 2, text: 'big', body: new Uint8Array(), score: 1_795_351_490_305 });

    const fromJournal = await openIn(copyOf(folder));
    expect(fromJournal.all('SELECT * FROM notes ORDER BY id')).toEqual(written);
    await fromJournal.close();
    await db.close();
    const fromSnapshot = await openIn(folder);
    expect(fromSnapshot.all('SELECT * FROM notes ORDER BY id')).toEqual(written);
    await fromSnapshot.close();
  });

  it('keeps nothing of a body that throws, and everything of its neighbours in the same sync', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    const results = await Promise.allSettled([
      addNote(db, 'a'),
      db.write((tx) => {
        tx.run('INSERT INTO notes (text) VALUES (?)', ['half']);
        throw new Error('no');
      }),
      addNote(db, 'a'),
      addNote(db, 'b'),
    ]);
    expect(results.map((r) => r.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(noteTexts(db)).toEqual(['a', 'b']);
    // One for the schema, one for the group.
    expect(db.stats().syncs).toBe(2);
    expect(await notesIn(copyOf(folder))).toEqual(['a', 'b']);
    await db.close();
    expect(await notesIn(folder)).toEqual(['a', 'b']);
  });

  it('takes rights away that its folder and files should not give', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await addNote(db, 'one');
    await db.compact();
    await addNote(db, 'two');
    const left = copyOf(folder);
    await db.close();
    chmodSync(left, 0o755);
    for (const name of readdirSync(left)) chmodSync(join(left, name), 0o644);
    const again = await openIn(left);
    expect(statSync(left).mode & 0o777).toBe(0o700);
    expect(readdirSync(left).map((name) => statSync(join(left, name)).mode & 0o777)).toEqual([
      0o600, 0o600, 0o600,
    ]);
    await again.close();
  });

  it('can be opened again after a start that failed', async () => {
    const folder = temporaryFolder();
    const broken = { ...notes, statements: ['CREATE TABLE notes (id'] };
    await expect(openIn(folder, { migrations: [broken] })).rejects.toThrow('incomplete input');
    expect(await notesIn(folder)).toEqual([]);
  });

  it('writes no file as long as there is nothing to write', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder, { migrations: [] });
    expect(db.all('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await db.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('lives beside others in one folder and one process', async () => {
    const folder = temporaryFolder();
    const names = ['gateway-sessions.db', 'gateway-security.db', 'gateway-background-tasks.db'];
    const all = await Promise.all(names.map((name) => openIn(folder, { path: join(folder, name) })));
    await Promise.all(all.flatMap((db, i) => [addNote(db, `a${i}`), addNote(db, `b${i}`)]));
    expect(all.map((db) => noteTexts(db))).toEqual([
      ['a0', 'b0'],
      ['a1', 'b1'],
      ['a2', 'b2'],
    ]);
    await Promise.all(all.map((db) => db.close()));
    expect(readdirSync(folder).sort()).toEqual([...names].sort());
  });
});
