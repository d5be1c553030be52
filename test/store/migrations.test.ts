import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Migration } from '../../src/store/database.ts';
import { addNote, copyOf, notes, noteTexts, openIn, temporaryFolder } from './kit/folder.ts';

const tagged: Migration = {
  version: 2,
  name: 'tags',
  statements: [
    "ALTER TABLE notes ADD COLUMN tag TEXT NOT NULL DEFAULT 'none'",
    'CREATE INDEX by_tag ON notes (tag)',
  ],
};
const clock = (): number => Date.UTC(2026, 0, 31, 23, 59, 58, 123);

describe('migrations', () => {
  it('run in order, once, and also when the last start ended without a clean stop', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await addNote(db, 'one');
    const crashed = copyOf(folder);
    await db.close();
    for (const left of [folder, crashed]) {
      for (let start = 0; start < 3; start++) {
        const again = await openIn(left, { migrations: [notes, tagged], clock });
        expect(again.all('SELECT text, tag FROM notes')).toEqual([{ text: 'one', tag: 'none' }]);
        await again.close();
      }
      expect(readdirSync(left).sort()).toEqual([
        'gateway-sessions.db',
        'gateway-sessions.db.bak-20260131T235958Z',
      ]);
    }
  });

  it('keep a complete copy of what was there before', async () => {
    const { DatabaseSync } = await import('node:sqlite');
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await addNote(db, 'one');
    const crashed = copyOf(folder);
    await db.close();
    await (await openIn(crashed, { migrations: [notes, tagged], clock })).close();
    const backup = join(crashed, 'gateway-sessions.db.bak-20260131T235958Z');
    expect(statSync(backup).mode & 0o777).toBe(0o600);
    const copy = new DatabaseSync(backup, { readOnly: true });
    expect(copy.prepare('SELECT * FROM notes').all()).toMatchObject([{ text: 'one' }]);
    expect(copy.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    copy.close();
  });

  it('that fail leave the schema and the data as they were', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await addNote(db, 'one');
    await db.close();
    const broken: Migration = { ...tagged, statements: [...tagged.statements, 'CREATE TABLE notes (x)'] };
    await expect(openIn(folder, { migrations: [notes, broken], clock })).rejects.toThrow('notes');
    const again = await openIn(folder);
    expect(noteTexts(again)).toEqual(['one']);
    expect(again.all("SELECT name FROM pragma_table_info('notes')").map((row) => row['name'])).not.toContain(
      'tag',
    );
    await again.close();
  });

  it('refuse a database that a newer program has changed, without touching it', async () => {
    const folder = temporaryFolder();
    await (await openIn(folder, { migrations: [notes, tagged] })).close();
    const file = join(folder, 'gateway-sessions.db');
    chmodSync(file, 0o644);
    const before = readFileSync(file);
    await expect(openIn(folder)).rejects.toMatchObject({
      code: 'storage_newer',
      hint: expect.stringContaining('newer version'),
    });
    expect(readFileSync(file)).toEqual(before);
    expect(statSync(file).mode & 0o777).toBe(0o644);
    await (await openIn(folder, { migrations: [notes, tagged] })).close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('have to be numbered without gaps', async () => {
    await expect(openIn(temporaryFolder(), { migrations: [tagged] })).rejects.toThrow('expected 1');
  });
});
