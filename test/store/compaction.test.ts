import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/store/disk.ts';
import { addNote, copyOf, notesIn, noteTexts, openIn, temporaryFolder } from './kit/folder.ts';

const SNAPSHOT = 'gateway-sessions.db';

describe('compaction', () => {
  it('folds the journal into the snapshot on another thread while writes go on', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    for (let i = 0; i < 20; i++) await addNote(db, `before ${i}`);
    const compacting = db.compact();
    const during = Array.from({ length: 20 }, (_, i) => addNote(db, `during ${i}`));
    await Promise.all([compacting, ...during]);
    expect(db.stats()).toMatchObject({ compactions: 1, segments: 1, compacting: false });
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(statSync(join(folder, SNAPSHOT)).size).toBe(db.stats().snapshotBytes);
    expect(await notesIn(copyOf(folder))).toEqual(noteTexts(db));
    await db.close();
    expect(await notesIn(folder)).toHaveLength(40);
  });

  it('happens by itself when the journal has grown, again and again', { timeout: 120_000 }, async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder, { compactAfterBytes: 30_000 });
    let written = 0;
    await expect
      .poll(
        async () => {
          for (let i = 0; i < 50; i++) await addNote(db, `${++written} ${'x'.repeat(200)}`);
          return db.stats().compactions;
        },
        { timeout: 100_000 },
      )
      .toBeGreaterThan(2);
    expect(existsSync(join(folder, SNAPSHOT))).toBe(true);
    expect(await notesIn(copyOf(folder))).toHaveLength(written);
    await db.close();
  });

  it('is one for all who ask while it runs, and nothing when there is nothing to fold', async () => {
    const db = await openIn(temporaryFolder());
    await addNote(db, 'one');
    await Promise.all([db.compact(), db.compact(), db.compact()]);
    await db.compact();
    expect(db.stats().compactions).toBe(1);
    await db.close();
    await expect(db.compact()).rejects.toMatchObject({ code: 'storage_closed' });
  });

  it('is waited for by a clean stop', async () => {
    const folder = temporaryFolder();
    // A disk of its own: in a thread, which a busy machine is slow to start, it would be cancelled after a grace.
    const db = await openIn(folder, { disk: { ...nodeDisk } });
    await addNote(db, 'one');
    const compacting = db.compact();
    const late = addNote(db, 'two');
    await Promise.all([db.close(), compacting, late]);
    expect(readdirSync(folder)).toEqual([SNAPSHOT]);
    expect(await notesIn(folder)).toEqual(['one', 'two']);
  });

  it('keeps files and folder for their owner alone', async () => {
    const folder = join(temporaryFolder(), 'data');
    const db = await openIn(folder);
    await addNote(db, 'one');
    await db.compact();
    await addNote(db, 'two');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const modes = readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777);
    expect(modes).toEqual([0o600, 0o600]);
    await db.close();
  });
});
