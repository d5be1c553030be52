import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  nextRun,
  nextRuns,
  type ScheduleSpec,
} from '../../../src/gateway/schedules/next-run.ts';
import { wallTime } from '../../../src/gateway/time-zone.ts';
import { tries } from '../../support/tries.ts';

const cron = (text: string): ScheduleSpec => ({ kind: 'cron', cron: text });
const iso = (spec: ScheduleSpec, zone: string, from: string, count: number): string[] =>
  nextRuns(spec, zone, Date.parse(from), count).map((at) => new Date(at).toISOString().slice(0, 16));

describe('the next run', () => {
  it('in spring: a time that does not exist runs at the first moment after the gap', () => {
    expect(iso(cron('30 2 * * *'), 'Europe/Berlin', '2026-03-28T00:00Z', 3)).toEqual([
      '2026-03-28T01:30',
      '2026-03-29T01:00',
      '2026-03-30T00:30',
    ]);
    expect(iso(cron('30 2,14 * * *'), 'America/New_York', '2026-03-07T20:00Z', 3)).toEqual([
      '2026-03-08T07:00',
      '2026-03-08T18:30',
      '2026-03-09T06:30',
    ]);
  });

  it('in autumn: a time that comes twice runs once', () => {
    expect(iso(cron('30 2 * * *'), 'Europe/Berlin', '2026-10-24T12:00Z', 2)).toEqual([
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ]);
    expect(iso(cron('30 1 * * *'), 'America/New_York', '2026-10-31T12:00Z', 2)).toEqual([
      '2026-11-01T05:30',
      '2026-11-02T06:30',
    ]);
  });

  it('of every hour is an hour later, whatever the wall shows', () => {
    expect(iso(cron('0 * * * *'), 'Europe/Berlin', '2026-10-24T23:30Z', 4)).toEqual([
      '2026-10-25T00:00',
      '2026-10-25T01:00',
      '2026-10-25T02:00',
      '2026-10-25T03:00',
    ]);
  });

  it('of every other day stays at its time on the wall', () => {
    const days: ScheduleSpec = { kind: 'days', every: 2, anchor: Date.parse('2026-03-27T08:00Z') };
    expect(iso(days, 'Europe/Berlin', '2026-03-27T08:00Z', 3)).toEqual([
      '2026-03-29T07:00',
      '2026-03-31T07:00',
      '2026-04-02T07:00',
    ]);
  });

  it('on a leap day comes every four years', () => {
    expect(iso(cron('0 9 29 2 *'), 'UTC', '2026-01-01T00:00Z', 2)).toEqual([
      '2028-02-29T09:00',
      '2032-02-29T09:00',
    ]);
  });

  it('of something that happens once is that moment, then none', () => {
    expect(nextRun({ kind: 'at', at: 5000 }, 'UTC', 4999)).toBe(5000);
    expect(nextRun({ kind: 'at', at: 5000 }, 'UTC', 5000)).toBeUndefined();
  });
});

describe('any schedule in any zone', () => {
  const zones = fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kolkata',
    'America/St_Johns',
    'Pacific/Apia',
    'Africa/Casablanca',
  );
  const moments = fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2030, 0, 1) });
  const specs: fc.Arbitrary<ScheduleSpec> = fc.oneof(
    fc
      .tuple(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 23 }))
      .map(([minute, hour]) => cron(`${minute} ${hour} * * *`)),
    fc.constantFrom('*/15 * * * *', '0 9 * * 1-5', '0 0 1 * *', '30 2,14 * * *').map(cron),
    fc.record({
      kind: fc.constant('interval' as const),
      everyMs: fc.integer({ min: 1, max: 3000 }).map((n) => n * MINUTE_MS),
      anchor: moments,
    }),
    fc.record({
      kind: fc.constant('days' as const),
      every: fc.integer({ min: 1, max: 30 }),
      anchor: moments,
    }),
  );

  it('runs strictly later than asked, and no run lies between', () => {
    fc.assert(
      fc.property(
        specs,
        zones,
        moments,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (spec, zone, after, part) => {
          const next = nextRun(spec, zone, after);
          expect(next).toBeGreaterThan(after);
          if (next === undefined) return;
          // Asked again from anywhere before the run, the answer is the same run.
          expect(nextRun(spec, zone, Math.floor(after + (next - 1 - after) * part))).toBe(next);
        },
      ),
      { numRuns: tries(400) },
    );
  });

  it('runs a daily time exactly once on every calendar day', () => {
    fc.assert(
      fc.property(zones, moments, fc.integer({ min: 0, max: 1439 }), (zone, after, minuteOfDay) => {
        const spec = cron(`${minuteOfDay % 60} ${Math.floor(minuteOfDay / 60)} * * *`);
        const found = nextRuns(spec, zone, after, 40);
        const days = found.map((at) => {
          const { year, month, day } = wallTime(at, zone);
          return Date.UTC(year, month - 1, day) / DAY_MS;
        });
        for (let i = 1; i < days.length; i += 1) {
          expect((days[i] ?? 0) - (days[i - 1] ?? 0)).toBe(1);
          const distance = (found[i] ?? 0) - (found[i - 1] ?? 0);
          expect(Math.abs(distance - DAY_MS)).toBeLessThanOrEqual(HOUR_MS);
        }
      }),
      { numRuns: tries(150) },
    );
  });
});
