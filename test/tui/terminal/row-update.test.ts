/** Rows that the console painted: Ink writes them as they are, and a change writes only its cells. */
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withClusters, withPlaceholders } from '../../../src/tui/draw/cells.ts';
import { exact, type Line, paint, span } from '../../../src/tui/draw/line.ts';
import { isStyle, type Style, themeNamed } from '../../../src/tui/draw/theme.ts';
import { ownTheme } from '../../../src/tui/terminal/appearance.ts';
import {
  type InkOutputClass,
  painted,
  paintedScreen,
  rowUpdate,
  withPaintedSizes,
  withPaintedText,
  withPaintedWidths,
  withRowCache,
  withRowUpdates,
} from '../../../src/tui/terminal/frame-cache.ts';
import { tries } from '../../support/tries.ts';
import { VirtualTerminal } from '../virtual-terminal.ts';

const ink = dirname(fileURLToPath(import.meta.resolve('ink')));
const { default: Original }: { default: InkOutputClass } = await import(
  pathToFileURL(join(ink, 'output.js')).href
);
const Cached = withRowCache(Original);
const WIDTH = 40;

const THEMES = [
  themeNamed('dark'),
  themeNamed('light'),
  themeNamed('mono'),
  ownTheme('own', { base: 'dark', bad: 'bold #ff5555', select: 'black on #00aaff' }, 'dark', true),
];
const style = fc.constantFrom(...Object.keys(themeNamed('dark').sgr).filter(isStyle));
const words = fc.constantFrom(
  '│',
  ' ',
  'word ',
  '12:03',
  '漢字',
  'e\u0301x',
  '1\u20e3',
  '▁▅█',
  '●',
  'ab',
  '   ',
);
const piece = fc.record({
  text: words,
  style,
  over: fc.option(fc.constant<Style>('select'), { nil: undefined }),
});
const line = fc.array(piece, { maxLength: 9 });
const theme = fc.constantFrom(...THEMES);

/** A row of a pane: its border keeps it from being shortened. */
function rowOf(pieces: readonly { text: string; style: Style; over: Style | undefined }[]): Line {
  const inner = exact(
    pieces.map(({ over, ...each }) => (over === undefined ? each : { ...each, over })),
    WIDTH - 1,
    '…',
  );
  return [...inner, span('│', 'border')];
}

describe('a painted row', () => {
  it('is what Ink writes for it', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(line, theme, fc.boolean(), (pieces, look, bordered) => {
        const row = withPlaceholders(
          paint(bordered ? rowOf(pieces) : exact(rowOf(pieces).slice(0, -1), WIDTH, '…'), look),
        );
        const written = (Output: InkOutputClass): string => {
          const output = new Output({ width: WIDTH, height: 1 });
          output.write(0, 0, row, { transformers: [(each) => each] });
          return output.get().output;
        };
        const expected = written(Original);
        expect(written(Cached)).toBe(expected);
        painted(row, WIDTH);
        expect(written(Cached)).toBe(expected);
      }),
      { numRuns: tries(3_000) },
    );
  });

  it('stands in a screen of one text as Ink writes that text', { timeout: 120_000 }, () => {
    const overlap = fc.option(fc.record({ x: fc.nat(WIDTH), y: fc.nat(8) }), { nil: undefined });
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 8 }),
        theme,
        fc.nat(9),
        overlap,
        (lines, look, height, over) => {
          const rows = lines.map((pieces) => withPlaceholders(paint(rowOf(pieces), look)));
          const written = (Output: InkOutputClass): unknown => {
            const output = new Output({ width: WIDTH, height });
            output.write(0, 0, rows.join('\n'), { transformers: [(each) => each] });
            if (over !== undefined) output.write(over.x, over.y, 'table', { transformers: [] });
            return output.get();
          };
          const expected = written(Original);
          expect(written(Cached)).toEqual(expected);
          const text = paintedScreen(rows, WIDTH);
          expect(text).toBe(rows.join('\n'));
          expect(written(Cached)).toEqual(expected);
        },
      ),
      { numRuns: tries(3_000) },
    );
  });

  it('is neither cleaned nor measured again, alone or in a screen', () => {
    const asked: string[] = [];
    const text = paintedScreen(['first row ', 'second row'], 10);
    const clean = withPaintedText((each) => {
      asked.push(each);
      return each;
    });
    const width = withPaintedWidths((each) => {
      asked.push(each);
      return 0;
    });
    const size = withPaintedSizes((each) => {
      asked.push(each);
      return { width: 0, height: 0 };
    });
    expect([clean(text), width(text), size(text)]).toEqual([text, 10, { width: 10, height: 2 }]);
    expect([clean('first row '), width('first row '), size('second row').height]).toEqual([
      'first row ',
      10,
      1,
    ]);
    expect(asked).toEqual([]);
    expect(size('another\ntext')).toEqual({ width: 0, height: 0 });
    expect(asked).toEqual(['another\ntext']);
  });

  it('shows after a change what it shows when it is written whole', async () => {
    const rows = 200;
    const pairs = fc.sample(fc.tuple(line, line, fc.boolean(), theme), { numRuns: rows, seed: 7 });
    const updated = new VirtualTerminal(WIDTH, rows);
    const whole = new VirtualTerminal(WIDTH, rows);
    let sent = 0;
    let full = 0;
    for (const [y, [before, after, alike, look]] of pairs.entries()) {
      // Most changes leave something as it was.
      const next = alike ? [...before.slice(0, 2), ...after.slice(2, 3), ...before.slice(3)] : after;
      const [from, to] = [before, next].map((pieces) => withPlaceholders(paint(rowOf(pieces), look)));
      if (from === undefined || to === undefined) throw new Error('two rows');
      const update = rowUpdate(from, to, WIDTH) ?? `\u001b[1G\u001b[K${to}`;
      sent += update.length;
      full += to.length;
      updated.write(withClusters(`\u001b[${y + 1};1H${from}\u001b[${y + 1};1H${update}`));
      whole.write(withClusters(`\u001b[${y + 1};1H${to}`));
    }
    await updated.drawn();
    await whole.drawn();
    for (let y = 0; y < rows; y += 1)
      for (let x = 0; x < WIDTH; x += 1)
        expect(updated.cell(x, y), `row ${y}, column ${x}\n${JSON.stringify(pairs[y])}`).toEqual(
          whole.cell(x, y),
        );
    expect(sent).toBeLessThan(full * 0.8);
  });

  it('changes one cell with a few bytes, and leaves what Ink does with other rows', () => {
    const [a = '', b = ''] = ['10:00', '10:01'].map((text) =>
      paint(rowOf([{ text: `${text} at work`, style: 'dim', over: undefined }]), themeNamed('dark')),
    );
    expect(rowUpdate(a, b, WIDTH)).toBe('\u001b[5G\u001b[2m1\u001b[0m');
    const update = withRowUpdates(() => 'as Ink does');
    expect(update('x', 'y', 80)).toBe('as Ink does');
    painted(a, WIDTH);
    painted(b, WIDTH);
    expect(update(a, b, WIDTH)).toBe('\u001b[5G\u001b[2m1\u001b[0m');
    expect(update(a, b, WIDTH + 1)).toBe('as Ink does');
    expect(update(a, b, undefined)).toBe('as Ink does');
  });
});
