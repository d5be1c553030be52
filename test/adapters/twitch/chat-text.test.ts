import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatLine, isTagValue, Repetitions } from '../../../src/adapters/twitch/send.ts';

describe('a chat line', () => {
  it.each([
    ['one\r\nPRIVMSG #other :two', 'one PRIVMSG #other :two'],
    ['a\nb\u2028c\0d', 'a b c d'],
    ['\u0001ACTION waves\u0001', 'ACTION waves'],
    ['/me waves', '\u200b/me waves'],
    ['  /ban ada', '\u200b/ban ada'],
    ['.ban ada', '\u200b.ban ada'],
    ['\\ban ada', '\u200b\\ban ada'],
    ['\n/me', '\u200b/me'],
    [' \n ', ''],
    ['and/or', 'and/or'],
  ])('of %j is %j', (text, line) => {
    expect(chatLine(text)).toBe(line);
  });

  it('is one line and no command, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const line = chatLine(text);
        expect(line).not.toMatch(/[\r\n\0\u0001]/);
        expect(line).not.toMatch(/^\s*[/\\.]/);
        expect(chatLine(line)).toBe(line);
      }),
    );
  });

  it('takes only harmless ids into its tags', () => {
    expect(isTagValue('b34ccfc7-4977-403a-8a94-33c6bac34fb8')).toBe(true);
    for (const id of ['', 'a;b=c', 'a b', 'a\nPRIVMSG', 'x'.repeat(65)]) expect(isTagValue(id)).toBe(false);
  });
});

describe('a repeated text', () => {
  it('becomes another one for the eye of Twitch only, each time', () => {
    let now = 0;
    const repetitions = new Repetitions(30_000, () => now);
    const lines = ['k1', 'k2', 'k3', 'k4'].map((key) => repetitions.vary('lobby', 'yes', key));
    expect(lines[0]).toBe('yes');
    expect(new Set(lines).size).toBe(4);
    for (const line of lines) expect(line.replaceAll(/[ \u{e0000}]+$/gu, '')).toBe('yes');
    expect(repetitions.vary('other', 'yes', 'k5')).toBe('yes');
    now = 30_001;
    expect(repetitions.vary('lobby', 'yes', 'k6')).toBe('yes');
  });

  it('of the same message goes out as it was', () => {
    const repetitions = new Repetitions(30_000, () => 0);
    repetitions.vary('lobby', 'yes', 'k1');
    const second = repetitions.vary('lobby', 'yes', 'k2');
    expect(repetitions.vary('lobby', 'yes', 'k2')).toBe(second);
    expect(repetitions.vary('lobby', 'yes', 'k1')).toBe('yes');
  });
});
