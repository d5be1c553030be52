import { describe, expect, it } from 'vitest';
import {
  bar,
  exact,
  frame,
  lineWidth,
  overlay,
  paint,
  span,
  sparkline,
  spread,
} from '../../../src/tui/draw/line.ts';
import { ASCII_GLYPHS, PLAIN_THEME, themeNamed, UNICODE_GLYPHS } from '../../../src/tui/draw/theme.ts';

describe('a painted line', () => {
  const dark = themeNamed('dark');

  it('fills exactly the width and closes every style', () => {
    const painted = paint(exact([span('ab', 'ok'), span('漢', 'bad')], 6, '…'), dark);
    expect(painted).toBe('\u001b[32mab\u001b[1m\u001b[91m漢\u001b[39m\u001b[22m  ');
  });

  it('covers the whole line with a selection, and drops colours that would be unreadable on it', () => {
    const painted = paint(exact([span('ab', 'bad')], 4, '…', 'select'), dark);
    expect(painted).toBe('\u001b[1m\u001b[30m\u001b[46mab\u001b[22m  \u001b[49m\u001b[39m');
  });

  it('has no escape sequence in the plain theme', () => {
    expect(paint(exact([span('ab', 'bad')], 4, '…', 'select'), PLAIN_THEME)).toBe('ab  ');
  });

  it('is laid over another one without changing its width, also through wide characters', () => {
    const line = [span('漢字漢字漢字', 'ok')];
    for (let x = 0; x <= 9; x += 1) {
      const merged = overlay(line, [span('abc')], x);
      expect(lineWidth(merged)).toBe(12);
      expect(merged.map((part) => part.text).join('')).toContain('abc');
    }
    expect(overlay(line, [span('abc')], 3).map((part) => part.text)).toEqual(['漢 ', 'abc', '字漢字']);
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
        const lines = frame([[span('x'.padEnd(width - 2).slice(0, width - 2))]], {
          width,
          height,
          title: [span('1 漢字の名前 4/6')],
          note: [span('following')],
          focused: true,
          glyphs,
        });
        expect(lines).toHaveLength(height);
        for (const line of lines) expect(lineWidth(line)).toBe(width);
      }
  });
});

it('draws bars and sparklines to scale', () => {
  expect(bar(0.62, 8, UNICODE_GLYPHS)).toBe('▓▓▓▓▓░░░');
  expect(bar(2, 3, UNICODE_GLYPHS)).toBe('▓▓▓');
  expect(sparkline([0, 4, 8], UNICODE_GLYPHS)).toBe('▁▅█');
  expect(lineWidth([span('漢a')])).toBe(3);
});
