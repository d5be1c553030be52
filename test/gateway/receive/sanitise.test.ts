import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { NO_NAME, sanitiseName, sanitiseText } from '../../../src/gateway/receive/sanitise.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { tries } from '../../support/tries.ts';

const FAMILY = '👩‍👩‍👧‍👦';
const SCOTLAND = '\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}';

describe('sanitiseText', () => {
  it.each([
    ['keeps ordinary text, line feeds and tabs', 'a\n\tb', 'a\n\tb'],
    ['drops control characters', 'a\u0000b\u0007c\u007fd\u0085', 'abcd\n'],
    ['makes every kind of line end a line feed', 'a\r\nb\rc\u2028d\u2029e\u000bf', 'a\nb\nc\nd\ne\nf'],
    ['drops colour and cursor sequences', 'a\x1b[31;1mred\x1b[0m\x1b[2J', 'ared'],
    ['drops the 8-bit form of CSI', 'a\x9b31mred', 'ared'],
    [
      'keeps the label of an OSC 8 link and drops its address',
      '\x1b]8;;http://evil\x1b\\label\x1b]8;;\x1b\\',
      'label',
    ],
    ['drops an OSC 8 link that ends in BEL', '\x1b]8;id=1;http://evil\x07label\x1b]8;;\x07', 'label'],
    ['drops the 8-bit form of OSC', '\x9d0;title\x9ctext', 'text'],
    ['drops a clipboard write', 'a\x1b]52;c;ZXZpbA==\x07b', 'ab'],
    [
      'drops DCS, SOS, PM and APC strings',
      '\x1bPq#0\x1b\\a\x1bXx\x1b\\b\x1b^x\x1b\\c\x1b_Gf=1\x1b\\d',
      'abcd',
    ],
    ['keeps the text behind a string that never ends', 'a\x1b]0;title\nb', 'a0;title\nb'],
    ['drops two-character escapes and charset switches', 'a\x1bcb\x1b(0c\x1b7d', 'abcd'],
    ['drops an escape at the end', 'a\x1b', 'a'],
    ['drops an escape that is cut short', 'a\x1b[38;5', 'a'],
    ['leaves nothing of an escape inside an escape', '\x1b\x1b[31m[32mx', '[32mx'],
    ['drops bidi overrides and isolates', 'a\u202eb\u202cc\u2066d\u2069', 'abcd'],
    ['keeps right-to-left text', 'שלום عليكم', 'שלום عليكم'],
    ['keeps joined emoji whole', `${FAMILY} ❤️‍🔥 👍🏽 🏴‍☠️`, `${FAMILY} ❤️‍🔥 👍🏽 🏴‍☠️`],
    ['keeps regional flags', `x${SCOTLAND}y`, `x${SCOTLAND}y`],
    ['drops hidden tag characters', 'a\u{e0041}\u{e0042}b', 'ab'],
    ['drops tags that are no flag', '\u{1f3f4}\u{e0041}\u{e0042}', '\u{1f3f4}'],
    ['drops zero-width characters between letters', 'pass\u200bw\u2060o\ufeffr\u00add', 'password'],
    ['drops joiners between Latin letters', 'a\u200db\u200cc', 'abc'],
    ['keeps joiners where a script needs them', 'می\u200cخواهم क्\u200dष', 'می\u200cخواهم क्\u200dष'],
    ['keeps one variation selector', '❤\ufe0f\ufe0f\ufe0f', '❤\ufe0f'],
    ['drops variation selectors that carry data', 'a\u{e0100}\u{e0101}', 'a'],
    ['keeps the selector of an ideograph', '葛\u{e0100}', '葛\u{e0100}'],
    ['makes lone surrogates visible', 'a\ud83db\ude00c', 'a\ufffdb\ufffdc'],
    ['thins out heaps of marks', `Z${'\u0301'.repeat(40)}a`, `Z${'\u0301'.repeat(8)}a`],
  ])('%s', (_title, raw, clean) => {
    expect(sanitiseText(raw)).toBe(clean);
  });

  it('cuts at the edge of a character and says so', () => {
    expect(sanitiseText('abcdef', 4)).toBe('abc…');
    expect(sanitiseText('abcd', 4)).toBe('abcd');
    expect(sanitiseText(`ab${FAMILY}`, 8)).toBe('ab…');
    expect(sanitiseText('a😀b', 3)).toBe('a…');
  });

  const hostile = fc.string({
    unit: fc.oneof(
      fc.constantFrom(...'\x1b[]\\P_^X;:0m\x07\x9b\x9c\x9d\x90\r\n\t ab<'),
      fc.constantFrom(
        '\u200d',
        '\u200c',
        '\ufe0f',
        '\u{e0041}',
        '\u{e007f}',
        '\u{1f3f4}',
        '👩',
        '\u0301',
        '\u202e',
      ),
      fc.constantFrom('\ud83d', '\ude00', 'ک', 'क', '葛', '\u{e0100}', '\u200b', '🏽'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 60,
  });

  it('leaves no control, no override and no broken character of anything', () => {
    fc.assert(
      fc.property(hostile, (raw) => {
        const clean = sanitiseText(raw);
        expect(clean).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/);
        expect(clean).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\ufeff]/);
        expect(clean.isWellFormed()).toBe(true);
        expect(sanitiseText(clean)).toBe(clean);
        expect(sanitiseText(raw, 10).length).toBeLessThanOrEqual(10);
      }),
      { numRuns: tries(5_000) },
    );
  });

  it.each([
    ['strings without end', '\x1b]8;;'],
    ['8-bit introducers', '\x9d'],
    ['strings with a body', `\x1b]${'x'.repeat(99)}`],
    ['joiners', '\u200d'],
    ['emoji that hope to be joined', '👩\u200d'],
    ['marks', '\u0301'],
    ['tags behind flags', '\u{1f3f4}\u{e0041}'],
  ])('takes no longer than the text is long: %s', (_title, unit) => {
    const small = unit.repeat(Math.ceil(50_000 / unit.length));
    const time = (text: string) => cpuMs(() => sanitiseText(text));
    time(small);
    const once = Math.max(2, time(small));
    // Sixteen times the text: 256 times the time if it were quadratic.
    expect(time(small.repeat(16))).toBeLessThan(once * 100 + 500);
  });
});

