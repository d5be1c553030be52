import fc from 'fast-check';
import { expect } from 'vitest';
import type { Database, Migration } from '../../../src/store/database.ts';

/** What one generated transaction does. */
export interface Body {
  readonly key: number;
  readonly length: number;
  readonly action: 'put' | 'delete' | 'throw';
}

export const body: fc.Arbitrary<Body> = fc.record({
  key: fc.integer({ min: 0, max: 5 }),
  length: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 3000 })),
  action: fc.constantFrom('put', 'put', 'put', 'delete', 'throw'),
});

export const ledgerMigrations: readonly Migration[] = [
  {
    version: 1,
    name: 'ledger',
    statements: [
      'CREATE TABLE done (n INTEGER PRIMARY KEY)',
      'CREATE TABLE state (key INTEGER PRIMARY KEY, value TEXT NOT NULL)',
    ],
  },
];

/** Keeps outside of the database what each transaction would do and what became of it. */
export class Ledger {
  readonly #bodies = new Map<number, Body>();
  readonly #acknowledged = new Set<number>();
  readonly #refused = new Set<number>();
  #next = 0;

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

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
            [body.key, textFor(n, body)],
          );
        if (body.action === 'throw') throw new Error('changed its mind');
      })
      .then(
        () => void this.#acknowledged.add(n),
        () => void this.#refused.add(n),
      );
  }

  /**
   * Checks that a database holds the effects of some transactions in their order: all acknowledged ones, none that
   * threw, none without those before it.
   * With `refusedMayStay` the disk died so suddenly that what it refused may have reached it.
   */
  check(db: Database, refusedMayStay: boolean): void {
    const found = db.all('SELECT n FROM done ORDER BY n').map((row) => Number(row['n']));
    const present = new Set(found);
    expect([...this.#acknowledged].filter((n) => !present.has(n))).toEqual([]);
    expect(found.filter((n) => this.#bodies.get(n)?.action === 'throw')).toEqual([]);
    if (!refusedMayStay) expect(found.filter((n) => this.#refused.has(n))).toEqual([]);
    const last = found.at(-1) ?? 0;
    const missing = [...this.#bodies.keys()].filter(
      (n) => n < last && !present.has(n) && !this.#refused.has(n),
    );
    expect(missing).toEqual([]);
    const state = new Map<number, string>();
    for (const n of found) {
      const body = this.#bodies.get(n);
      if (body?.action === 'delete') state.delete(body.key);
      else if (body !== undefined) state.set(body.key, textFor(n, body));
    }
    const rows = db.all('SELECT key, value FROM state ORDER BY key').map((row) => [row['key'], row['value']]);
    expect(rows).toEqual([...state].sort(([a], [b]) => a - b));
  }
}

function textFor(n: number, body: Body): string {
  return `${n}:${'x'.repeat(body.length)}`;
}
