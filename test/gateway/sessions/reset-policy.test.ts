import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ResetSettings } from '../../../src/gateway/config/settings.ts';
import { latestDailyBoundary, resetDecision } from '../../../src/gateway/sessions/resolve-session.ts';
import { tries } from '../../support/tries.ts';

const BERLIN = 'Europe/Berlin';
const NEW_YORK = 'America/New_York';
const at = (iso: string): number => Date.parse(iso);
const settings = (over: Partial<ResetSettings>): ResetSettings => ({
  policy: 'idle',
  dailyHour: 4,
  idleMinutes: 1440,
  timeZone: BERLIN,
  ...over,
});

describe('a session starts anew', () => {
  it.each([
    // policy, zone, last activity, now, expected
    ['idle', 'after its idle time', {}, '2026-03-01T10:00:00Z', '2026-03-02T10:00:00Z', 'idle'],
    ['idle', 'not a moment before', {}, '2026-03-01T10:00:00Z', '2026-03-02T09:59:59.999Z', false],
    [
      'idle',
      'with its own minutes',
      { idleMinutes: 30 },
      '2026-03-01T10:00:00Z',
      '2026-03-01T10:30:00Z',
      'idle',
    ],
    ['daily', 'at 4:00 local time', {}, '2026-03-01T02:59:59Z', '2026-03-01T03:00:00Z', 'daily'],
    ['daily', 'not before 4:00', {}, '2026-03-01T01:00:00Z', '2026-03-01T02:59:59.999Z', false],
    ['daily', 'across midnight only at the hour', {}, '2026-03-01T22:00:00Z', '2026-03-02T00:30:00Z', false],
    ['daily', 'when several days went by', {}, '2026-03-01T10:00:00Z', '2026-03-09T10:00:00Z', 'daily'],
    [
      'daily',
      'once: activity after the hour keeps it',
      {},
      '2026-03-01T03:00:01Z',
      '2026-03-02T02:59:00Z',
      false,
    ],
    [
      'daily',
      'at midnight when asked',
      { dailyHour: 0 },
      '2026-03-01T22:59:00Z',
      '2026-03-01T23:00:00Z',
      'daily',
    ],
    [
      'daily',
      'in the night the clocks go forward',
      {},
      '2026-03-28T22:00:00Z',
      '2026-03-29T02:00:00Z',
      'daily',
    ],
    ['daily', 'not before, in that night', {}, '2026-03-28T22:00:00Z', '2026-03-29T01:59:59Z', false],
    [
      'daily',
      'at an hour that does not exist that night: just after the gap',
      { dailyHour: 2 },
      '2026-03-28T22:00:00Z',
      '2026-03-29T01:00:00Z',
      'daily',
    ],
    ['daily', 'in the night the clocks go back', {}, '2026-10-24T20:00:00Z', '2026-10-25T03:00:00Z', 'daily'],
    [
      'daily',
      'once at an hour that comes twice',
      { dailyHour: 2 },
      '2026-10-25T00:30:00Z',
      '2026-10-25T01:30:00Z',
      false,
    ],
    [
      'daily',
      'in New York, forward',
      { timeZone: NEW_YORK },
      '2026-03-08T05:00:00Z',
      '2026-03-08T08:00:00Z',
      'daily',
    ],
    [
      'daily',
      'in New York, back',
      { timeZone: NEW_YORK },
      '2026-11-01T05:00:00Z',
      '2026-11-01T09:00:00Z',
      'daily',
    ],
    [
      'both',
      'by whichever comes first: the hour',
      {},
      '2026-03-01T22:00:00Z',
      '2026-03-02T23:00:00Z',
      'daily',
    ],
    [
      'both',
      'by whichever comes first: the idle time',
      { idleMinutes: 60 },
      '2026-03-01T22:00:00Z',
      '2026-03-02T23:00:00Z',
      'idle',
    ],
    ['none', 'never', {}, '2020-01-01T00:00:00Z', '2026-03-02T23:00:00Z', false],
    [
      'both',
      'not when the clock jumped back by two hours',
      { idleMinutes: 1 },
      '2026-03-02T05:00:00Z',
      '2026-03-02T03:00:00Z',
      false,
    ],
    [
      'idle',
      'by the policy of now, whatever it was before',
      { idleMinutes: 10 },
      '2026-03-01T10:00:00Z',
      '2026-03-01T10:11:00Z',
      'idle',
    ],
  ] as const)('%s: %s', (policy, _name, over, last, now, expected) => {
    const decision = resetDecision(settings({ policy, ...over }), at(last), at(now));
    expect(decision.reset ? decision.reason : false).toBe(expected);
  });

  it('at a boundary that lies between the last activity and now', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: at('2025-01-01'), max: at('2027-01-01') }),
        fc.integer({ min: 0, max: 10 * 86_400_000 }),
        fc.constantFrom(BERLIN, NEW_YORK, 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC'),
        fc.integer({ min: 0, max: 23 }),
        fc.constantFrom('idle' as const, 'daily' as const, 'both' as const),
        (last, gap, timeZone, dailyHour, policy) => {
          const now = last + gap;
          const decision = resetDecision(
            settings({ policy, timeZone, dailyHour, idleMinutes: 300 }),
            last,
            now,
          );
          if (!decision.reset) return;
          expect(decision.boundary).toBeGreaterThan(last);
          expect(decision.boundary).toBeLessThanOrEqual(now);
        },
      ),
      { numRuns: tries(500) },
    );
  });

  it('at least once in 25 hours by the daily policy, in every zone', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: at('2025-01-01'), max: at('2027-01-01') }),
        fc.constantFrom(BERLIN, NEW_YORK, 'Australia/Lord_Howe', 'UTC'),
        fc.integer({ min: 0, max: 23 }),
        (now, zone, hour) => {
          const boundary = latestDailyBoundary(now, hour, zone);
          expect(now - boundary).toBeGreaterThanOrEqual(0);
          expect(now - boundary).toBeLessThanOrEqual(25 * 3_600_000);
        },
      ),
      { numRuns: tries(500) },
    );
  });
});
