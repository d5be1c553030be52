import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Disk, nodeDisk } from '../../src/store/disk.ts';
import { Engine } from '../../src/store/engine.ts';
import { PagedFile } from '../../src/store/paged-file.ts';
import { checkPagedStamp, checkStamp, createMeta, writeSnapshot } from '../../src/store/snapshot.ts';
import { addNote, copyOf, databasePath, noteTexts, openIn, temporaryFolder } from './kit/folder.ts';

/** Every snapshot stays on the disk, however small. */
const paging: Disk = {
  ...nodeDisk,
  copies: false,
  paged: (path, whole) => (whole === undefined ? PagedFile.open(path, 1) : PagedFile.of(path, whole)),
};

async function filled(rows: number): Promise<Engine> {
  const engine = await Engine.open();
  createMeta(engine, 'test');
  engine.run('CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)');
  for (let n = 0; n < rows; n++)
    engine.run('INSERT INTO t (text) VALUES (?)', [`row ${n} ${'x'.repeat(n % 700)}`]);
  return engine;
}

describe('a snapshot in pieces', () => {
  it('is byte for byte the same, whatever the size of the pieces', async () => {
    const folder = temporaryFolder();
    const whole = join(folder, 'whole.db');
    const pieces = join(folder, 'pieces.db');
    const engine = await filled(400);
    const size = await writeSnapshot(nodeDisk, whole, engine, { seq: 7, epoch: 2 });
    expect(await writeSnapshot(nodeDisk, pieces, engine, { seq: 7, epoch: 2 }, 4096)).toBe(size);
    engine.close();
    expect(size).toBeGreaterThan(100_000);
    expect(readFileSync(pieces).equals(readFileSync(whole))).toBe(true);
    expect(checkStamp(readFileSync(pieces))).toBe('intact');
  });

  it('is checked in pieces, too, and no damage escapes that', async () => {
    const path = join(temporaryFolder(), 'a.db');
    const engine = await filled(200);
    await writeSnapshot(nodeDisk, path, engine, { seq: 1, epoch: 0 });
    engine.close();
    const bytes = readFileSync(path);
    for (const at of [undefined, 0, 30, 60, 150, 4096, bytes.length >> 1, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      if (at !== undefined) changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(path, changed);
      const file = PagedFile.open(path, 1);
      const stamp = file === undefined ? 'no file' : await checkPagedStamp(file, 5000);
      file?.close();
      expect(stamp, `byte ${at}`).toBe(at === undefined ? 'intact' : 'wrong');
    }
  });
});

describe('a database that stays on the disk', () => {
  it('reads and writes like one in memory, over compactions, clean stops and crashes', async () => {
    const folder = temporaryFolder();
    const first = await openIn(folder);
    for (let n = 0; n < 300; n++) await addNote(first, `${n} ${'y'.repeat(n * 3)}`);
    await first.close();
    const expected = Array.from({ length: 300 }, (_, n) => `${n} ${'y'.repeat(n * 3)}`);

    const paged = await openIn(folder, { disk: paging, lastSnapshotBytes: 1 });
    expect(noteTexts(paged)).toEqual(expected);
    await paged.write((tx) => {
      tx.run("UPDATE notes SET text = text || ' changed' WHERE id % 7 = 0");
      tx.run('DELETE FROM notes WHERE id % 5 = 0');
    });
    await expect(
      paged.write((tx) => {
        for (let n = 0; n < 2000; n++)
          tx.run('INSERT INTO notes (text) VALUES (?)', [`gone ${n} ${'z'.repeat(900)}`]);
        throw new Error('taken back');
      }),
    ).rejects.toThrow('taken back');
    await addNote(paged, 'new');
    const now = noteTexts(paged);
    expect(now).toHaveLength(241);
    const crashed = copyOf(folder);
    await paged.compact();
    await addNote(paged, 'after the compaction');
    expect(noteTexts(paged)).toEqual([...now, 'after the compaction']);
    await paged.close();

    for (const disk of [nodeDisk, paging]) {
      const again = await openIn(copyOf(folder), { disk });
      expect(noteTexts(again)).toEqual([...now, 'after the compaction']);
      await again.close();
      const survivor = await openIn(copyOf(crashed), { disk });
      expect(noteTexts(survivor)).toEqual(now);
      await survivor.close();
    }
  });

  it('is written anew when another program has changed it, so that only one start looks through all of it', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await addNote(db, 'one');
    await db.close();
    const path = databasePath(folder);
    const bytes = readFileSync(path);
    bytes.writeUInt32BE(7, 24); // the change counter: so SQLite's shell leaves it
    bytes.writeUInt32BE(7, 92);
    writeFileSync(path, bytes);
    expect(checkStamp(readFileSync(path))).toBe('unknown');
    const again = await openIn(folder, { disk: paging, lastSnapshotBytes: 1 });
    await expect.poll(() => again.stats().compactions).toBe(1);
    await addNote(again, 'two');
    await again.close();
    expect(checkStamp(readFileSync(path))).toBe('intact');
    const last = await openIn(folder, { disk: paging });
    expect(noteTexts(last)).toEqual(['one', 'two']);
    await last.close();
  });

  it('takes no snapshot at a clean stop when that would take long, and loses nothing by it', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await addNote(db, 'one');
    await db.close();
    const before = readFileSync(databasePath(folder)).length;
    for (const text of ['two', 'three']) {
      const again = await openIn(folder, { lastSnapshotBytes: before - 1 });
      await addNote(again, text);
      await again.close();
    }
    expect(readFileSync(databasePath(folder)).length).toBe(before);
    const last = await openIn(folder);
    expect(noteTexts(last)).toEqual(['one', 'two', 'three']);
    await last.close();
  });
});
