import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { longDuration, shortDuration, Ticker } from '../../../src/tui/draw/times.ts';
import { MINUTE, NOW } from '../fixtures.ts';

describe('relative times', () => {
  it('get coarser with age', () => {
    expect(shortDuration(4_900)).toBe('4s');
    expect(shortDuration(29_000)).toBe('20s');
    expect(shortDuration(14 * MINUTE)).toBe('14m');
    expect(shortDuration(200 * MINUTE)).toBe('3h');
    expect(shortDuration(50 * 60 * MINUTE)).toBe('2d');
    expect(longDuration(192 * MINUTE)).toBe('3h12m');
    expect(longDuration(30_000)).toBe('<1m');
  });

  it('ask for a wake-up at the moment their words change, not before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 90_000_000 }), (ageMs) => {
        const ticker = new Ticker(NOW);
        const words = ticker.age(NOW - ageMs);
        const next = ticker.next ?? Number.NaN;
        expect(next).toBeGreaterThan(NOW);
        expect(new Ticker(next - 1).age(NOW - ageMs)).toBe(words);
        expect(new Ticker(next).age(NOW - ageMs)).not.toBe(words);
      }),
    );
  });

  it('count down the same way', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_600_000 }), (leftMs) => {
        const ticker = new Ticker(NOW);
        const words = ticker.left(NOW + leftMs);
        const next = ticker.next;
        if (next === undefined) return;
        expect(new Ticker(next - 2).left(NOW + leftMs)).toBe(words);
        expect(new Ticker(next).left(NOW + leftMs)).not.toBe(words);
      }),
    );
  });

  it('take the earliest of all wake-ups, and none when nothing depends on time', () => {
    const ticker = new Ticker(NOW);
    expect(ticker.next).toBeUndefined();
    ticker.age(NOW - 30 * MINUTE);
    ticker.age(NOW - 2_500);
    expect(ticker.next).toBe(NOW + 500);
  });
});
