import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/gateway/log.ts';
import { Database, type Migration } from '../../../src/gateway/store/database.ts';
import { MemoryDisk, type Random, systemError } from './kit/memory-disk.ts';

const path = '/data/gateway-sessions.db';
const migrations: readonly Migration[] = [
  {
    version: 1,
    name: 'ledger',
    statements: [
      'CREATE TABLE done (n INTEGER PRIMARY KEY)',
      'CREATE TABLE state (key INTEGER PRIMARY KEY, value TEXT NOT NULL)',
    ],
  },
];

/** One step of a run; numbers choose sizes and keys. */
type Step =
  | { readonly kind: 'writes'; readonly bodies: readonly Body[] }
  | { readonly kind: 'compact' }
  | { readonly kind: 'reopen' }
  | { readonly kind: 'pause' };

interface Body {
  readonly key: number;
  readonly length: number;
  readonly action: 'put' | 'delete' | 'throw';
}

const body: fc.Arbitrary<Body> = fc.record({
  key: fc.integer({ min: 0, max: 5 }),
  length: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 3000 })),
  action: fc.constantFrom('put', 'put', 'put', 'delete', 'throw'),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('writes' as const),
      bodies: fc.array(body, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('compact' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pause' as const) }) },
);

function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function open(disk: MemoryDisk): Promise<Database> {
  return Database.open({ path, migrations, log: silentLogger, disk, compactAfterBytes: 8_000 });
}

/** What happened to each transaction, and what each would do, in the order in which they ran. */
class Ledger {
  readonly #bodies = new Map<number, Body>();
  readonly acknowledged = new Set<number>();
  readonly refused = new Set<number>();
  #next = 0;

  /** Starts a transaction; the promise settles with it and never rejects. */
  write(db: Database, body: Body): Promise<void> {
    const n = ++this.#next;
    this.#bodies.set(n, body);
    return db
      .write((tx) => {
        tx.run('INSERT INTO done (n) VALUES (?)', [n]);
        if (body.action === 'delete') tx.run('DELETE FROM state WHERE key = ?', [body.key]);
        else
          tx.run(
            'INSERT INTO state (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
            [body.key, `${n}:${'x'.repeat(body.length)}`],
          );
        if (body.action === 'throw') throw new Error('changed its mind');
      })
      .then(
        () => void this.acknowledged.add(n),
        () => void this.refused.add(n),
      );
  }

  /** Checks that a database holds the effects of exactly some transactions: all acknowledged, no refused, no gap. */
  check(db: Database, unsureOfRefusals: boolean): void {
    const found = db.all('SELECT n FROM done ORDER BY n').map((row) => Number(row['n']));
    const present = new Set(found);
    expect([...this.acknowledged].filter((n) => !present.has(n))).toEqual([]);
    for (const n of found) {
      expect(this.#bodies.get(n)?.action).not.toBe('throw');
      if (!unsureOfRefusals) expect(this.refused).not.toContain(n);
    }
    const last = found.at(-1) ?? 0;
    const expected = [...this.#bodies.keys()].filter((n) => n <= last && (present.has(n) || this.#mustBe(n)));
    expect(found).toEqual(expected);
    const state = new Map<number, string>();
    for (const n of found) {
      const body = this.#bodies.get(n);
      if (body?.action === 'delete') state.delete(body.key);
      else if (body !== undefined) state.set(body.key, `${n}:${'x'.repeat(body.length)}`);
    }
    const rows = db.all('SELECT key, value FROM state ORDER BY key').map((row) => [row['key'], row['value']]);
    expect(rows).toEqual([...state].sort(([a], [b]) => a - b));
  }

  /** Everything but what was refused happened in order: a later one cannot be there without it. */
  #mustBe(n: number): boolean {
    return !this.refused.has(n);
  }
}

interface Run {
  readonly steps: readonly Step[];
  readonly crashAt: number;
  readonly powerCut: boolean;
  readonly seed: number;
}

/** Lets a run go on until the disk stops answering at an operation; answers what is left then. */
async function runUntilCrash(run: Run, ledger: Ledger): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  let crashed: MemoryDisk | undefined;
  disk.before = () => {
    if (disk.operations < run.crashAt) return;
    crashed ??= run.powerCut ? disk.afterPowerCut(randomFrom(run.seed)) : disk.afterKill();
    throw systemError('EIO');
  };
  try {
    let db = await open(disk);
    for (const step of run.steps) {
      if (crashed !== undefined) break;
      if (step.kind === 'writes') await Promise.all(step.bodies.map((body) => ledger.write(db, body)));
      if (step.kind === 'compact') await db.compact().catch(() => {});
      if (step.kind === 'pause') await new Promise((resolve) => setTimeout(resolve, 1));
      if (step.kind === 'reopen') {
        await db.close();
        if (crashed === undefined) db = await open(disk);
      }
    }
  } catch (error) {
    if (crashed === undefined) throw error;
  }
  return crashed ?? (run.powerCut ? disk.afterPowerCut(randomFrom(run.seed)) : disk.afterKill());
}

describe('after a crash at any moment', () => {
  it('finds everything acknowledged, nothing refused, and no transaction without those before it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          steps: fc.array(step, { minLength: 1, maxLength: 12 }),
          crashAt: fc.integer({ min: 1, max: 90 }),
          powerCut: fc.boolean(),
          seed: fc.nat(),
        }),
        async (run) => {
          const ledger = new Ledger();
          const left = await runUntilCrash(run, ledger);
          const again = await open(left);
          ledger.check(again, true);
          // Life goes on in what was found, and a clean stop changes nothing of it.
          await ledger.write(again, { key: 1, length: 10, action: 'put' });
          ledger.check(again, true);
          await again.close();
          const last = await open(left.afterKill());
          ledger.check(last, true);
          await last.close();
        },
      ),
      { numRuns: 300 },
    );
  }, 120_000);
});
