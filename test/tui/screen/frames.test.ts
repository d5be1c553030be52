import { describe, expect, it } from 'vitest';
import type {
  CommandResult,
  OperatorCommand,
  OperatorSnapshot,
} from '../../../src/gateway/operator/operator.ts';
import { cellWidth } from '../../../src/tui/draw/cells.ts';
import { ASCII_GLYPHS } from '../../../src/tui/draw/theme.ts';
import { PANES } from '../../../src/tui/lists/list.ts';
import type { Screen } from '../../../src/tui/screen/compose.ts';
import {
  adapterView,
  busySnapshot,
  gatewayView,
  HOSTILE,
  NOW,
  outboxView,
  pairingView,
  refusalView,
  sessionView,
  snapshotOf,
  taskView,
} from '../fixtures.ts';
import { type Harness, harness } from '../harness.ts';

const SIZES = [
  [1, 1],
  [40, 10],
  [60, 16],
  [80, 24],
  [120, 40],
  [200, 54],
] as const;

/** Keys that open every page and dialog, from the panes. */
const OVERLAYS: Readonly<Record<string, string>> = {
  help: '?',
  status: 'S',
  pulse: 'v',
  refusals: 'f',
  outbox: 'o',
  allowlist: 'w',
  configuration: ',',
  palette: ':',
  'palette that finds nothing': ': q q q q q',
  'adapter details': '1 enter',
  'session transcript': '2 enter',
  'task details': '3 enter',
  'request details': '4 enter',
  'log line': '5 k enter',
  'dialog over a page': '2 enter x',
  'text field': '4 m',
  'text field over a page': '2 enter i',
  filter: '2 /',
  zoom: 'z',
  'grouped sessions': '2 #',
  queue: '2 Q',
  'settings form': '1 e',
  'settings form with typed text': '1 e tab 漢 字 tab tab',
  'guided set-up, the agent': ': s e t u p enter',
  'guided set-up, a platform': ': s e t u p enter enter',
  'guided set-up, the form': ': s e t u p enter enter enter x',
  'guided set-up, done': ': s e t u p enter enter 6 enter',
  'own phone': '4 p',
  'wrapped log': '5 W k',
  'wrapped log, one level and one source': '5 W L L s',
};

const hostile = new Map<number, OperatorSnapshot>();

/** Made once for all panes: nobody changes a snapshot. */
function hostileSnapshot(count: number): OperatorSnapshot {
  const made = hostile.get(count) ?? makeHostile(count);
  hostile.set(count, made);
  return made;
}

function makeHostile(count: number): OperatorSnapshot {
  const texts = Object.values(HOSTILE);
  const text = (n: number): string => texts[n % texts.length] ?? '';
  const rows = Array.from({ length: count }, (_, n) => n);
  return snapshotOf({
    gateway: gatewayView({
      badges: [text(3)],
      host: text(1),
      agent: { ...gatewayView().agent, backend: text(5) },
    }),
    adapters: (['telegram', 'discord', 'slack', 'whatsapp', 'twitch', 'websocket'] as const).map(
      (platform, n) =>
        adapterView({
          platform,
          state: n % 2 === 0 ? 'parked' : 'connected',
          detail: text(n),
          nextStep: text(n + 1),
          open: n === 1,
          lastErrors: [{ at: NOW, text: text(n + 2) }],
          qr: text(7),
        }),
    ),
    sessions: rows.map((n) =>
      sessionView(`s${n}`, {
        senderName: text(n),
        current: text(n + 1),
        title: text(n + 2),
        chatName: text(n + 3),
        chatKind: n % 2 === 0 ? 'dm' : 'group',
        chat: { platform: 'discord', accountId: 'default', chatId: text(n), threadId: text(n + 4) },
        state: (['running', 'queued', 'paused', 'idle', 'ended'] as const)[n % 5] ?? 'idle',
        endReason: text(n),
      }),
    ),
    tasks: rows.slice(0, 500).map((n) =>
      taskView(`t${n}${text(n)}`, {
        command: text(n),
        progressMessage: text(n + 1),
        progress: n % 101,
        error: text(n),
      }),
    ),
    pairing: rows.slice(0, 500).map((n) =>
      pairingView(`p${n}`, {
        senderName: text(n),
        senderId: text(n + 1),
        firstWords: text(n + 2),
        createdAt: NOW - n,
      }),
    ),
    refusals: rows
      .slice(0, 500)
      .map((n) => refusalView(`r${n}`, { senderName: text(n), reason: text(n + 1) })),
    outbox: rows.slice(0, 500).map((n) => outboxView(`o${n}`, { preview: text(n), error: text(n + 1) })),
    allowlist: rows.slice(0, 500).map((n) => ({
      platform: 'slack' as const,
      userId: `${n} ${text(n)}`,
      name: text(n + 1),
      note: text(n + 2),
      addedAt: NOW,
      origin: 'manual' as const,
    })),
    log: rows
      .slice(0, 500)
      .map((n) => ({ at: NOW, level: 'warn' as const, source: text(n), text: text(n + 1) })),
  });
}

