import { describe, expect, it } from 'vitest';
import { cellWidth } from '../../../src/tui/draw/cells.ts';
import { bar, frame, sparkline } from '../../../src/tui/draw/frame.ts';
import { ASCII_GLYPHS, UNICODE_GLYPHS } from '../../../src/tui/draw/glyphs.ts';
import { lineWidth, paint, span, spread } from '../../../src/tui/draw/line.ts';
import { PLAIN_THEME, themeNamed } from '../../../src/tui/draw/theme.ts';

describe('paint', () => {
  it('fills exactly the width and closes every style', () => {
    const painted = paint([span('ab', 'ok'), span('漢', 'bad')], 6, themeNamed('dark'), '…');
    expect(painted.replaceAll(/\u001b\[\d+m/gu, '')).toBe('ab漢  ');
    expect(painted.endsWith('\u001b[0m') || painted.endsWith(' ')).toBe(true);
  });

  it('covers the whole line with a selection, and drops colours that would be unreadable on it', () => {
    const painted = paint([span('ab', 'bad')], 4, themeNamed('dark'), '…', 'select');
    expect(painted).not.toContain('\u001b[91m');
    expect(painted.split('\u001b[46m')).toHaveLength(3);
  });

  it('writes no escape sequence in the plain theme', () => {
    expect(paint([span('ab', 'bad')], 4, PLAIN_THEME, '…', 'select')).toBe('ab  ');
  });
});

describe('spread', () => {
  it('keeps the right part and cuts the left one', () => {
    const line = spread([span('a long left part')], [span('right')], 16, '…', 4);
    expect(line.map((part) => part.text).join('')).toBe('a long le… right');
  });

  it('drops the right part when too little would remain', () => {
    const line = spread([span('a long left part')], [span('right')], 16, '…', 12);
    expect(line.map((part) => part.text).join('')).toBe('a long left part');
  });
});

describe('frame', () => {
  it.each([UNICODE_GLYPHS, ASCII_GLYPHS])('has lines of one width at every size', (glyphs) => {
    for (let width = 2; width < 50; width += 1)
      for (const height of [1, 2, 5]) {
        const lines = frame(['x'.padEnd(width - 2).slice(0, width - 2)], {
          width,
          height,
          title: [span('1 漢字の名前 4/6')],
          note: [span('following')],
          focused: true,
          theme: PLAIN_THEME,
          glyphs,
        });
        expect(lines).toHaveLength(height);
        for (const line of lines) expect(cellWidth(line)).toBe(width);
      }
  });
});

it('draws bars and sparklines to scale', () => {
  expect(bar(0.62, 8, UNICODE_GLYPHS)).toBe('▓▓▓▓▓░░░');
  expect(bar(2, 3, UNICODE_GLYPHS)).toBe('▓▓▓');
  expect(sparkline([0, 4, 8], UNICODE_GLYPHS)).toBe('▁▅█');
  expect(lineWidth([span('漢a')])).toBe(3);
});
