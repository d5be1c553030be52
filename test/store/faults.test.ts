import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { Database } from '../../src/store/database.ts';
import { tries } from '../support/tries.ts';
import { addNote, notes, noteTexts } from './kit/folder.ts';
import { body, Ledger, ledgerMigrations } from './kit/ledger.ts';
import { MemoryDisk, type Operation, randomFrom, systemError } from './kit/memory-disk.ts';

const path = '/data/gateway-sessions.db';

function open(disk: MemoryDisk): Promise<Database> {
  return Database.open({ path, migrations: [notes], log: silentLogger, disk });
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'fulfilled';
  } catch (error) {
    return error instanceof GatewayError ? error.code : String(error);
  }
}

/** Makes every operation of these kinds on the journal fail. */
function breakJournal(disk: MemoryDisk, code: string, ...kinds: Operation['kind'][]): void {
  disk.before = ({ kind, path }) => {
    if (path.endsWith('.log') && kinds.includes(kind)) throw systemError(code);
  };
}

function heal(disk: MemoryDisk): void {
  disk.before = () => {};
}

describe('a disk that refuses', () => {
  for (const [code, expected, ...kinds] of [
    ['ENOSPC', 'storage_full', 'write'],
    ['ENOSPC', 'storage_full', 'sync'],
    ['EDQUOT', 'storage_full', 'write'],
    ['EIO', 'storage_failed', 'write'],
    ['EIO', 'storage_failed', 'sync'],
    ['ENOSPC', 'storage_full', 'write', 'truncate'],
    ['EIO', 'storage_failed', 'sync', 'truncate', 'open'],
  ] as const) {
    it(`keeps what was acknowledged and nothing else when ${kinds.join(', ')} answers ${code}, and recovers`, async () => {
      const disk = new MemoryDisk();
      const db = await open(disk);
      await addNote(db, 'before');
      breakJournal(disk, code, ...kinds);
      const refused = [addNote(db, 'refused 1'), addNote(db, 'refused 2')];
      expect(await Promise.all(refused.map(codeOf))).toEqual([expected, expected]);
      expect(noteTexts(db)).toEqual(['before']);
      expect(await codeOf(addNote(db, 'refused 3'))).toBe(expected);
      heal(disk);
      await addNote(db, 'after');
      expect(noteTexts(db)).toEqual(['before', 'after']);
      for (const left of [disk.afterKill(), disk.afterPowerCut(randomFrom(1))]) {
        const again = await open(left);
        expect(noteTexts(again)).toEqual(['before', 'after']);
        await again.close();
      }
      await db.close();
      const last = await open(disk);
      expect(noteTexts(last)).toEqual(['before', 'after']);
      await last.close();
    });
  }

  it('says in a sentence what is wrong and what to do', async () => {
    const disk = new MemoryDisk();
    const db = await open(disk);
    breakJournal(disk, 'ENOSPC', 'write');
    const error = await addNote(db, 'x').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'storage_full',
      status: 507,
      message: `the disk is full: nothing can be stored in ${path}`,
      hint: 'Free some disk space. The gateway resumes automatically.',
    });
    heal(disk);
    await db.close();
  });

  it('is reported once, and once more when it takes records again', async () => {
    const disk = new MemoryDisk();
    const lines: string[] = [];
    const log = {
      ...silentLogger,
      error: (message: string) => void lines.push(message),
      info: (message: string) => void lines.push(message),
    };
    const db = await Database.open({ path, migrations: [notes], log, disk });
    lines.length = 0;
    breakJournal(disk, 'ENOSPC', 'write');
    for (let i = 0; i < 3; i++) await codeOf(addNote(db, `refused ${i}`));
    heal(disk);
    for (let i = 0; i < 3; i++) await addNote(db, `kept ${i}`);
    expect(lines).toEqual([
      `the disk is full: nothing can be stored in ${path}`,
      'changes can be stored again',
    ]);
    await db.close();
  });

  it('tells whoever waits for what reads see that it is gone', async () => {
    const disk = new MemoryDisk();
    const db = await open(disk);
    let waiting: Promise<string> | undefined;
    disk.before = ({ kind, path }) => {
      if (kind !== 'sync' || !path.endsWith('.log') || waiting !== undefined) return;
      expect(noteTexts(db)).toEqual(['soon']);
      waiting = codeOf(db.flushed());
      throw systemError('ENOSPC');
    };
    expect(await codeOf(addNote(db, 'soon'))).toBe('storage_full');
    expect(await waiting).toBe('storage_full');
    expect(noteTexts(db)).toEqual([]);
    expect(await codeOf(db.flushed())).toBe('fulfilled');
    await db.close();
  });

  it('leaves the journal to the next start when the last snapshot does not fit', async () => {
    const disk = new MemoryDisk();
    const db = await open(disk);
    await addNote(db, 'kept');
    disk.before = ({ kind, path }) => {
      if (kind === 'write' && path.endsWith('.tmp')) throw systemError('ENOSPC');
    };
    await db.close();
    expect([...disk.contents().keys()].sort()).toEqual([
      '/data/gateway-sessions-000000000001.log',
      '/data/gateway-sessions.db',
    ]);
    heal(disk);
    const again = await open(disk);
    expect(noteTexts(again)).toEqual(['kept']);
    await again.close();
  });

  it('leaves the journal alone when a compaction does not fit, and gives the room back', async () => {
    const disk = new MemoryDisk();
    const db = await open(disk);
    await addNote(db, 'one');
    disk.before = ({ kind, path }) => {
      if (kind === 'write' && path.endsWith('.tmp')) throw systemError('ENOSPC');
    };
    await expect(db.compact()).rejects.toThrow('ENOSPC');
    await addNote(db, 'two');
    expect([...disk.contents().keys()].filter((name) => name.endsWith('.tmp'))).toEqual([]);
    heal(disk);
    await db.compact();
    expect(db.stats().compactions).toBe(1);
    const again = await open(disk.afterKill());
    expect(noteTexts(again)).toEqual(['one', 'two']);
    await again.close();
    await db.close();
  });

  it('cuts refused records away for good, not only until the power fails', async () => {
    const disk = new MemoryDisk();
    const db = await open(disk);
    await addNote(db, 'kept');
    let failures = 1;
    disk.before = ({ kind, path }) => {
      if (kind === 'sync' && path.endsWith('.log') && failures-- > 0) throw systemError('ENOSPC');
    };
    expect(await codeOf(addNote(db, 'refused'))).toBe('storage_full');
    for (let seed = 0; seed < 20; seed++) {
      const again = await open(disk.afterPowerCut(randomFrom(seed)));
      expect(noteTexts(again)).toEqual(['kept']);
      await again.close();
    }
    await db.close();
  });

  it('goes on in a new file after a sync that failed for another reason than room', async () => {
    const disk = new MemoryDisk();
    const db = await open(disk);
    await addNote(db, 'kept');
    let failures = 1;
    disk.before = ({ kind, path }) => {
      if (kind === 'sync' && path.endsWith('.log') && failures-- > 0) throw systemError('EIO');
    };
    expect(await codeOf(addNote(db, 'refused'))).toBe('storage_failed');
    expect(db.stats().segments).toBe(1);
    await addNote(db, 'after');
    expect(db.stats().segments).toBe(2);
    await db.close();
  });

  it('does not let an old segment grow beside a new one that could be neither finished nor removed', async () => {
    const disk = new MemoryDisk();
    const db = await open(disk);
    await addNote(db, 'one');
    let failing = true;
    disk.before = ({ kind, path }) => {
      if (failing && (kind === 'syncFolder' || (kind === 'remove' && path.endsWith('.log'))))
        throw systemError('EIO');
    };
    await expect(db.compact()).rejects.toThrow('EIO');
    expect(await codeOf(addNote(db, 'refused'))).toBe('storage_failed');
    failing = false;
    await addNote(db, 'two');
    for (const left of [disk.afterKill(), disk.afterPowerCut(randomFrom(3))]) {
      const again = await open(left);
      expect(noteTexts(again)).toEqual(['one', 'two']);
      await again.close();
    }
    await db.close();
  });

  it('never keeps what it refused nor loses what it took, whatever fails in between', async () => {
    const run = fc.record({
      groups: fc.array(fc.array(body, { minLength: 1, maxLength: 4 }), { minLength: 3, maxLength: 12 }),
      failing: fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 12 })), {
        minLength: 1,
        maxLength: 4,
      }),
      code: fc.constantFrom('ENOSPC', 'EIO', 'EDQUOT'),
      paging: fc.boolean(),
      writesSynced: fc.boolean(),
      compactAfterBytes: fc.constantFrom(500, 5_000, 1_000_000),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(
        run,
        async ({ groups, failing, code, paging, writesSynced, compactAfterBytes, seed }) => {
          const disk = paging ? new MemoryDisk().paging() : new MemoryDisk();
          disk.writesSynced = writesSynced;
          const ledger = new Ledger();
          const options = { path, migrations: ledgerMigrations, log: silentLogger, disk, compactAfterBytes };
          const db = await Database.open(options);
          const start = disk.operations;
          disk.before = () => {
            const at = disk.operations - start;
            if (failing.some(([from, length]) => at >= from && at < from + length)) throw systemError(code);
          };
          for (const group of groups) await Promise.all(group.map((body) => ledger.write(db, body)));
          heal(disk);
          ledger.check(db, false);
          await ledger.write(db, { key: 0, length: 5, action: 'put' });
          ledger.check(db, false);
          for (const left of [disk.afterKill(), disk.afterPowerCut(randomFrom(seed))]) {
            const again = await Database.open({ ...options, disk: left });
            ledger.check(again, false);
            await again.close();
          }
          await db.close();
          const last = await Database.open(options);
          ledger.check(last, false);
          await last.close();
        },
      ),
      { numRuns: tries(300) },
    );
  }, 120_000);
});
