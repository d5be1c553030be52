import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Disk, nodeDisk } from '../../src/store/disk.ts';
import { PagedFile } from '../../src/store/paged-file.ts';
import { addNote, copyOf, notesIn, openIn, temporaryFolder } from './kit/folder.ts';

const CANARY = 'canary-4711';

/** Files of the folder in which a word is found. */
function filesWith(folder: string, word: string): string[] {
  return readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(word));
}

describe('a purge', () => {
  it.each([
    ['in the memory of the process', 40, {}],
    ['that stays on the disk', 4_000, {}],
    ['that is cleaned on the disk, too', 2_000, { purgeOnDiskFrom: 0 }],
  ])(
    'leaves nothing of deleted rows in any file of a store %s, and all others',
    async (_which, rows, how) => {
      const folder = temporaryFolder();
      let db = await openIn(folder, how);
      const text = (i: number): string => `${i % 3 === 0 ? CANARY : 'kept'} ${i} ${'x'.repeat(400)}`;
      const add = (from: number, to: number): Promise<unknown> =>
        Promise.all(Array.from({ length: to - from }, (_, i) => addNote(db, text(from + i))));
      await add(0, rows);
      await db.close();
      writeFileSync(join(folder, 'gateway-sessions.db.bak-20260101T000000Z'), `an old ${CANARY}`);
      db = await openIn(folder, how);
      await add(rows, rows + 20);
      expect(filesWith(folder, CANARY)).toHaveLength(3); // snapshot, journal, copy
      await db.write((tx) => tx.run('DELETE FROM notes WHERE text LIKE ?', [`${'canary'}%`]));
      await db.purge();
      expect(filesWith(folder, CANARY)).toEqual([]);
      expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
      await db.write((tx) => tx.run('UPDATE notes SET score = 1 WHERE id = 2'));
      const kept = Array.from({ length: rows + 20 }, (_, i) => text(i)).filter((each) =>
        each.startsWith('kept'),
      );
      // What a kill leaves is whole; so is what is written afterwards, and what a clean stop leaves.
      expect(await notesIn(copyOf(folder))).toEqual(kept);
      await addNote(db, 'later');
      await db.compact();
      await addNote(db, 'last');
      expect(await notesIn(copyOf(folder))).toEqual([...kept, 'later', 'last']);
      await db.close();
      expect(await notesIn(folder)).toEqual([...kept, 'later', 'last']);
      expect(filesWith(folder, CANARY)).toEqual([]);
    },
  );

  it('leaves a small store on the disk as well: it may grow', async () => {
    const files: PagedFile[] = [];
    const paging: Disk = {
      ...nodeDisk,
      copies: false,
      paged(path, whole) {
        const file = whole === undefined ? PagedFile.open(path, 2 ** 22) : PagedFile.of(path, whole);
        if (file !== undefined) files.push(file);
        return file;
      },
    };
    const folder = temporaryFolder();
    const db = await openIn(folder, { disk: paging });
    await addNote(db, 'kept');
    await db.purge();
    const later = Array.from({ length: 70 }, (_, n) => `later ${n}`);
    for (const text of later) await addNote(db, text);
    const [, behind] = files;
    expect(behind).toMatchObject({ adopted: true, detached: false });
    expect(behind?.changed.bytes).toBeGreaterThan(0);
    await db.compact();
    expect(behind?.changed.bytes).toBe(4096); // the first page only
    expect(await notesIn(copyOf(folder))).toEqual(['kept', ...later]);
    await db.close();
  });
});