describe('sanitiseName', () => {
  it.each([
    ['keeps a name', 'Ada Lovelace', 'Ada Lovelace'],
    ['makes it one line', ' Ada\r\n\tLovelace ', 'Ada Lovelace'],
    ['calls nothing nothing', '', NO_NAME],
    ['calls blanks nothing', ' \n\t\u00a0', NO_NAME],
    ['calls invisible letters nothing', '\u3164\u115f\u200e\u2800', NO_NAME],
    ['calls marks without a base nothing', '\u0301\u0302', NO_NAME],
    ['drops escapes', '\x1b]8;;http://x\x07Bob\x1b]8;;\x07', 'Bob'],
  ])('%s', (_title, raw, name) => {
    expect(sanitiseName(raw)).toBe(name);
  });

  it('fits any name into its columns', () => {
    expect(sanitiseName('日'.repeat(100))).toBe(`${'日'.repeat(31)}…`);
    expect(sanitiseName('x'.repeat(64))).toBe('x'.repeat(64));
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (raw) => {
        const name = sanitiseName(raw);
        expect(name).not.toBe('');
        expect(name).not.toMatch(/\n/);
        expect(stringWidth(name)).toBeLessThanOrEqual(64);
        expect(stringWidth(name)).toBeGreaterThan(0);
      }),
      { numRuns: tries(2_000) },
    );
  });

  it('is quick with a name of a megabyte', () => {
    expect(cpuMs(() => sanitiseName('👩\u200d'.repeat(300_000)))).toBeLessThan(3_000);
  });
});
