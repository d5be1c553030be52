import { describe, expect, it } from 'vitest';
import { FolderLostError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { Database, type Disk, type DiskFile } from '../../src/store/database.ts';
import { inFull } from '../support/tries.ts';
import { addNote, notes, noteTexts } from './kit/folder.ts';
import { MemoryDisk } from './kit/memory-disk.ts';

const path = '/data/gateway-sessions.db';

/** A disk that holds up its user before one of its operations: a process that is suspended in the middle. */
class Suspending implements Disk {
  readonly #disk: Disk;
  readonly #at: number;
  readonly resume: () => void;
  readonly suspended: Promise<void>;
  #operations = 0;
  #suspend: () => void = () => {};
  readonly #resumed: Promise<void>;

  constructor(disk: Disk, at: number) {
    this.#disk = disk;
    this.#at = at;
    let resume: () => void = () => {};
    this.#resumed = new Promise((resolve) => {
      resume = resolve;
    });
    this.resume = resume;
    this.suspended = new Promise((resolve) => {
      this.#suspend = resolve;
    });
  }

  async #gate(): Promise<void> {
    if (++this.#operations !== this.#at) return;
    this.#suspend();
    await this.#resumed;
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    await this.#gate();
    return this.#disk.read(name);
  }
  async list(folder: string): Promise<string[]> {
    await this.#gate();
    return this.#disk.list(folder);
  }
  async open(name: string, how: 'create' | 'existing'): Promise<DiskFile> {
    await this.#gate();
    const file = await this.#disk.open(name, how);
    return {
      write: async (bytes, position) => {
        await this.#gate();
        return file.write(bytes, position);
      },
      sync: async () => {
        await this.#gate();
        return file.sync();
      },
      truncate: async (length) => {
        await this.#gate();
        return file.truncate(length);
      },
      close: () => file.close(),
    };
  }
  async rename(from: string, to: string): Promise<void> {
    await this.#gate();
    return this.#disk.rename(from, to);
  }
  async remove(name: string): Promise<void> {
    await this.#gate();
    return this.#disk.remove(name);
  }
  async syncFolder(folder: string): Promise<void> {
    await this.#gate();
    return this.#disk.syncFolder(folder);
  }
  protectFolder(folder: string): Promise<void> {
    return this.#disk.protectFolder(folder);
  }
  protectFile(name: string): Promise<void> {
    return this.#disk.protectFile(name);
  }
}

function open(disk: Disk, fence: () => void = () => {}): Promise<Database> {
  return Database.open({ path, migrations: [notes], log: silentLogger, disk, fence });
}

/** Writes on until it is done or learns that it has lost the store. */
async function holder(disk: Disk, fence: () => void, acknowledged: string[]): Promise<void> {
  const db = await open(disk, fence);
  const put = async (text: string): Promise<void> => {
    await addNote(db, text);
    acknowledged.push(text);
  };
  try {
    await put('h1');
    await Promise.all([put('h2'), put('h3')]);
    await db.compact();
    await put('h4');
    await put('h5');
  } finally {
    await db.close();
  }
}

