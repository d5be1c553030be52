import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { Database } from '../../src/store/database.ts';
import { tries } from '../support/tries.ts';
import { type Body, body, Ledger, ledgerMigrations } from './kit/ledger.ts';
import { MemoryDisk, type Operation, randomFrom, systemError } from './kit/memory-disk.ts';

const path = '/data/gateway-sessions.db';

function open(disk: MemoryDisk): Promise<Database> {
  return Database.open({
    path,
    migrations: ledgerMigrations,
    log: silentLogger,
    disk,
    compactAfterBytes: 8_000,
  });
}

type Step =
  | { readonly kind: 'writes'; readonly bodies: readonly Body[] }
  | { readonly kind: 'compact' | 'reopen' | 'pause' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('writes' as const),
      bodies: fc.array(body, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('compact', 'compact', 'reopen', 'pause') }) },
);

async function take(step: Step, db: Database, ledger: Ledger, disk: MemoryDisk): Promise<Database> {
  switch (step.kind) {
    case 'writes':
      await Promise.all(step.bodies.map((body) => ledger.write(db, body)));
      return db;
    case 'compact':
      await db.compact().catch(() => {});
      return db;
    case 'pause':
      // Lets the seal of a group be written.
      await new Promise((resolve) => setTimeout(resolve, 1));
      return db;
    case 'reopen':
      await db.close();
      return open(disk);
  }
}

describe('after a crash at any moment', () => {
  it('finds everything acknowledged, nothing that threw, and no transaction without those before it', async () => {
    const run = fc.record({
      steps: fc.array(step, { minLength: 1, maxLength: 12 }),
      crashAt: fc.integer({ min: 1, max: 90 }),
      powerCut: fc.boolean(),
      paging: fc.boolean(),
      writesSynced: fc.boolean(),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(run, async ({ steps, crashAt, powerCut, paging, writesSynced, seed }) => {
        const disk = paging ? new MemoryDisk().paging() : new MemoryDisk();
        disk.writesSynced = writesSynced;
        const ledger = new Ledger();
        const image = (): MemoryDisk => (powerCut ? disk.afterPowerCut(randomFrom(seed)) : disk.afterKill());
        let left: MemoryDisk | undefined;
        disk.before = () => {
          if (disk.operations < crashAt) return;
          left ??= image();
          throw systemError('EIO');
        };
        try {
          let db = await open(disk);
          for (const step of steps) if (left === undefined) db = await take(step, db, ledger, disk);
        } catch (error) {
          if (left === undefined) throw error;
        }
        left ??= image();
        const again = await open(left);
        ledger.check(again, true);
        // Life goes on in what was found, and a clean stop changes nothing of it.
        await ledger.write(again, { key: 1, length: 10, action: 'put' });
        ledger.check(again, true);
        await again.close();
        const last = await open(left.afterKill());
        ledger.check(last, true);
        await last.close();
      }),
      { numRuns: tries(300) },
    );
  }, 120_000);

  it('finds everything at each step of a compaction, of a clean stop, and of the start after it', {
    timeout: 120_000,
  }, async () => {
    const disk = new MemoryDisk().paging();
    const ledger = new Ledger();
    const put = (db: Database, key: number): Promise<void> =>
      ledger.write(db, { key, length: 900, action: 'put' });
    const left: {
      readonly operation: Operation;
      readonly disk: MemoryDisk;
      readonly acknowledged: number;
    }[] = [];
    disk.after = (operation) => {
      const { acknowledged } = ledger;
      left.push({ operation, disk: disk.afterKill(), acknowledged });
      for (let seed = 0; seed < 5; seed++)
        left.push({ operation, disk: disk.afterPowerCut(randomFrom(seed)), acknowledged });
    };
    let db = await open(disk);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 4; i++) await put(db, i);
      await Promise.all([db.compact(), put(db, 4), put(db, 5)]);
      await put(db, 1);
      await db.close();
      db = await open(disk);
    }
    await put(db, 2);
    await db.close();
    const kinds = new Set(left.map(({ operation }) => operation.kind));
    expect([...kinds].sort()).toEqual(['open', 'remove', 'rename', 'sync', 'syncFolder', 'write']);
    for (const image of left) {
      const again = await open(image.disk);
      const found = Number(again.get('SELECT count(*) AS n FROM done')?.['n']);
      expect(found, `after ${image.operation.kind} ${image.operation.path}`).toBeGreaterThanOrEqual(
        image.acknowledged,
      );
      await again.close();
    }
  });

  it('finds a record that was synced alone behind a seal that was not', async () => {
    const disk = new MemoryDisk();
    disk.writesSynced = true;
    const db = await open(disk);
    const ledger = new Ledger();
    for (let group = 0; group < 3; group++) {
      await Promise.all([1, 2].map((key) => ledger.write(db, { key, length: 10, action: 'put' })));
      await new Promise((resolve) => setTimeout(resolve, 2)); // lets the seal be written
      await ledger.write(db, { key: 3, length: 10, action: 'put' });
      for (let seed = 0; seed < 20; seed++) {
        const again = await open(disk.afterPowerCut(randomFrom(seed)));
        ledger.check(again, true);
        await again.close();
      }
    }
    await db.close();
  });
});