const QUERIES = {
  transcript: Object.values(HOSTILE).flatMap((text) => [
    { at: NOW, role: 'user' as const, text },
    { at: NOW, role: 'agent' as const, text: `# ${text}\n- ${text}\n> ${text}\n\`\`\`\n${text}\n\`\`\`` },
  ]),
  queue: Object.values(HOSTILE).map((text, n) => ({ messageId: `m${n}`, senderName: text, text, at: NOW })),
  config: [
    ...Object.values(HOSTILE).map((text, n) => ({
      key: `k${n}.${text}`,
      value: text,
      source: 'file' as const,
      help: text,
    })),
    ...Object.values(HOSTILE).map((text, n) => ({
      key: `platforms.telegram.${n === 0 ? 'token' : text}`,
      value: text,
      source: 'file' as const,
      help: text,
      kind: n % 2 === 0 ? ('text' as const) : ('choice' as const),
      choices: [text],
      secret: n === 0,
      fallback: text,
    })),
  ],
};

/** What the gateway says comes from platforms: it is foreign, too. */
function answer(command: OperatorCommand): CommandResult {
  const text = Object.values(HOSTILE).join(' ');
  if (command.type === 'pairing.invite')
    return { message: text, data: { id: text, code: text, expiresAt: NOW + 60_000 } };
  return { message: text, data: { ok: false, findings: Object.values(HOSTILE) } };
}

/** Every line exactly as wide as its place, nothing outside the screen, nothing that moves the cursor. */
function expectSolid(screen: Screen, columns: number, rows: number, what: string): void {
  const { lines, table } = screen;
  expect(lines.length, what).toBe(rows);
  for (const line of lines) expect(cellWidth(line), `${what}: ${line}`).toBe(columns);
  if (table !== undefined) {
    expect(table.x + table.width, what).toBeLessThanOrEqual(columns);
    expect(table.y + table.height, what).toBeLessThanOrEqual(rows);
  }
  // The plain theme writes no sequences, so any control character came through from outside.
  expect(lines.join(''), what).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069\u200b-\u200f]/u);
}

/** One console, whose terminal has each of the sizes in turn. */
function solidAtEverySize(h: Harness, what: string): void {
  const check = (where: string): void => {
    for (const [columns, rows] of SIZES)
      expectSolid(h.screen(columns, rows), columns, rows, `${what}${where} at ${columns} x ${rows}`);
  };
  check('');
  h.press('G');
  check(', at the end,');
}

