import { describe, expect, it } from 'vitest';
import { mouseEvents, pointAt } from '../../../src/tui/screen/scene.ts';
import { type Harness, harness } from '../harness.ts';
import { openConsole } from '../open-console.ts';

/** Clicks the first place where the screen shows a text. */
function click(
  h: Harness,
  text: string,
  columns = 120,
  rows = 40,
  kind: 'press' | 'wheel-down' = 'press',
): void {
  const lines = h.text(columns, rows);
  const y = lines.findIndex((line) => line.includes(text));
  expect(y, text).toBeGreaterThanOrEqual(0);
  // The scenes clicked here have no wide characters in front of the place.
  pointAt(h.controller, { kind, x: lines[y]?.indexOf(text) ?? 0, y }, columns, rows);
}

describe('the mouse', () => {
  it('is read from its reports; everything else is none', () => {
    const kinds = (input: string): string[] => mouseEvents(input).map((event) => event.kind);
    expect(mouseEvents('\u001b[<0;10;5M')).toEqual([{ kind: 'press', x: 9, y: 4 }]);
    expect(kinds('\u001b[<16;1;1M')).toEqual(['press']);
    expect(kinds('\u001b[<64;1;1Mx\u001b[<65;1;1M')).toEqual(['wheel-up', 'wheel-down']);
    expect(kinds('\u001b[<0;10;5m\u001b[<2;10;5M')).toEqual(['other', 'other']);
    for (const input of ['j', '[<0;10;5M', '\u001b[<0;10;5', '\u001b[<a;1;1M', '\u001b[A'])
      expect(mouseEvents(input)).toEqual([]);
  });

  it('goes to the pane and the row under it, and opens the row at the second click', () => {
    const h = harness();
    click(h, 'discord   reconn');
    expect(h.controller.view.focus).toBe('adapters');
    expect(h.controller.target('adapters')?.platform).toBe('discord');
    click(h, 'discord   reconn');
    expect(h.controller.view.modes).toMatchObject([{ kind: 'page', page: 'adapter', subject: 'discord' }]);
  });

  it('finds rows of several lines, and panes that are folded', () => {
    const h = harness();
    click(h, 'Grace Hopper');
    expect(h.controller.target('pairing')?.senderName).toBe('Grace Hopper');
    click(h, '5 Log', 80, 24);
    expect(h.controller.view.focus).toBe('log');
    expect(h.controller.view.modes).toEqual([]);
  });

  it('scrolls what is under it with the wheel: a pane without its focus, a page', () => {
    const h = harness();
    click(h, '▸● telegram  @mybot', 120, 40, 'wheel-down');
    expect(h.controller.view.focus).toBe('pairing');
    expect(h.controller.lists.cursor('adapters')).toBe(3);
    h.press('?');
    h.text(120, 40);
    pointAt(h.controller, { kind: 'wheel-down', x: 50, y: 20 }, 120, 40);
    expect(h.controller.view.modes).toMatchObject([{ top: 3 }]);
  });

  it('answers no dialog and falls into no border', () => {
    const h = harness();
    h.press('2 r');
    for (let y = 0; y < 40; y += 1) pointAt(h.controller, { kind: 'press', x: 60, y }, 120, 40);
    expect(h.operator.commands).toEqual([]);
    h.press('esc');
    for (const [x, y] of [
      [0, 0],
      [0, 39],
      [119, 39],
      [500, 500],
      [-1, -1],
    ] as const)
      pointAt(h.controller, { kind: 'press', x, y }, 120, 40);
    expect(h.controller.view.modes).toEqual([]);
  });

  it('is asked for only when it is wanted, given back, and its reports are never keys', async () => {
    const console = await openConsole({ console: { mouse: true } });
    await console.shows('5 Log');
    expect(console.terminal.raw).toContain('\u001b[?1000h\u001b[?1006h');
    await console.type('\u001b[<0;10;3M', /s stop/u);
    await console.quit();
    expect(console.terminal.raw).toContain('\u001b[?1006l\u001b[?1000l');

    const without = await openConsole();
    await without.shows('5 Log');
    without.stdin.type('\u001b[<0;10;2M\u001b[<35;70;20M');
    await without.type('2', 'i write');
    expect(without.operator.commands).toEqual([]);
    await without.quit();
    expect(without.terminal.raw).not.toContain('\u001b[?1000h');
  });
});
