import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellWidth, clean, cut, fillTo, graphemes, wrap } from '../../../src/tui/draw/cells.ts';
import { tries } from '../../support/tries.ts';
import { HOSTILE } from '../fixtures.ts';
import { VirtualTerminal } from '../virtual-terminal.ts';

describe('clean', () => {
  it('takes escape sequences, links and device strings out whole', () => {
    expect(clean(HOSTILE.escapes)).toBe('xredlink y');
  });

  it('takes out sequences that were cut off', () => {
    expect(clean('a\u001b[31')).toBe('a');
    expect(clean('a\u001b]0;title without end')).toBe('a');
    expect(clean('a\u001b')).toBe('a');
    expect(clean('a\u009b31mb')).toBe('ab');
  });

  it('makes one line of many and drops control characters', () => {
    expect(clean(HOSTILE.lines)).toBe('one two three fourfive');
  });

  it('drops bidi controls', () => {
    expect(clean(HOSTILE.bidi)).toBe('abcevil iso');
  });

  it('draws flags as letters and joined emoji apart, so that every terminal agrees on their width', () => {
    expect(clean('🇩🇪')).toBe('DE');
    expect(clean('👨‍👩‍👧')).toBe('👨👩👧');
    expect(clean('❤️')).toBe('❤');
    expect(clean('👍🏽')).toBe('👍');
  });

  it('keeps at most two combining marks and none at the start', () => {
    expect(clean(HOSTILE.zalgo)).toMatch(/^[zź]\p{M}{0,2}algo$/u);
    expect(clean('\u0301a')).toBe('a');
  });

  it('replaces lone surrogates', () => {
    expect(clean(HOSTILE.lone).isWellFormed()).toBe(true);
  });

  it('looks at the beginning of a huge text only', () => {
    expect(clean(HOSTILE.long)).toHaveLength(4096);
    expect(clean(`${'é'.repeat(50_000)}`, 10)).toBe('é'.repeat(10));
  });

  it('changes nothing when applied twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const once = clean(text);
        expect(clean(once)).toBe(once);
      }),
    );
  });
});

it('gives every script the width that a terminal gives it, character by character', async () => {
  // Scripts that people write in; each block as one line of text.
  const blocks = [
    [0x20, 0x24f],
    [0x370, 0x52f],
    [0x530, 0x5ff],
    [0x600, 0x6ff],
    [0x900, 0xdff],
    [0xe00, 0xeff],
    [0x1000, 0x11ff],
    [0x1780, 0x17ff],
    [0x1e00, 0x27bf],
    [0x3000, 0x33ff],
    [0x4e00, 0x4eff],
    [0xac00, 0xacff],
    [0xfb00, 0xffef],
    [0x1f300, 0x1fadb],
  ] as const;
  for (const [from, to] of blocks)
    for (let start = from; start <= to; start += 16) {
      const codes = Array.from({ length: Math.min(16, to - start + 1) }, (_, index) => start + index);
      const text = clean(`x${String.fromCodePoint(...codes)}`);
      const terminal = new VirtualTerminal(80, 1);
      terminal.write(`${fillTo(text, 60)}|`);
      await terminal.drawn();
      expect(terminal.cell(60, 0).text, `${start.toString(16)}: ${text}`).toBe('|');
    }
});

describe('cut and fillTo', () => {
  it('cut a wide text before the border, with a sign that something is missing', () => {
    expect(cut('漢字の名前', 5)).toBe('漢字…');
    expect(cut('漢字の名前', 4)).toBe('漢…');
    expect(fillTo('漢字の名前', 4)).toBe('漢… ');
    expect(cut('abcdef', 3)).toBe('ab…');
    expect(cut('abc', 3)).toBe('abc');
  });

  it('fill exactly the width, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.integer({ min: 0, max: 30 }),
        (text, width) => {
          expect(cellWidth(fillTo(clean(text), width))).toBe(width);
        },
      ),
      { numRuns: tries(500) },
    );
  });

  it('hold for every hostile text and width', () => {
    for (const text of Object.values(HOSTILE))
      for (let width = 0; width <= 40; width += 1) expect(cellWidth(fillTo(clean(text), width))).toBe(width);
  });
});

describe('wrap', () => {
  it('breaks at blanks, and words that are too long where they must', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
    expect(wrap('漢字の名前', 4)).toEqual(['漢字', 'の名', '前']);
    expect(wrap('', 10)).toEqual(['']);
  });

  it('never makes a line wider than asked', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 80 }),
        fc.integer({ min: 2, max: 20 }),
        (text, width) => {
          for (const line of wrap(clean(text), width)) expect(cellWidth(line)).toBeLessThanOrEqual(width);
        },
      ),
    );
  });

  it('stops at its limit', () => {
    expect(wrap('a '.repeat(10_000), 1, 5).length).toBeLessThanOrEqual(6);
  });
});

it('counts characters as a person does', () => {
  expect(graphemes('e\u0301a')).toHaveLength(2);
});
