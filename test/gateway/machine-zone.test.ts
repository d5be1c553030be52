import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { machineZone, machineZoneProblem, settleTimeZone } from '../../src/gateway/time-zone.ts';

const before = process.env['TZ'];
afterEach(() => {
  if (before === undefined) delete process.env['TZ'];
  else process.env['TZ'] = before;
});

/** Node reads a change of TZ at once. */
function under<T>(tz: string, look: () => T): T {
  process.env['TZ'] = tz;
  return look();
}

describe('the time zone of the machine', () => {
  it.each([
    '',
    ':/etc/localtime',
    '/etc/localtime',
    ':/no/such/file',
    'Mars/Base',
    'UTC+2',
    '<+03>-3',
    'CET',
    ':UTC',
  ])('with TZ=%j is one that every reading of the clock takes', (tz) => {
    const zone = under(tz, () => machineZone());
    expect(() => new Intl.DateTimeFormat('en', { timeZone: zone })).not.toThrow();
  });

  it('is the one that a path in TZ leads to', () => {
    const folder = mkdtempSync(join(tmpdir(), 'zone-'));
    try {
      const link = join(folder, 'localtime');
      symlinkSync('/usr/share/zoneinfo/Europe/Berlin', link);
      expect(under(`:${link}`, () => machineZone())).toBe('Europe/Berlin');
      const env = { TZ: link };
      settleTimeZone(env);
      expect(env.TZ).toBe('Europe/Berlin');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('keeps the hours of a rule that has no name', () => {
    expect(under('UTC+2', () => machineZone())).toBe('Etc/GMT+2');
    expect(under('Europe/Berlin', () => machineZone())).toBe('Europe/Berlin');
  });

  it('is said to be a guess when TZ names none', () => {
    expect(under('Mars/Base', () => machineZoneProblem())).toContain(
      'TZ="Mars/Base" is not an IANA time zone',
    );
    for (const tz of ['', ':/etc/localtime', 'Europe/Berlin'])
      expect(under(tz, () => machineZoneProblem())).toBeUndefined();
  });
});
