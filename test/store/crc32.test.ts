import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32, crc32InJs } from '../../src/store/disk.ts';

describe('crc32', () => {
  it('gives the check value of its definition', () => {
    expect(crc32InJs(Buffer.from('123456789'))).toBe(0xcbf43926);
  });

  it('is the same with and without zlib, also when continued', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(crc32InJs(a)).toBe(crc32(a));
        expect(crc32InJs(b, crc32InJs(a))).toBe(crc32(Buffer.concat([a, b])));
      }),
    );
  });
});
