import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { Database } from '../../src/store/database.ts';
import { storageFailure } from '../../src/store/disk.ts';
import {
  addNote,
  copyOf,
  listeningLogger,
  notes,
  notesIn,
  noteTexts,
  openIn,
  temporaryFolder,
} from './kit/folder.ts';
import { MemoryDisk } from './kit/memory-disk.ts';

const JOURNAL = 'gateway-sessions-000000000001.log';
const memoryPath = '/data/gateway-sessions.db';

function openMemory(disk: MemoryDisk): Promise<Database> {
  return Database.open({ path: memoryPath, migrations: [notes], log: silentLogger, disk });
}

async function failureOf(promise: Promise<Database>): Promise<unknown> {
  try {
    const db = await promise;
    const found = noteTexts(db);
    await db.close();
    return `opened with ${found.join(', ')}`;
  } catch (error) {
    return error;
  }
}

/** A journal of three notes, each acknowledged before the next was asked for. */
async function threeNotes(): Promise<{
  readonly path: string;
  readonly bytes: Buffer;
  readonly lastAt: number;
}> {
  const disk = new MemoryDisk();
  const db = await openMemory(disk);
  await addNote(db, 'one');
  await addNote(db, 'two');
  const path = `/data/${JOURNAL}`;
  const lastAt = disk.contents().get(path)?.length ?? 0;
  await addNote(db, 'three');
  const bytes = disk.contents().get(path) ?? Buffer.alloc(0);
  return { path, bytes, lastAt };
}

it('a directory of another user is named as that, and nothing promises to try again', () => {
  for (const code of ['EACCES', 'EPERM', 'EROFS']) {
    const { message, hint } = storageFailure(Object.assign(new Error(`${code}: open`), { code }), '/data');
    expect(message).toContain('this user cannot write in /data');
    expect(hint).toContain('--data-dir');
    expect(hint).not.toContain('tries again');
  }
  const broken = storageFailure(Object.assign(new Error('EIO: write'), { code: 'EIO' }), '/data');
  expect(broken).toMatchObject({ code: 'storage_failed', hint: expect.stringContaining('tries again') });
});

describe('a journal', () => {
  it('ends exactly at its last record, and loses only that when it is cut anywhere within it', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await addNote(db, 'one');
    await addNote(db, 'two');
    const before = statSync(join(folder, JOURNAL)).size;
    await addNote(db, 'three');
    const whole = copyOf(folder);
    const after = statSync(join(whole, JOURNAL)).size;
    await db.close();
    expect(await notesIn(copyOf(whole))).toEqual(['one', 'two', 'three']);
    for (let size = before; size < after; size++) {
      const cut = copyOf(whole);
      truncateSync(join(cut, JOURNAL), size);
      const { log, warnings } = listeningLogger();
      const again = await openIn(cut, { log });
      expect(noteTexts(again)).toEqual(['one', 'two']);
      expect(warnings).toEqual(
        size === before ? [] : ['dropped the incomplete end of the journal: it was not acknowledged'],
      );
      expect(statSync(join(cut, JOURNAL)).size).toBe(before);
      await addNote(again, 'four');
      expect(await notesIn(copyOf(cut))).toEqual(['one', 'two', 'four']);
      await again.close();
      rmSync(cut, { recursive: true });
    }
  });

  it('refuses to open when any byte before its last record is another, and leaves every file as it is', async () => {
    const { path, bytes, lastAt } = await threeNotes();
    for (let at = 0; at < lastAt; at++) {
      for (const flip of [0x01, 0x20, 0xff]) {
        const disk = new MemoryDisk();
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ flip;
        disk.replace(path, flipped);
        expect(await failureOf(openMemory(disk)), `byte ${at}`).toMatchObject({ code: 'storage_damaged' });
        expect(disk.contents()).toEqual(new Map([[path, flipped]]));
        expect(disk.operations).toBe(0);
      }
    }
  });

  it('says which file is damaged, where, and what to do', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await addNote(db, 'one');
    const at = statSync(join(folder, JOURNAL)).size;
    await addNote(db, 'two');
    await addNote(db, 'three');
    const left = copyOf(folder);
    await db.close();
    const file = join(left, JOURNAL);
    const bytes = readFileSync(file);
    bytes[at + 20] = (bytes[at + 20] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const mode = statSync(file).mode;
    expect(await failureOf(openIn(left))).toMatchObject({
      code: 'storage_damaged',
      message: `${file} is damaged at byte ${at}: record 3 cannot be read`,
      hint: expect.stringContaining(`No file was changed. Restore ${file}`),
    });
    expect(readFileSync(file)).toEqual(bytes);
    expect(statSync(file).mode).toBe(mode);
    expect(readdirSync(left)).toEqual([JOURNAL, 'gateway-sessions.db']);
  });

  it('refuses to open when a group of records that was acknowledged together is damaged', async () => {
    const disk = new MemoryDisk();
    const db = await openMemory(disk);
    const start = disk.contents().get(`/data/${JOURNAL}`)?.length ?? 0;
    await Promise.all(['one', 'two', 'three'].map((text) => addNote(db, text)));
    // The seal behind a group is written when the group's callers have been told.
    await expect
      .poll(() => disk.contents().get(`/data/${JOURNAL}`)?.toString().trimEnd().endsWith(' 4 4'))
      .toBe(true);
    const bytes = disk.contents().get(`/data/${JOURNAL}`) ?? Buffer.alloc(0);
    for (let at = start; at < bytes.lastIndexOf('\n', bytes.length - 2); at++) {
      const left = new MemoryDisk();
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 0x01;
      left.replace(`/data/${JOURNAL}`, flipped);
      expect(await failureOf(openMemory(left)), `byte ${at}`).toMatchObject({ code: 'storage_damaged' });
    }
  });

  it('refuses to open when a segment between others is missing, cut short, or of another database', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder, { disk: undefined });
    await addNote(db, 'one');
    const first = copyOf(folder);
    await db.compact();
    await addNote(db, 'two');
    const second = copyOf(folder);
    await db.close();

    const withoutSnapshot = copyOf(second);
    rmSync(join(withoutSnapshot, 'gateway-sessions.db'));
    expect(await failureOf(openIn(withoutSnapshot))).toMatchObject({
      code: 'storage_damaged',
      message: expect.stringContaining('records 1 to 2 are missing before it'),
    });

    const cutShort = copyOf(withoutSnapshot);
    cpSync(join(first, JOURNAL), join(cutShort, JOURNAL));
    expect(await notesIn(copyOf(cutShort))).toEqual(['one', 'two']);
    truncateSync(join(cutShort, JOURNAL), statSync(join(cutShort, JOURNAL)).size - 1);
    expect(await failureOf(openIn(cutShort))).toMatchObject({ code: 'storage_damaged' });

    const other = temporaryFolder();
    const stranger = await openIn(other);
    await addNote(stranger, 'of another');
    cpSync(join(other, JOURNAL), join(first, JOURNAL));
    cpSync(join(folder, 'gateway-sessions.db'), join(first, 'gateway-sessions.db'));
    await stranger.close();
    expect(await failureOf(openIn(first))).toMatchObject({
      code: 'storage_damaged',
      message: expect.stringContaining('belongs to another database'),
    });
  });

  it('that is older than the snapshot beside it is left out', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await addNote(db, 'one');
    const early = copyOf(folder);
    await addNote(db, 'two');
    await db.close();
    cpSync(join(early, JOURNAL), join(folder, JOURNAL));
    const again = await openIn(folder);
    await addNote(again, 'three');
    expect(await notesIn(copyOf(folder))).toEqual(['one', 'two', 'three']);
    await again.close();
    expect(readdirSync(folder)).toEqual(['gateway-sessions.db']);
  });
});

