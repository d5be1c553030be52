import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/store/disk.ts';
import { type FrozenPages, openBase, PagedFile } from '../../src/store/paged-file.ts';
import { addNote, copyOf, notesIn, noteTexts, openIn, temporaryFolder } from './kit/folder.ts';

const SIZE = 400_000;
const MB = 1024 * 1024;

const act = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      set: fc.nat(SIZE - 9000),
      length: fc.integer({ min: 1, max: 9000 }),
      value: fc.nat(255),
    }),
  },
  { weight: 3, arbitrary: fc.record({ read: fc.nat(SIZE), length: fc.integer({ min: 1, max: 9000 }) }) },
  { weight: 1, arbitrary: fc.constantFrom('freeze', 'stand', 'fail') },
);

function whole(pieces: Iterable<Uint8Array>): Buffer {
  const copies: Buffer[] = [];
  for (const piece of pieces) copies.push(Buffer.from(piece));
  return Buffer.concat(copies);
}

describe('a paged file', () => {
  it('holds what was written, over freezes, new snapshots and those that failed', async () => {
    const folder = temporaryFolder();
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(act, { maxLength: 60 }), async (onDisk, acts) => {
        const path = join(folder, 'a.db');
        const expected = Buffer.alloc(SIZE);
        for (let at = 0; at < 200_000; at++) expected[at] = at % 251;
        writeFileSync(path, expected.subarray(0, 200_000));
        const file = onDisk ? PagedFile.open(path, 1) : PagedFile.of(path, readFileSync(path));
        if (file === undefined) throw new Error('no file');
        let frozen: { readonly pages: FrozenPages; readonly then: Buffer } | undefined;
        for (const next of acts) {
          if (next === 'freeze') {
            const then = Buffer.from(expected);
            frozen = { pages: await file.freeze(SIZE), then };
          } else if (next === 'fail') frozen = undefined;
          else if (next === 'stand') {
            if (frozen === undefined) continue;
            const { pages, then } = frozen;
            const written = whole(PagedFile.frozen(path, pages).pieces(SIZE, 64 * 1024));
            expect(written.equals(then)).toBe(true);
            writeFileSync(`${path}.new`, written);
            const base = openBase(`${path}.new`);
            renameSync(`${path}.new`, path);
            file.standOn(base, pages);
            frozen = undefined;
          } else if ('set' in next) {
            const bytes = new Uint8Array(next.length).fill(next.value);
            file.set(bytes, next.set);
            expected.set(bytes, next.set);
          } else {
            const to = Math.min(next.read + next.length, SIZE);
            expect(Buffer.from(file.subarray(next.read, to)).equals(expected.subarray(next.read, to))).toBe(
              true,
            );
          }
        }
        expect(whole(file.pieces(SIZE, 100_000)).equals(expected)).toBe(true);
        file.close();
      }),
      { numRuns: 25 },
    );
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('keeps a few megabytes in memory, however much is written', async () => {
    const path = join(temporaryFolder(), 'a.db');
    const file = PagedFile.of(path, new Uint8Array(4096));
    const block = new Uint8Array(4096);
    const blocks = (40 * MB) / 4096;
    for (let n = 0; n < blocks; n++) {
      new DataView(block.buffer).setUint32(0, n);
      file.set(block, n * 4096);
    }
    expect(file.changed.bytes).toBe(40 * MB);
    expect(file.changed.memoryBytes).toBeLessThanOrEqual(8 * MB);
    await file.freeze(40 * MB);
    expect(file.changed.memoryBytes).toBe(0);
    for (const n of [0, 1, 5000, blocks - 1])
      expect(Buffer.from(file.subarray(n * 4096, n * 4096 + 4)).readUInt32BE()).toBe(n);
    file.close();
  });

  it('keeps everything in memory while the disk has no room for its scratch file', () => {
    const file = PagedFile.of(join(temporaryFolder(), 'gone', 'a.db'), new Uint8Array(4096));
    const block = new Uint8Array(4096).fill(7);
    for (let n = 0; n < (12 * MB) / 4096; n++) file.set(block, n * 4096);
    expect(file.changed.memoryBytes).toBe(12 * MB);
    expect(file.subarray(0, 4)).toEqual(new Uint8Array(4).fill(7));
    file.close();
  });
});

describe('a young store', () => {
  it('stands on its file from the first compaction on, and loses nothing in a crash at any time', {
    timeout: 120_000,
  }, async () => {
    const folder = temporaryFolder();
    // A disk of its own: compactions run here, and not each in a thread that has to start.
    const db = await openIn(folder, { compactAfterBytes: 1, disk: { ...nodeDisk, copies: false } });
    const expected: string[] = [];
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 8; n++) {
        expected.push(`${round}.${n} ${'x'.repeat(n * 70_000)}`);
        await addNote(db, expected.at(-1) ?? '');
      }
      if (round === 1) await db.write((tx) => tx.run("UPDATE notes SET text = text || '!' WHERE id % 9 = 0"));
      expect(await notesIn(copyOf(folder))).toEqual(noteTexts(db));
    }
    await db.compact();
    const { snapshotBytes, compactions } = db.stats();
    expect(compactions).toBeGreaterThan(1);
    expect(snapshotBytes).toBeGreaterThan(4 * MB);
    const texts = noteTexts(db);
    expect(texts).toHaveLength(expected.length);
    await db.close();
    expect(readdirSync(folder)).toEqual(['gateway-sessions.db']);
    expect(await notesIn(folder, { disk: { ...nodeDisk, paged: () => undefined } })).toEqual(texts);
  });
});
