import { describe, expect, it } from 'vitest';
import { adapterView, alive, HOSTILE, pairingView, sessionView, snapshotOf } from '../fixtures.ts';
import { openConsole } from '../open-console.ts';
import type { VirtualTerminal } from '../virtual-terminal.ts';

const hostile = alive(
  snapshotOf({
    sessions: Object.values(HOSTILE).map((text, n) =>
      sessionView(`s${n}`, {
        senderName: text,
        current: text,
        title: text,
        state: n % 2 === 0 ? 'running' : 'idle',
      }),
    ),
    pairing: Object.values(HOSTILE).map((text, n) =>
      pairingView(`p${n}`, { senderName: text, firstWords: text }),
    ),
    log: Object.values(HOSTILE).map((text) => ({ at: 0, level: 'info' as const, source: text, text })),
  }),
);

/** Both outer borders of the panes, from the first pane row to the last. */
function expectStraightBorders(terminal: VirtualTerminal): void {
  const last = terminal.rows - 1;
  for (const column of [0, terminal.columns - 1])
    expect(terminal.column(column).slice(1, last), `column ${column}\n${terminal.text()}`).toMatch(
      /^[┌┐└┘│─]+$/u,
    );
}

describe('on a real terminal', () => {
  it.each([
    [100, 30],
    [120, 40],
    [200, 54],
  ])('hostile names and texts never move a border at %i x %i', async (columns, rows) => {
    const console = await openConsole({ columns, rows, snapshot: hostile });
    await console.shows('5 Log');
    expectStraightBorders(console.terminal);
    await console.type('2jjj', '2 Sessions');
    await console.terminal.drawn();
    expectStraightBorders(console.terminal);
    expect(console.terminal.text()).not.toContain('evil\u202c');
    await console.quit();
  });

  it('survives a storm of sizes, down to 1x1, and is whole again', async () => {
    const console = await openConsole();
    await console.shows('5 Log');
    for (const [columns, rows] of [
      [80, 24],
      [1, 1],
      [200, 54],
      [40, 10],
      [39, 9],
      [2, 50],
      [150, 3],
      [60, 16],
      [120, 40],
    ] as const) {
      console.stdout.resize(columns, rows);
      await console.terminal.drawn();
    }
    await console.shows('┐┌ 2 Sessions'); // the grid of the last size, not a frame of the one before
    await console.shows(/^ a approve/mu);
    expectStraightBorders(console.terminal);
    await console.quit();
  });

  it('takes keys that were typed so fast that they arrive as one', async () => {
    const console = await openConsole();
    await console.type('2jj/zo\r', '/zo');
    await console.shows('Sessions');
    expect(console.terminal.text()).toContain('Zoë');
    expect(console.terminal.text()).not.toContain('Ada Lovelace           running');
    await console.quit();
  });

  it('reads Tab, Shift+Tab and Esc itself: Ink has no focus manager to take them', async () => {
    const console = await openConsole();
    await console.type('1\t', 'i write');
    await console.type('\u001b[Z', 's stop');
    await console.type('?', ' Help ');
    await console.type('\u001b', 's stop');
    await console.quit();
  });

  it('does nothing with a pasted paragraph in a list, and puts it into a text field', async () => {
    const console = await openConsole();
    const paragraph = 'a quick brown fox\ndenies and blocks\nq';
    await console.type(`4\u001b[200~${paragraph}\u001b[201~m`, 'Enter a code');
    expect(console.operator.commands).toEqual([]);
    await console.type(`\u001b[200~${paragraph}\u001b[201~`, 'a quick brown fox denies and blocks q');
    await console.quit();
  });

  it('takes a paste for a paste also where the terminal does not mark it', async () => {
    const console = await openConsole();
    await console.type('aaabbbddd, and more of the same text');
    // The next key must not arrive in the same read.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await console.type('m', 'Enter a code');
    expect(console.operator.commands).toEqual([]);
    await console.quit();
  });

  it('writes less than 4 KB for a background frame at 120x40', async () => {
    const console = await openConsole();
    await console.shows('5 Log 40');
    // On a busy machine the frames of the start take their time: the one that is measured comes after them.
    do {
      console.stdout.writes.length = 0;
      await new Promise((resolve) => setTimeout(resolve, 300));
    } while (console.stdout.writes.length > 0);
    for (let n = 0; n < 20; n += 1)
      console.operator.push({
        type: 'log',
        line: { at: Date.now(), level: 'info', source: 'test', text: `tick ${n}` },
      });
    await console.shows('tick 19');
    const total = console.stdout.writes.reduce((sum, bytes) => sum + bytes, 0);
    expect(total).toBeGreaterThan(0);
    expect(total).toBeLessThan(4_096);
    await console.quit();
  });

  it('hides the cursor and uses the alternate screen, and gives both back', async () => {
    const console = await openConsole();
    await console.shows('5 Log');
    expect(console.terminal.alternate).toBe(true);
    expect(console.terminal.cursorHidden).toBe(true);
    expect(await console.quit()).toEqual({ reason: 'quit' });
    await console.terminal.drawn();
    expect(console.terminal.alternate).toBe(false);
    expect(console.terminal.cursorHidden).toBe(false);
    expect(console.stdin.isRaw).toBe(false);
    expect(console.terminal.raw).toContain('\u001b[?2004l');
    expect(console.terminal.raw).toContain('\u001b[?1004l');
  });

  it('stays in the normal screen when inline', async () => {
    const console = await openConsole({ console: { inline: true } });
    await console.shows('5 Log');
    expect(console.terminal.alternate).toBe(false);
    await console.quit();
  });

  it('draws everything again with Ctrl+L', async () => {
    const console = await openConsole();
    await console.shows('5 Log 40');
    console.terminal.write('\u001b[2J\u001b[Hgarbage over the screen');
    await console.type('\u000c', '5 Log 40');
    expect(console.terminal.text()).not.toContain('garbage');
    await console.quit();
  });

  it('updates a relative time although nothing happens', async () => {
    const adapter = adapterView({ ingress: { lastUpdateAt: Date.now() } });
    const console = await openConsole({ snapshot: { ...alive(snapshotOf()), adapters: [adapter] } });
    await console.shows(/in \ds ago/u);
    const first = Number(/in (\d)s ago/u.exec(console.terminal.text())?.[1]);
    await console.shows(`in ${first + 1}s ago`);
    await console.quit();
  });

  it('puts a new request on the desktop where that is configured', async () => {
    for (const [kind, sequence] of [
      ['osc9', ']9;pi-gateway: Grace, Hopper (telegram) requests access\u0007'],
      ['osc777', ']777;notify;pi-gateway;Grace, Hopper (telegram) requests access\u0007'],
      ['off', undefined],
    ] as const) {
      const console = await openConsole({ snapshot: snapshotOf(), console: { notifications: kind } });
      const senderName = 'Grace; Hopper\u001b]2;x\u0007';
      console.operator.push({ type: 'pairing', request: alive(pairingView('p1', { senderName })) });
      await console.shows('pairing 1 !');
      if (sequence === undefined) expect(console.terminal.raw).not.toMatch(/\u001b\](9|777);/u);
      else expect(console.terminal.raw).toContain(`\u001b${sequence}`);
      await console.quit();
    }
  });

  it('calls the operator by title and bell, and copies through OSC 52', async () => {
    const console = await openConsole({ snapshot: snapshotOf(), console: { bell: true } });
    console.operator.push({ type: 'pairing', request: alive(pairingView('p1')) });
    await console.shows('pairing 1 !');
    expect(console.terminal.raw).toContain('\u001b]2;(1 pairing) pi-gateway\u0007');
    expect(console.terminal.raw.endsWith('\u0007') || console.terminal.raw.includes('\u0007\u001b')).toBe(
      true,
    );
    await console.type('y', 'Copied KQ7M-2XPD');
    expect(console.terminal.raw).toContain(
      `\u001b]52;c;${Buffer.from('KQ7M-2XPD').toString('base64')}\u0007`,
    );
    await console.quit();
  });
});

describe('the status page', () => {
  it('has two facts in a row where they do not fit under each other, and no rules between rows', async () => {
    const console = await openConsole({ columns: 120, rows: 20 });
    await console.type('S', 'Listens on');
    expect(console.terminal.lines().filter((line) => line.includes('├'))).toHaveLength(1);
    // The second column begins with a name: what does not fit in the state of WhatsApp goes on under it.
    expect(console.terminal.text()).toMatch(/│ Gateway +│ running.* +│ whatsapp +│ connected, /u);
    expect(console.terminal.text()).toMatch(
      /│ Data directory +│ \/home.* +│ websocket +│ connected, 1 client/u,
    );
    expect(console.terminal.text()).toMatch(/│ Agent +│ pi-rpc.* +│ Sessions +│ 5, 1 /u);
    console.terminal.resize(80, 24);
    console.stdout.emit('resize');
    await console.shows(/^│┌─+┬─+┐│$/mu);
    await console.shows(/│ Connection +│ same process +││/u);
    await console.quit();
  });
});