describe('at every size', () => {
  it.each(PANES.map((pane, index) => [pane, String(index + 1)] as const))(
    'the %s pane is solid, empty, with one row and with 10,000 rows of hostile text',
    (pane, key) => {
      for (const count of [0, 1, 10_000]) {
        const h = harness({ snapshot: hostileSnapshot(count) });
        h.press(key);
        solidAtEverySize(h, `${pane} with ${count} rows`);
      }
    },
  );

  it.each(Object.entries(OVERLAYS))('the %s is solid, with and without rows', async (what, keys) => {
    for (const snapshot of [snapshotOf(), busySnapshot(), hostileSnapshot(30)]) {
      const h = harness({ snapshot, queries: QUERIES, answer });
      for (const key of keys.split(' ')) {
        h.press(key);
        await Promise.resolve();
      }
      await h.settle();
      solidAtEverySize(h, what);
    }
  });

  it('draws with ASCII alone when asked to', () => {
    const h = harness({ glyphs: ASCII_GLYPHS, snapshot: snapshotOf({ sessions: [sessionView('s1')] }) });
    for (const keys of ['1', '2', '?', 'esc', 'S', 'esc', ':', 'esc']) {
      h.press(keys);
      for (const size of SIZES) expect(h.screen(...size).lines.join('')).toMatch(/^[ -~]*$/u);
    }
  });
});

describe('the layout', () => {
  const titles = (lines: readonly string[]): string[] =>
    lines.join('\n').match(/[1-5] (Adapters|Sessions|Tasks|Pairing|Log)/gu) ?? [];

  it('is a grid of five panes from 100x30 on', () => {
    const lines = harness().text(100, 30);
    expect(titles(lines)).toHaveLength(5);
    expect(lines[1]).toMatch(/^┌ 1 Adapters.*┐┌ 2 Sessions.*┐$/u);
    expect(lines.findLast((line) => line.includes('5 Log'))).toMatch(/^┌ 5 Log.{80,}┐$/u);
  });

  it('is one column below that, each pane as high as it needs', () => {
    for (const [columns, rows] of [
      [99, 40],
      [120, 29],
      [60, 16],
    ] as const) {
      const lines = harness().text(columns, rows);
      expect(titles(lines)).toHaveLength(5);
      expect(lines.filter((line) => line.includes('┐┌'))).toEqual([]);
    }
    const small = harness();
    small.press('3');
    const lines = small.text(60, 16);
    expect(lines.filter((line) => line.startsWith('┌')).map((line) => titles([line])[0])).toContain(
      '3 Tasks',
    );
    expect(lines.join('\n')).toContain('bg-90c');
  });

  it('leaves empty panes their title, and gives the room to the one in focus', () => {
    const h = harness({ snapshot: snapshotOf({ adapters: [adapterView()], sessions: [sessionView('s1')] }) });
    h.press('2');
    const lines = h.text(120, 40);
    expect(lines.find((line) => line.includes('3 Tasks'))).toMatch(/─ 3 Tasks 0 {2}No background task\. ─/u);
    expect(lines.find((line) => line.includes('4 Pairing'))).toMatch(
      /─ 4 Pairing 0 {2}No pending requests\. ─/u,
    );
    h.press('3');
    expect(h.text(120, 40).join('\n')).toContain('A chat starts one with /bg');
  });

  it('gives the log most of the room while it is in focus, and what is left otherwise', () => {
    const shown = (h: Harness): number =>
      h.text(120, 40).filter((line) => /something happened/u.test(line)).length;
    const many = Array.from({ length: 60 }, (_, n) => sessionView(`s${n}`));
    const h = harness({ snapshot: { ...busySnapshot(), sessions: many } });
    h.press('2');
    const before = shown(h);
    h.press('5');
    expect(before).toBeGreaterThan(5);
    expect(shown(h)).toBeGreaterThan(before * 2);
  });

  it('shows what is selected beside the lists from 160 columns on', async () => {
    const h = harness({
      queries: { transcript: ({ sessionId }) => [{ at: NOW, role: 'agent', text: `Said in ${sessionId}.` }] },
    });
    h.press('2');
    h.text(160, 45);
    await h.settle();
    expect(h.text(160, 45).join('\n')).toContain('Said in s1.');
    h.press('j');
    h.text(160, 45);
    await h.settle();
    const second = h.text(160, 45).join('\n');
    expect(second).toContain('Said in s2.');
    expect(second).not.toContain('Said in s1.');
    h.press('3');
    expect(h.text(160, 45).join('\n')).toContain('Task bg-7f2');
    h.press('1');
    expect(h.text(160, 45).join('\n')).toContain('Adapter telegram');
    h.press('4');
    expect(h.text(160, 45).join('\n')).toContain('Request of');
    expect(h.text(159, 45).join('\n')).not.toContain('Request of');
  });

  it('asks for no transcript of the chats that the cursor only runs over', async () => {
    const asked: string[] = [];
    const h = harness({
      queries: {
        transcript({ sessionId }) {
          asked.push(sessionId);
          return [];
        },
      },
    });
    h.press('2');
    h.text(160, 45);
    h.press('j j j');
    h.text(160, 45);
    await h.settle();
    expect(asked).toEqual(['s4']);
    h.text(120, 40);
    h.press('k');
    h.text(120, 40);
    await h.settle();
    expect(asked).toEqual(['s4']);
  });

  it('is the focused pane alone below 60x16', () => {
    for (const [columns, rows] of [
      [59, 40],
      [80, 15],
      [40, 10],
    ] as const)
      expect(titles(harness().text(columns, rows))).toEqual(['4 Pairing']);
  });

  it('is a notice with the size needed below 40x10', () => {
    const lines = harness().text(39, 9);
    expect(lines.join('\n')).toContain('Needs 40x10');
    expect(lines.join('\n')).toContain('2 pairing waiting');
  });
});

