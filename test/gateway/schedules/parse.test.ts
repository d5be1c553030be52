import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextRuns } from '../../../src/gateway/schedules/next-run.ts';
import { type ParsedSchedule, parseAt, parseEvery } from '../../../src/gateway/schedules/parse.ts';
import { writeTime } from '../../../src/gateway/time-zone.ts';
import { tries } from '../../support/tries.ts';

const BERLIN = 'Europe/Berlin';
/** Wednesday 2026-05-06 12:00 in Berlin. */
const NOW = Date.UTC(2026, 4, 6, 10, 0, 0);

const runs = ({ spec, zone, prompt }: ParsedSchedule): string[] => [
  ...nextRuns(spec, zone, NOW, 3).map((at) => writeTime(at, zone)),
  prompt,
];
const every = (text: string): string[] => runs(parseEvery(text, BERLIN, NOW));
const at = (text: string): string[] => runs(parseAt(text, BERLIN, NOW));
const error = (act: () => unknown): string => {
  try {
    return JSON.stringify(act());
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
};

describe('/every', () => {
  it('reads distances', () => {
    const half = ['Wed 2026-05-06 12:30', 'Wed 2026-05-06 13:00', 'Wed 2026-05-06 13:30', 'look'];
    for (const text of ['30m look', '30 minutes look', '30min look', '"30m" look'])
      expect([text, every(text)]).toEqual([text, half]);
    expect(every('1h30m look')[0]).toBe('Wed 2026-05-06 13:30');
    expect(every('hour look')[1]).toBe('Wed 2026-05-06 14:00');
    expect(every('2d look')).toEqual([
      'Fri 2026-05-08 12:00',
      'Sun 2026-05-10 12:00',
      'Tue 2026-05-12 12:00',
      'look',
    ]);
    expect(every('2 days 09:00 look').slice(0, 2)).toEqual(['Thu 2026-05-07 09:00', 'Sat 2026-05-09 09:00']);
    expect(every('1w look')[0]).toBe('Wed 2026-05-13 12:00');
  });

  it('reads days with a time', () => {
    expect(every('weekday 09:00 look')).toEqual([
      'Thu 2026-05-07 09:00',
      'Fri 2026-05-08 09:00',
      'Mon 2026-05-11 09:00',
      'look',
    ]);
    expect(every('day at 9am look')[0]).toBe('Thu 2026-05-07 09:00');
    expect(every('day 9 pm look')[0]).toBe('Wed 2026-05-06 21:00');
    expect(every('weekend noon look')[0]).toBe('Sat 2026-05-09 12:00');
    expect(every('Mon,Thu 18:30 look').slice(0, 2)).toEqual(['Thu 2026-05-07 18:30', 'Mon 2026-05-11 18:30']);
    expect(
      every('fri-mon 18:30 look')
        .slice(0, 3)
        .map((run) => run.slice(0, 3)),
    ).toEqual(['Fri', 'Sat', 'Sun']);
    expect(every('tuesdays 8:05 look')[0]).toBe('Tue 2026-05-12 08:05');
  });

  it('reads cron in any quotes, and zones', () => {
    for (const text of [
      '"0 9 * * 1-5" look',
      '“0 9 * * 1-5” look',
      "'0 9 * * MON-FRI' look",
      '`0 9 * * 1-5` look',
    ])
      expect([text, every(text)[0]]).toEqual([text, 'Thu 2026-05-07 09:00']);
    expect(every('@daily look')[0]).toBe('Thu 2026-05-07 00:00');
    const tokyo = parseEvery('day 09:00 in Asia/Tokyo look', BERLIN, NOW);
    expect([tokyo.zone, ...runs(tokyo)]).toEqual([
      'Asia/Tokyo',
      'Thu 2026-05-07 09:00',
      'Fri 2026-05-08 09:00',
      'Sat 2026-05-09 09:00',
      'look',
    ]);
  });

  it('keeps the prompt as it was written', () => {
    expect(every('30m first line\n  second   line')[3]).toBe('first line\n  second   line');
  });

  it('asks again in doubt', () => {
    expect(error(() => every('day look'))).toBe('at what time every day?');
    expect(error(() => every('day 9 look'))).toBe('at what time every day?');
    expect(error(() => every('30m'))).toBe('the prompt is missing');
    expect(error(() => every(''))).toBe('the time and the prompt are missing');
    expect(error(() => every('sometimes look'))).toBe('"sometimes" is not a time');
    expect(error(() => every('0m look'))).toBe('once a minute is the most');
    expect(error(() => every('"* * * * * *" look'))).toContain('it has 6 fields');
    expect(error(() => every('"0 0 30 2 *" look'))).toContain('it never runs');
    expect(error(() => every('"61 0 * * *" look'))).toContain('not a cron expression');
    expect(error(() => every('day 25:00 look'))).toBe('"25:00" is not a time');
    expect(error(() => every('9 look'))).toBe('"9" is not a time');
  });
});

describe('/at', () => {
  it('reads times, days and dates', () => {
    expect(at('18:30 look')).toEqual(['Wed 2026-05-06 18:30', 'look']);
    expect(at('9am look')).toEqual(['Thu 2026-05-07 09:00', 'look']);
    expect(at('tomorrow 9am look')).toEqual(['Thu 2026-05-07 09:00', 'look']);
    expect(at('today at 18:30 look')).toEqual(['Wed 2026-05-06 18:30', 'look']);
    expect(at('monday 09:00 look')).toEqual(['Mon 2026-05-11 09:00', 'look']);
    expect(at('2026-12-24 09:00 look')).toEqual(['Thu 2026-12-24 09:00', 'look']);
    expect(at('2026-12-24T09:00 look')).toEqual(['Thu 2026-12-24 09:00', 'look']);
    expect(at('2027-01-01 0:30 look')).toEqual(['Fri 2027-01-01 00:30', 'look']);
    expect(at('2028-02-29 09:00 look')).toEqual(['Tue 2028-02-29 09:00', 'look']);
    expect(at('2026-12-24 09:00 America/New_York look')).toEqual(['Thu 2026-12-24 09:00', 'look']);
  });

  it('reads distances', () => {
    for (const text of ['+20m look', 'in 20m look', 'in 20 minutes look', '+20 min look'])
      expect([text, at(text)]).toEqual([text, ['Wed 2026-05-06 12:20', 'look']]);
  });

  it('asks again in doubt', () => {
    expect(error(() => at('today 9am look'))).toBe('that time has passed');
    expect(error(() => at('2026-05-05 09:00 look'))).toBe('that time has passed');
    expect(error(() => at('2027-02-29 09:00 look'))).toBe('there is no 2027-2-29 in the calendar');
    expect(error(() => at('2029-01-01 09:00 look'))).toBe('that is more than two years ahead');
    expect(error(() => at('tomorrow look'))).toBe('at what time tomorrow?');
    expect(error(() => at('18:30 tomorrow look'))).toContain('is "tomorrow" the day');
    expect(error(() => at('9 look'))).toBe('"9" is not a time');
    expect(error(() => at('18:30'))).toBe('the prompt is missing');
  });
});

it('reads any text without throwing anything but its own error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
      for (const read of [parseEvery, parseAt])
        try {
          expect(read(text, BERLIN, NOW).prompt).not.toBe('');
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'bad_schedule', hint: expect.any(String) });
        }
    }),
    { numRuns: tries(500) },
  );
});
