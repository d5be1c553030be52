import { describe, expect, it } from 'vitest';
import { formatPlain } from '../../../src/adapters/text/plain.ts';

const twitch = (markdown: string) =>
  formatPlain(markdown, { limit: 480, unit: 'utf16', singleLine: true }).map(({ text }) => text);

describe('formatPlain on one line', () => {
  it.each([
    ['drops markup', '# a\n\n**b** `c` [d](https://x.y)', 'a b c d (https://x.y)'],
    ['makes line breaks spaces', 'a\nb\r\nc\n\n- d\n- e', 'a b c • d • e'],
    ['lets no control character through', 'a\u0000b\u0007c\u2028d\u0085e', 'a\ufffdb c d e'],
    ['writes a table as keys and values', '| a | b |\n|---|---|\n| 1 | 2 |', 'a: 1 b: 2'],
    ['writes code on one line', '```\na\n  b\n```', 'a b'],
  ])('%s', (_title, markdown, expected) => {
    expect(twitch(markdown)).toEqual([expected]);
  });

  it.each(['/ban me', '\\ban me', '.ban me', '../x'])('never lets a text be a command: %s', (text) => {
    expect(twitch(text)[0]).toMatch(/^› /);
  });

  it('guards every part, within the limit', () => {
    const parts = twitch(`/${'x'.repeat(477)}/${'y'.repeat(477)}`);
    expect(parts.map((part) => part.slice(0, 3))).toEqual(['› /', '› /']);
    for (const part of parts) expect(part.length).toBeLessThanOrEqual(480);
  });
});

describe('formatPlain on many lines', () => {
  it('keeps the shape of the text', () => {
    const [part] = formatPlain('# a\n\n- b\n\n> c', { limit: 1000, unit: 'bytes', singleLine: false });
    expect(part).toEqual({ text: 'a\n\n• b\n\n> c', plain: 'a\n\n• b\n\n> c' });
  });

  it('counts bytes', () => {
    const parts = formatPlain('é'.repeat(100), { limit: 50, unit: 'bytes', singleLine: false });
    expect(parts).toHaveLength(4);
    for (const { text } of parts) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(50);
  });
});
