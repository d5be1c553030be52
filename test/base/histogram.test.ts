import { describe, expect, it } from 'vitest';
import { Histogram, Histograms } from '../../src/base/histogram.ts';

describe('a histogram', () => {
  it('counts each duration in its bucket and in all larger ones', () => {
    const histogram = new Histogram([0.1, 1, 10]);
    for (const seconds of [0.05, 0.1, 0.5, 5, 50]) histogram.observe(seconds);
    expect(histogram.cumulative()).toEqual([2, 3, 4]);
    expect(histogram.count).toBe(5);
    expect(histogram.sum).toBeCloseTo(55.65);
  });

  it('takes what a clock that was set back has measured as nothing', () => {
    const histogram = new Histogram([1]);
    histogram.observe(-3);
    expect([histogram.count, histogram.sum]).toEqual([1, 0]);
  });

  it('keeps one for each value of a label', () => {
    const all = new Histograms([1]);
    all.observe('a', 0.5);
    all.observe('b', 2);
    all.observe('a', 2);
    expect([...all.entries()].map(([label, each]) => [label, each.count, each.cumulative()])).toEqual([
      ['a', 2, [1]],
      ['b', 1, [0]],
    ]);
  });
});
