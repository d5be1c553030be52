import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { LineSplitter } from '../../../src/agents/pi/child.ts';

function split(chunks: readonly Buffer[], maxBytes?: number): { lines: string[]; oversize: number } {
  const lines: string[] = [];
  let oversize = 0;
  const splitter = new LineSplitter(
    (line) => lines.push(line),
    () => oversize++,
    maxBytes,
  );
  for (const chunk of chunks) splitter.push(chunk);
  return { lines, oversize };
}

describe('line splitter', () => {
  it('splits on LF only, not on the Unicode separators', () => {
    const text = 'a\u2028b\u2029c\u0085d\re\nsecond\n';
    expect(split([Buffer.from(text)]).lines).toEqual(['a\u2028b\u2029c\u0085d\re', 'second']);
  });

  it('skips empty lines and keeps an unfinished one back', () => {
    expect(split([Buffer.from('\n\na\n\nunfinished')]).lines).toEqual(['a']);
  });

  it('gives the same lines however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (texts, cuts) => {
          const wanted = texts.map((text) => text.replaceAll('\n', ' ')).filter((text) => text !== '');
          const bytes = Buffer.from(wanted.map((line) => `${line}\n`).join(''));
          const chunks: Buffer[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = cuts[i % cuts.length] ?? 1;
            chunks.push(bytes.subarray(at, at + size));
            at += size;
          }
          expect(split(chunks).lines).toEqual(wanted);
        },
      ),
    );
  });

  it('reports a line that is too long once, also before its end has come, and nothing after it', () => {
    const chunks = ['ok\n', '12345', '67890', '1\nlater\n'].map((text) => Buffer.from(text));
    expect(split(chunks, 10)).toEqual({ lines: ['ok'], oversize: 1 });
    expect(split([Buffer.from('1234567890\n12345678901')], 10)).toEqual({
      lines: ['1234567890'],
      oversize: 1,
    });
  });

  it('takes time in proportion to the input for one long line in many chunks', () => {
    const concat = vi.spyOn(Buffer, 'concat');
    split([...Array.from({ length: 10_000 }, () => Buffer.from('0123456789')), Buffer.from('\n')]);
    expect(concat).toHaveBeenCalledTimes(1);
    concat.mockRestore();
  });
});