describe('a snapshot', () => {
  it('is refused or the same when any byte of it is another', async () => {
    const disk = new MemoryDisk();
    const db = await openMemory(disk);
    for (const text of ['one', 'two', 'three']) await addNote(db, text);
    await db.close();
    const bytes = disk.contents().get(memoryPath) ?? Buffer.alloc(0);
    for (let at = 0; at < bytes.length; at += at < 200 ? 1 : 37) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      const left = new MemoryDisk();
      left.replace(memoryPath, flipped);
      const answer = await failureOf(openMemory(left));
      if (answer === 'opened with one, two, three') continue;
      expect(answer, `byte ${at}`).toMatchObject({ code: 'storage_damaged' });
      expect(left.contents().get(memoryPath)).toEqual(flipped);
      expect(left.operations).toBe(0);
    }
  });

  it('that somebody has edited with another program is taken as it is', async () => {
    const { DatabaseSync } = await import('node:sqlite');
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await addNote(db, 'one');
    await db.close();
    const editor = new DatabaseSync(join(folder, 'gateway-sessions.db'));
    editor.exec("PRAGMA journal_mode=WAL; INSERT INTO notes (text) VALUES ('by hand')");
    const inTheMiddle = copyOf(folder);
    editor.close();
    expect(readdirSync(inTheMiddle)).toContain('gateway-sessions.db-wal');
    for (const left of [folder, inTheMiddle]) {
      expect(await notesIn(left)).toEqual(['one', 'by hand']);
      expect(readdirSync(left)).toEqual(['gateway-sessions.db']);
      expect(await notesIn(left)).toEqual(['one', 'by hand']);
    }
  });

  it('of another program is refused by name', async () => {
    const { DatabaseSync } = await import('node:sqlite');
    const folder = temporaryFolder();
    new DatabaseSync(join(folder, 'gateway-sessions.db')).exec('CREATE TABLE theirs (x)');
    expect(await failureOf(openIn(folder))).toMatchObject({ code: 'storage_foreign' });
  });

  it('beside which another program left an unfinished write is refused with the way out', async () => {
    const folder = temporaryFolder();
    const db = await openIn(folder);
    await addNote(db, 'one');
    await db.close();
    writeFileSync(
      join(folder, 'gateway-sessions.db-journal'),
      Buffer.from('d9d505f920a163d7000000010000000000000001', 'hex'),
    );
    expect(await failureOf(openIn(folder))).toMatchObject({
      code: 'storage_damaged',
      hint: expect.stringContaining('sqlite3'),
    });
  });
});
