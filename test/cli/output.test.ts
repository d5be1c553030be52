import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable, StreamedText } from '../../src/cli/output.ts';
import { allowlist } from '../../src/cli/print.ts';

const EVIL =
  '\u001b]52;c;ZXZpbA==\u0007\u001b]8;;http://evil\u0007click\u001b]8;;\u0007 \u001b[2J\u009b2J\u202etxt\r';
const STEERS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

describe('what a command prints', () => {
  it('has no sequence that steers the terminal, and keeps the words', () => {
    expect(printable(`before ${EVIL} after`)).not.toMatch(STEERS);
    expect(printable(`before ${EVIL} after`)).toContain('click');
  });

  it('as JSON is the same value without one raw control character', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
        const all = { value, text: `${EVIL}${text.toWellFormed()}` };
        const out = printable(JSON.stringify(all, null, 2), true);
        expect(out).not.toMatch(STEERS);
        expect(JSON.stringify(JSON.parse(out))).toBe(JSON.stringify(all));
      }),
    );
  });

  it('as a table has one row for each entry, whatever is in a name', () => {
    const row = { platform: 'telegram', userId: '42', origin: 'manual', addedAt: 0 } as const;
    const out = allowlist([{ ...row, name: `Bob\ntelegram  1  Ada${EVIL}`, note: '\ttab' }]);
    expect(out.split('\n')).toHaveLength(2);
    expect(out).not.toMatch(STEERS);
  });

  it('in pieces shows nothing of a sequence that is split between them', () => {
    for (let cut = 0; cut <= EVIL.length; cut += 1) {
      const stream = new StreamedText();
      const out = stream.add(`a${EVIL.slice(0, cut)}`) + stream.add(`${EVIL.slice(cut)}b 👋`) + stream.end();
      expect(out).not.toMatch(STEERS);
      expect(out).not.toContain('ZXZpbA');
      expect(out).toMatch(/^a.*click.*b 👋$/s);
    }
    const emoji = new StreamedText();
    expect(emoji.add('\ud83d') + emoji.add('\udc4b') + emoji.end()).toBe('👋');
    const endless = new StreamedText();
    expect(endless.add(`\u001b]${'x'.repeat(5000)}`).length).toBeGreaterThan(4000);
  });

  it('passes the one place that cleans it', () => {
    const src = join(import.meta.dirname, '..', '..', 'src', 'cli');
    const writing = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
      (name) =>
        /\.tsx?$/.test(name) &&
        // The entry prints the version, the help and the completion script: texts of its own.
        !['output.ts', 'cli.ts'].includes(name) &&
        /\b(?:stdout|stderr)\.write|console\.(?:log|error|warn)/.test(readFileSync(join(src, name), 'utf8')),
    );
    expect(writing).toEqual([]);
  });
});