describe('a holder that is suspended while a successor takes over', () => {
  it('costs neither of them a change that was acknowledged, wherever it goes on', {
    timeout: 120_000,
  }, async () => {
    let whole = false;
    let cases = 0;
    const full = inFull(import.meta.filename);
    const ends = ['crash', 'compact', 'close'] as const;
    for (let at = 1; !whole; at++)
      // In turn, and each at every place where the store has changed.
      for (const end of full ? ends : [ends[at % 3]]) {
        const disk = new MemoryDisk();
        const first = await open(disk);
        await addNote(first, 'before');
        if (at % 2 === 0) await first.close();
        const suspending = new Suspending(disk, at);
        let taken = false;
        const fence = (): void => {
          if (taken) throw new FolderLostError('/data', 'another gateway has taken over');
        };
        const acknowledged: string[] = ['before'];
        const ran = holder(suspending, fence, acknowledged).then(
          () => 'done' as const,
          (error: unknown) => error,
        );
        if ((await Promise.race([suspending.suspended.then(() => 'suspended'), ran])) !== 'suspended') {
          whole = true;
          continue;
        }
        taken = true;
        cases++;
        const before = [...acknowledged];
        const successor = await open(disk);
        expect(noteTexts(successor), `${at} ${end}`).toEqual(expect.arrayContaining(before));
        await addNote(successor, 's1');
        if (end === 'compact') await successor.compact();
        await addNote(successor, 's2');
        if (end === 'close') await successor.close();
        suspending.resume();
        await ran;
        // Whatever the holder acknowledged after it went on had been on the disk when the successor read it.
        for (const left of [disk, disk.afterKill()]) {
          const last = await open(left);
          expect(noteTexts(last), `${at} ${end}`).toEqual(
            expect.arrayContaining([...acknowledged, 's1', 's2']),
          );
          await addNote(last, `again ${left === disk}`);
          await last.close();
          const once = await open(left);
          expect(noteTexts(once)).toContain(`again ${left === disk}`);
          await once.close();
        }
        if (end !== 'close') await successor.close().catch(() => {});
      }
    expect(cases).toBeGreaterThan(full ? 60 : 20);
  });

  it('is told so by every write from then on, and leaves the snapshot to its successor', async () => {
    const disk = new MemoryDisk();
    let taken = false;
    const fence = (): void => {
      if (taken) throw new FolderLostError('/data', 'the lock was removed');
    };
    const db = await open(disk, fence);
    await addNote(db, 'one');
    const before = disk.contents().get(path);
    taken = true;
    await expect(addNote(db, 'two')).rejects.toMatchObject({ code: 'folder_lost' });
    taken = false;
    // A check that failed between the disk and the acknowledgment is for good, too.
    await db.close();
    expect(before).toBeDefined();
    const again = await open(disk);
    expect(noteTexts(again)).toEqual(['one']);
    await again.close();
  });

  it('does not acknowledge what it wrote while the lock went', async () => {
    const disk = new MemoryDisk();
    let looks = 0;
    const fence = (): void => {
      if (++looks > limit) throw new FolderLostError('/data', 'the lock was removed');
    };
    let limit = Number.POSITIVE_INFINITY;
    const db = await open(disk, fence);
    await addNote(db, 'one');
    limit = looks + 1;
    await expect(addNote(db, 'two')).rejects.toMatchObject({ code: 'folder_lost' });
    expect(noteTexts(db)).toEqual(['one']);
    await expect(addNote(db, 'three')).rejects.toMatchObject({ code: 'folder_lost' });
    await db.close();
  });
});

describe('a journal that was removed or emptied', () => {
  const journals = (disk: MemoryDisk): string[] =>
    [...disk.contents().keys()].filter((name) => name.endsWith('.log'));

  async function left(compacted: boolean): Promise<MemoryDisk> {
    const disk = new MemoryDisk();
    const db = await open(disk);
    await addNote(db, 'one');
    if (compacted) await db.compact();
    await addNote(db, 'two');
    return disk.afterKill();
  }

  for (const compacted of [false, true])
    for (const how of ['removed', 'emptied'] as const)
      it(`stops the start of a store that was ${compacted ? '' : 'not '}compacted when it was ${how}`, async () => {
        const disk = await left(compacted);
        const [newest = ''] = journals(disk).slice(-1);
        if (how === 'removed') await disk.remove(newest);
        else disk.replace(newest, Buffer.alloc(0));
        const files = disk.contents();
        await expect(open(disk)).rejects.toMatchObject({
          code: 'journal_missing',
          message: expect.stringContaining(newest),
          hint: expect.stringContaining('--accept-lost-changes'),
        });
        expect(disk.contents()).toEqual(files);
      });

  it('is accepted once when the operator says so, and the next start is a usual one', async () => {
    const disk = await left(true);
    for (const name of journals(disk)) await disk.remove(name);
    const accepted = await Database.open({
      path,
      migrations: [notes],
      log: silentLogger,
      disk,
      acceptLostChanges: true,
    });
    expect(noteTexts(accepted)).toEqual(['one']);
    await addNote(accepted, 'three');
    const again = await open(disk.afterKill());
    expect(noteTexts(again)).toEqual(['one', 'three']);
    await again.close();
    await accepted.close();
  });

  it('is not missed after a clean stop', async () => {
    const disk = await left(true);
    await (await open(disk)).close();
    expect(journals(disk)).toEqual([]);
    const again = await open(disk);
    expect(noteTexts(again)).toEqual(['one', 'two']);
    await again.close();
  });
});
