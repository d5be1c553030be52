import { describe, expect, it } from 'vitest';
import { NOW, sessionView, snapshotOf } from '../fixtures.ts';
import { type Harness, type HarnessOptions, harness } from '../harness.ts';

const said = Array.from({ length: 80 }, (_, n) => ({
  at: NOW + n,
  role: 'user' as const,
  name: 'Ada',
  text: `line ${n}.`,
}));

async function composer(options: Partial<HarnessOptions> = {}): Promise<Harness> {
  const sessions = [
    sessionView('s1', { senderName: 'Ada', lastUserAt: NOW }),
    sessionView('s2', { senderName: 'Bob', lastUserAt: NOW - 1 }),
  ];
  const h = harness({ snapshot: snapshotOf({ sessions }), queries: { transcript: said }, ...options });
  h.press('2 i');
  await h.settle();
  return h;
}

const screen = (h: Harness): string => h.text().join('\n');
const written = (h: Harness): string[] =>
  h.operator.commands.flatMap((command) => (command.type === 'session.write' ? [command.text] : []));

describe('the composer', () => {
  it('stands under the transcript, stays open, and sends several lines', async () => {
    const h = await composer();
    expect(screen(h)).toContain('Write to telegram Ada');
    expect(screen(h)).toContain('line 79.');
    h.type('one');
    h.press('alt+enter');
    h.type('two');
    h.press('enter');
    await h.settle();
    h.type('three');
    h.press('enter');
    await h.settle();
    expect(written(h)).toEqual(['one\ntwo', 'three']);
    expect(screen(h)).toContain('Write to telegram Ada');
    h.press('enter');
    expect(written(h)).toHaveLength(2);
  });

  it('keeps the lines of what is pasted, and takes its control characters out', async () => {
    const h = await composer();
    h.controller.paste('a\r\nb\n\u001b[31mc\u0007');
    h.press('enter');
    await h.settle();
    expect(written(h)).toEqual(['a\nb\nc']);
  });

  it('moves between lines with arrows, and beyond them through what was written before', async () => {
    const h = await composer();
    for (const text of ['first', 'second']) {
      h.type(text);
      h.press('enter');
      await h.settle();
    }
    h.type('draft');
    h.press('up');
    expect(screen(h)).toContain('> second');
    h.press('up up');
    expect(screen(h)).toContain('> first');
    h.press('down down');
    expect(screen(h)).toContain('> draft');
    h.press('alt+enter');
    h.type('x');
    h.press('up home');
    h.type('the ');
    h.press('enter');
    await h.settle();
    expect(written(h).at(-1)).toBe('the draft\nx');
  });

  it('keeps a draft for each chat, and scrolls the transcript with PgUp', async () => {
    const h = await composer();
    h.type('not yet');
    h.press('pgup');
    expect(screen(h)).not.toContain('line 79.');
    expect(screen(h)).toContain('> not yet');
    h.press('esc ]');
    await h.settle();
    h.press('i');
    expect(screen(h)).toContain('Write to telegram Bob');
    expect(screen(h)).not.toContain('not yet');
    h.press('esc [');
    await h.settle();
    h.press('i');
    expect(screen(h)).toContain('> not yet');
    expect(h.operator.commands).toEqual([]);
  });

  it('brings the text back when it could not be sent', async () => {
    const h = await composer({ answer: () => new Error('the store is full') });
    h.type('hello');
    h.press('enter');
    await h.settle();
    expect(screen(h)).toContain('the store is full');
    expect(screen(h)).toContain('> hello');
  });

  it('puts the cursor of the terminal where the text is, in cells', async () => {
    const h = await composer();
    h.type('日本');
    const { cursor, lines } = h.screen();
    const y = lines.findIndex((line) => line.includes('> 日本'));
    const before = (lines[y] ?? '').indexOf('> ') + 2;
    // Two characters of two cells each.
    expect(cursor).toEqual({ x: before + 4, y });
    h.press('esc');
    expect(h.screen().cursor).toBeUndefined();
  });

  it('fits a long text on a small terminal', async () => {
    const h = await composer();
    h.controller.paste(Array.from({ length: 40 }, (_, n) => `row ${n}`).join('\n'));
    for (const [columns, rows] of [
      [120, 40],
      [80, 24],
      [44, 12],
      [40, 10],
    ] as const) {
      const { lines, cursor } = h.screen(columns, rows);
      expect(lines).toHaveLength(rows);
      expect(lines.join('\n')).toContain('row 39');
      expect(cursor?.y).toBeLessThan(rows - 1);
    }
  });

  it('keeps the frame of the page whole above it when little was said', async () => {
    const h = await composer({ queries: { transcript: said.slice(0, 1) } });
    for (const [columns, rows] of [
      [160, 50],
      [120, 40],
      [80, 24],
      [44, 12],
    ] as const) {
      const { lines } = h.screen(columns, rows);
      const foot = lines.findIndex((line) => line.includes('Write to telegram'));
      const left = columns >= 100 ? 4 : 0;
      const right = columns - 1 - left;
      const empty = lines.slice(0, foot).filter((line) => /^\s*$/u.test(line.slice(left + 1, right)));
      expect(empty.length).toBeGreaterThan(0);
      for (const line of lines.slice(left === 0 ? 2 : 3, foot))
        expect([line[left], line[right], /│/u.test(line.slice(left + 1, right))]).toEqual(['│', '│', false]);
    }
  });
});
