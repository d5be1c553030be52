import { describe, expect, it } from 'vitest';
import type { LogLine } from '../../../src/gateway/model.ts';
import { NOW, snapshotOf } from '../fixtures.ts';
import { type Harness, harness } from '../harness.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
const line = (n: number, text = `line ${n}`): LogLine => ({
  at: NOW,
  level: LEVELS[n % 4] ?? 'info',
  source: n % 2 === 0 ? 'telegram' : 'outbox',
  text,
});

function withLog(log: readonly LogLine[]): Harness {
  const h = harness({ snapshot: snapshotOf({ log }) });
  h.press('5 z');
  return h;
}

const shown = (h: Harness): string[] => h.text(100, 30).flatMap((row) => /line \d+/u.exec(row)?.[0] ?? []);

describe('the log', () => {
  it('shows from a level on with L, one source with s, both beside a filter; Esc shows all again', () => {
    const h = withLog(Array.from({ length: 12 }, (_, n) => line(n)));
    h.press('L L');
    expect(shown(h)).toEqual(['line 2', 'line 3', 'line 6', 'line 7', 'line 10', 'line 11']);
    expect(h.text(100, 30).join('\n')).toContain('Log 6/12 warn+');
    h.press('s');
    expect(shown(h)).toEqual(['line 3', 'line 7', 'line 11']);
    expect(h.text(100, 30).join('\n')).toContain('only outbox');
    h.press('/ 7 enter');
    expect(shown(h)).toEqual(['line 7']);
    h.press('esc');
    expect(shown(h)).toHaveLength(3);
    h.press('esc');
    expect(shown(h)).toHaveLength(12);
  });

  it('gives the pager what it shows', () => {
    const h = withLog(Array.from({ length: 8 }, (_, n) => line(n)));
    h.press('L L L v');
    expect(h.effects.paged[0]).toHaveLength(2);
  });

  it('wraps with W: every word can be read, and following ends with the last line', () => {
    const long = Array.from({ length: 60 }, (_, n) => `word${n}`).join(' ');
    const h = withLog([...Array.from({ length: 40 }, (_, n) => line(n)), line(40, `${long} end.`)]);
    expect(h.text(100, 30).join('\n')).not.toContain('end.');
    h.press('W');
    const text = h.text(100, 30).join('\n');
    for (let n = 0; n < 60; n += 1) expect(text).toContain(`word${n} `);
    expect(h.text(100, 30).at(-3)).toContain('end.');
    h.press('W');
    expect(h.text(100, 30).join('\n')).not.toContain('end.');
  });

  it('keeps the selected line in sight while it is wrapped, up and down', () => {
    const h = withLog(
      Array.from({ length: 60 }, (_, n) => line(n, `line ${n} ${'and more of it '.repeat(n % 9)}`)),
    );
    h.press('W');
    h.screen(60, 20);
    for (const keys of ['k k k k k k k k', 'pgup', 'g', 'j j j j j j', 'pgdn', 'k']) {
      for (const key of keys.split(' ')) {
        h.press(key);
        const rows = h.text(60, 20);
        const at = h.controller.lists.cursor('log');
        expect(
          rows.filter((row) => row.includes('▸')),
          `${keys}: ${key}`,
        ).toHaveLength(at === undefined ? 0 : 1);
        if (at !== undefined) expect(rows.find((row) => row.includes('▸'))).toContain(`line ${at} `);
      }
    }
    h.press('G');
    expect(shown(h).at(-1)).toBe('line 59');
  });

  it('never fills the pane with one line for ever', () => {
    const h = withLog([line(1), line(2, 'x'.repeat(100_000)), line(3)]);
    h.press('W g');
    expect(h.text(100, 30).join('\n')).toContain('line 1');
    h.press('j');
    expect(h.text(100, 30).join('\n')).toContain('xxxx');
    h.press('G');
    expect(h.text(100, 30).join('\n')).toContain('line 3');
  });
});
