/** The app with Ink's own test renderer: what its input parser makes of keys. */
import { render } from 'ink-testing-library';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { App } from '../../src/tui/app.tsx';
import { cellWidth } from '../../src/tui/draw/cells.ts';
import { PLAIN_THEME, UNICODE_GLYPHS } from '../../src/tui/draw/theme.ts';
import { statusColumns, statusLayout, statusWidths } from '../../src/tui/pages/status.ts';
import { sessionView, snapshotOf } from './fixtures.ts';
import { type Harness, harness } from './harness.ts';

type Rendered = ReturnType<typeof render>;
const open: Rendered[] = [];

afterEach(() => {
  for (const rendered of open.splice(0)) {
    rendered.unmount();
    rendered.cleanup();
  }
});

function show(h: Harness, rows = 30): Rendered {
  const { controller, store } = h;
  const rendered = render(
    <App store={store} controller={controller} theme={PLAIN_THEME} glyphs={UNICODE_GLYPHS} />,
  );
  // The library borrows the host's number of rows, which differs from machine to machine.
  Object.defineProperty(rendered.stdout, 'rows', { value: rows });
  rendered.stdout.emit('resize');
  open.push(rendered);
  return rendered;
}

async function press(rendered: Rendered, input: string): Promise<void> {
  rendered.stdin.write(input);
  // A lone Esc is held back for a moment: it could be the start of a sequence.
  await new Promise((resolve) => setTimeout(resolve, 40));
}

describe('the app', () => {
  it('fills exactly the terminal', async () => {
    const rendered = show(harness());
    await vi.waitFor(() => expect(rendered.lastFrame()?.split('\n')).toHaveLength(30), 15_000);
    expect(rendered.lastFrame()).toContain('┌ 4 Pairing 2');
  });

  it('understands arrows, Tab and Shift+Tab, Ctrl keys and keys glued together', async () => {
    const h = harness({ snapshot: snapshotOf({ sessions: [sessionView('s1'), sessionView('s2')] }) });
    const rendered = show(h);
    await press(rendered, '1\t');
    expect(h.controller.view.focus).toBe('sessions');
    await press(rendered, '\u001b[B');
    expect(h.controller.lists.cursor('sessions')).toBe(1);
    await press(rendered, '\u001b[Z');
    expect(h.controller.view.focus).toBe('adapters');
    await press(rendered, '\u0010');
    expect(h.controller.view.modes.at(-1)?.kind).toBe('palette');
    await press(rendered, 'session');
    expect(rendered.lastFrame()).toContain(': session');
    await press(rendered, '\u001b');
    expect(h.controller.view.modes).toEqual([]);
  });

  it('keeps a paste apart from keys', async () => {
    const h = harness();
    const rendered = show(h);
    await press(rendered, '\u001b[200~aaddbb\u001b[201~');
    expect(h.operator.commands).toEqual([]);
  });

  it('asks for one wake-up and draws nothing until then', async () => {
    const h = harness({ snapshot: snapshotOf() });
    const rendered = show(h);
    await vi.waitFor(() => expect(rendered.lastFrame()?.split('\n')).toHaveLength(30), 15_000);
    await press(rendered, '');
    expect(h.timers.waiting).toBe(1);
    const frames = rendered.frames.length;
    h.timers.advance(20_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(rendered.frames.length).toBe(frames);
  });

  it('shows the status in a table whose columns wide text does not move', async () => {
    const base = snapshotOf();
    const gateway = { ...base.gateway, dataDir: '/home/漢字の名前/👩‍👩‍👧/e\u0301', host: 'x'.repeat(300) };
    const rendered = show(harness({ snapshot: { ...base, gateway } }), 40);
    await press(rendered, 'S');
    await vi.waitFor(() => expect(rendered.lastFrame()).toContain('Data directory'), 15_000);
    const lines = rendered.lastFrame()?.split('\n') ?? [];
    const rules = lines.filter((line) => line.includes('┼'));
    expect(rules).toHaveLength(1);
    const folder = lines.find((line) => line.includes('Data directory')) ?? '';
    expect(folder).toContain('漢字の名前');
    // Both columns stand where the rule under the head says.
    const rule = rules[0] ?? '';
    for (const label of ['Listens on', 'Data directory']) {
      const line = lines.find((each) => each.includes(label)) ?? '';
      const before = line.slice(0, line.indexOf('│', line.indexOf(label)));
      expect(cellWidth(before), label).toBe(cellWidth(rule.slice(0, rule.indexOf('┼'))));
    }
    expect(folder, lines.join('\n')).toMatch(/││.{4}$/u);
  });

  it('shows every value of the status as a whole, whatever the width', async () => {
    const detail = `scripted answers, ${'word '.repeat(20)}end.`;
    const base = snapshotOf();
    const { agent } = base.gateway;
    const snapshot = { ...base, gateway: { ...base.gateway, agent: { ...agent, detail } } };
    const rendered = show(harness({ snapshot }), 40);
    await press(rendered, 'S');
    await vi.waitFor(() => expect(rendered.lastFrame()).toContain('Data directory'), 15_000);
    expect(rendered.lastFrame()).toContain('end.');
    expect(rendered.lastFrame()).not.toMatch(/word…|wor…|…\s*│/u);
    const facts = Array.from({ length: 30 }, (_, n) => ({ name: `fact ${n}`, value: `${detail} ${n}` }));
    for (const [width, height] of [
      [150, 60],
      [110, 30],
      [78, 16],
      [40, 6],
    ] as const) {
      const { rows, beside } = statusLayout(facts, width, height);
      const room = statusWidths(width, beside)[1] ?? 0;
      expect(rows.every(({ value }) => cellWidth(value) <= room)).toBe(true);
      expect(rows.map(({ value }) => value).join(' ')).toBe(facts.map(({ value }) => value).join(' '));
    }
    expect(statusLayout(facts, 150, 60).beside).toBe(1);
    expect(statusLayout(facts, 110, 30).beside).toBe(2);
  });

  it('begins the second column of the status with a name, and shows every row of it', async () => {
    const facts = Array.from({ length: 24 }, (_, n) => ({
      name: `fact ${n}`,
      value: 'word '.repeat(1 + ((n * 7) % 30)).trim(),
    }));
    for (const [count, height] of [
      [24, 28],
      [24, 22],
      [24, 12],
      [24, 4],
      [11, 9],
    ] as const) {
      const { rows, beside, most } = statusLayout(facts.slice(0, count), 100, height);
      expect(beside).toBe(2);
      for (let top = 0; top <= Math.max(0, rows.length - most); top += 1) {
        const shown = rows.slice(top, top + most);
        const columns = statusColumns(shown, beside, height);
        expect(columns.flat()).toEqual(shown);
        expect(Math.max(...columns.map(({ length }) => length))).toBeLessThanOrEqual(height);
        expect(columns[1]?.[0]?.name, `${count} facts, ${height} rows, from ${top}`).not.toBe('');
      }
    }
  });
});