describe('what is shown', () => {
  const pairing = (h: Harness, columns: number, rows: number): string => h.text(columns, rows).join('\n');

  it('names platform, name, id, code, age, time left and first words of a request at every working size', () => {
    const h = harness({ snapshot: snapshotOf({ pairing: [pairingView('p1')] }) });
    for (const [columns, rows] of [
      [40, 10],
      [60, 16],
      [80, 24],
      [120, 40],
      [200, 54],
    ] as const) {
      const text = pairing(h, columns, rows);
      for (const part of ['telegram', 'Grace H', '81234', 'KQ7M-2XPD', '11m ago', '49m left', "hi, it's me"])
        expect(text, `${columns}x${rows}`).toContain(part);
    }
  });

  it('raises a badge for waiting requests and safety warnings that no size drops', () => {
    const snapshot = {
      ...busySnapshot(),
      gateway: gatewayView({ badges: ['allowAll: everyone has access'] }),
    };
    const h = harness({ snapshot });
    expect(h.text(80, 24)[0]).toContain('pairing 2 !');
    expect(h.text(80, 24)[0]).toContain('allowAll: everyone has access');
    expect(h.text(60, 16)[0]).toContain('pairing 2 !');
  });

  it('says in an empty pane what will appear and which key starts it', () => {
    const text = harness({ snapshot: snapshotOf() }).text(120, 40).join('\n');
    expect(text).toContain('New users who message a bot appear here');
    expect(text).toContain('Nothing was logged yet.');
  });

  it('tells states apart by signs, not by colour alone', () => {
    const text = harness().text(120, 40).join('\n');
    expect(text).toMatch(/● telegram/u);
    expect(text).toMatch(/◐ discord/u);
    expect(text).toMatch(/✕ slack/u);
  });

  it('shows the keys of the focused pane and leaves out what cannot be done', () => {
    const h = harness();
    expect(h.text(120, 40).at(-1)).toContain('a approve');
    h.press('2');
    expect(h.text(120, 40).at(-1)).not.toContain('a approve');
    expect(h.text(120, 40).at(-1)).toContain('i write');
    const empty = harness({ snapshot: snapshotOf() });
    expect(empty.text(120, 40).at(-1)).not.toContain('a approve');
  });
});
