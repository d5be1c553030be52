import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cursorIndex, moved } from '../../../src/tui/state/list-state.ts';
import { SortedRows } from '../../../src/tui/state/projection.ts';
import { parseFilter } from '../../../src/tui/state/rows.ts';
import { scrollTo } from '../../../src/tui/state/scroll.ts';
import { Ring } from '../../../src/tui/state/slices.ts';

describe('the ring', () => {
  it('keeps the newest entries and counts the forgotten ones', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 200 }), (capacity, pushes) => {
        const ring = new Ring<number>(capacity);
        for (let n = 0; n < pushes; n += 1) ring.push(n);
        const kept = ring.toArray();
        expect(kept).toEqual(Array.from({ length: Math.min(capacity, pushes) }, (_, n) => ring.first + n));
        expect(ring.end).toBe(pushes);
      }),
    );
  });

  it('refuses a capacity that holds nothing', () => {
    expect(() => new Ring(0)).toThrow('at least 1, got 0');
  });
});

describe('sorted rows', () => {
  it('are the same as a fresh sort after any changes', () => {
    const change = fc.record({
      key: fc.integer({ min: 0, max: 30 }),
      rank: fc.integer(),
      gone: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 20 }), { maxLength: 10 }), (rounds) => {
        const compare = (a: { key: number; rank: number }, b: { key: number; rank: number }): number =>
          a.rank - b.rank || a.key - b.key;
        const rows = new SortedRows<{ key: number; rank: number }>({
          key: (row) => String(row.key),
          compare,
        });
        const model = new Map<number, { key: number; rank: number }>();
        for (const round of rounds) {
          for (const { key, rank, gone } of round) {
            if (gone) {
              rows.delete(String(key));
              model.delete(key);
            } else {
              rows.set({ key, rank });
              model.set(key, { key, rank });
            }
          }
          expect(rows.rows()).toEqual([...model.values()].sort(compare));
        }
      }),
    );
  });
});

describe('a filter', () => {
  it('finds all its words in any order and case', () => {
    const { matches } = parseFilter('ADA tele');
    expect(matches('telegram ada lovelace')).toBe(true);
    expect(matches('telegram grace')).toBe(false);
  });

  it('inverts with a leading exclamation mark', () => {
    expect(parseFilter('!ada').matches('telegram ada')).toBe(false);
    expect(parseFilter('!ada').matches('grace')).toBe(true);
    expect(parseFilter('!').matches('anything')).toBe(true);
  });

  it('takes a regular expression between slashes', () => {
    expect(parseFilter('/^tele.*e$/').matches('telegram lovelace')).toBe(true);
    expect(parseFilter('!/gram/').matches('telegram')).toBe(false);
  });

  it('shows everything while a pattern is half typed, and says why', () => {
    const filter = parseFilter('/(/');
    expect(filter.matches('anything')).toBe(true);
    expect(filter.error).toMatch(/Invalid regular expression/u);
  });
});

describe('the selection', () => {
  const rows = ['a', 'b', 'c', 'd'];
  const same = (row: string): string => row;

  it('stays with its row while others move', () => {
    expect(cursorIndex(['x', 'a', 'b'], same, { key: 'b', index: 1 })).toBe(2);
  });

  it('stays at its place when its row is gone', () => {
    expect(cursorIndex(rows, same, { key: 'gone', index: 2 })).toBe(2);
    expect(cursorIndex(['a'], same, { key: 'gone', index: 2 })).toBe(0);
    expect(cursorIndex([], same, { key: 'gone', index: 2 })).toBe(-1);
  });

  it('moves by rows, pages and to the ends, never outside', () => {
    expect(moved(1, 4, 2, { kind: 'rows', rows: 5 })).toBe(3);
    expect(moved(1, 4, 2, { kind: 'pages', pages: -1 })).toBe(0);
    expect(moved(0, 100, 10, { kind: 'pages', pages: 0.5 })).toBe(5);
    expect(moved(0, 100, 1, { kind: 'pages', pages: 0.5 })).toBe(1);
    expect(moved(3, 4, 2, { kind: 'first' })).toBe(0);
    expect(moved(0, 4, 2, { kind: 'last' })).toBe(3);
  });

  it('scrolls as little as it must', () => {
    expect(scrollTo(0, 5, 10, 100)).toBe(0);
    expect(scrollTo(0, 12, 10, 100)).toBe(3);
    expect(scrollTo(20, 12, 10, 100)).toBe(12);
    expect(scrollTo(95, 99, 10, 100)).toBe(90);
    expect(scrollTo(5, 0, 10, 3)).toBe(0);
  });
});
