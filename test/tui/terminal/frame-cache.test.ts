import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import {
  type InkOutputClass,
  memoized,
  paintedCells,
  paintedScreen,
  withNarrowText,
  withRowCache,
} from '../../../src/tui/terminal/frame-cache.ts';
import { tries } from '../../support/tries.ts';

const ink = dirname(fileURLToPath(import.meta.resolve('ink')));
const { default: Original }: { default: InkOutputClass } = await import(
  pathToFileURL(join(ink, 'output.js')).href
);
const Cached = withRowCache(Original);

const piece = fc.constantFrom(
  'word',
  ' ',
  '   ',
  '│',
  '─┐',
  '▓░',
  '●',
  '日本',
  '👩‍👩‍👧‍👦',
  '🇩🇪',
  '1️⃣',
  'e\u0301',
  '\u200b',
  '\u001b[1m',
  '\u001b[22m',
  '\u001b[31m',
  '\u001b[46m',
  '\u001b[38;5;99m',
  '\u001b[0m',
  '\u001b]8;;https://x.y\u0007link\u001b]8;;\u0007',
);
const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
const operation = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      x: fc.constant(0),
      y: fc.integer({ min: -1, max: 8 }),
      text,
      upper: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      x: fc.integer({ min: -2, max: 30 }),
      y: fc.integer({ min: -1, max: 8 }),
      text: fc.array(text, { maxLength: 3 }).map((lines) => lines.join('\n')),
      upper: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ clip: { x1: 2, x2: 9, y1: 0, y2: 3 } }) },
);
const screen = fc.record({
  width: fc.integer({ min: 1, max: 40 }),
  height: fc.integer({ min: 0, max: 8 }),
  operations: fc.array(operation, { maxLength: 9 }),
});

type Screen = typeof screen extends fc.Arbitrary<infer Value> ? Value : never;

function paint(Output: InkOutputClass, { width, height, operations }: Screen): unknown {
  const output = new Output({ width, height });
  for (const each of operations)
    if ('clip' in each) {
      output.clip(each.clip);
      output.write(0, 0, 'clipped', { transformers: [] });
      output.unclip();
    } else
      output.write(each.x, each.y, each.text, {
        transformers: each.upper ? [(line) => line.replace('word', 'WORD')] : [(line) => line],
      });
  return output.get();
}

describe('frames of Ink with remembered rows', () => {
  it('are what Ink paints, on random screens', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(screen, (each) => {
        expect(paint(Cached, each)).toEqual(paint(Original, each));
      }),
      { numRuns: tries(10_000) },
    );
  });

  it('paint a row once', () => {
    let painted = 0;
    class Counting extends Original {
      override get(): ReturnType<InstanceType<InkOutputClass>['get']> {
        painted += 1;
        return super.get();
      }
    }
    const Output = withRowCache(Counting);
    const frame = (last: string): void => {
      const output = new Output({ width: 20, height: 3 });
      for (const [y, line] of ['one', 'two', last].entries()) output.write(0, y, line, { transformers: [] });
      output.get();
    };
    frame('three');
    const first = painted;
    frame('three');
    expect(painted).toBe(first);
    frame('four');
    expect(painted).toBeGreaterThan(first);
  });

  it('measure narrow text as string-width does', () => {
    const width = withNarrowText(stringWidth);
    for (let code = 0; code <= 0x2fff; code += 1) {
      const character = String.fromCharCode(code);
      expect([code, width(character), width(`a${character}b`)]).toEqual([
        code,
        stringWidth(character),
        stringWidth(`a${character}b`),
      ]);
    }
    fc.assert(
      fc.property(text, (each) => {
        expect(width(each)).toBe(stringWidth(each));
      }),
      { numRuns: tries(2_000) },
    );
  });

  it('keep a row that stays while thousands of others come and go', () => {
    const stays = '5 Log';
    for (let n = 0; n < 3_000; n += 1) {
      const text = paintedScreen([stays, `line ${n}`], 20);
      const output = new Cached({ width: 20, height: 2 });
      output.write(0, 0, text, { transformers: [] });
      output.get();
    }
    expect(paintedCells(stays)).toBe(20);
    expect(paintedCells('line 0')).toBeUndefined();
  });

  it('keep a bounded number of rows', () => {
    let computed = 0;
    const length = memoized((each) => {
      computed += 1;
      return each.length;
    });
    for (let n = 0; n < 5_000; n += 1) length(`row ${n}`);
    expect(computed).toBe(5_000);
    length('row 4999');
    expect(computed).toBe(5_000);
    length('row 0');
    expect(computed).toBe(5_001);
  });
});
