/** Walks the registry: every key of every action is typed on a real terminal and does what help says. */
import { type Instance, render, Text } from 'ink';
import { createElement } from 'react';
import { afterAll, describe, expect, it } from 'vitest';
import type { Effects } from '../../../src/tui/actions/action.ts';
import { ACTIONS } from '../../../src/tui/actions/registry.ts';
import { App } from '../../../src/tui/app.tsx';
import { themeNamed, UNICODE_GLYPHS } from '../../../src/tui/draw/theme.ts';
import { bindKeys } from '../../../src/tui/keys/bindings.ts';
import { Controller } from '../../../src/tui/state/controller.ts';
import { ConsoleStore } from '../../../src/tui/state/store.ts';
import { createFakeOperator, type FakeOperatorOptions } from '../fake-operator.ts';
import {
  alive,
  busySnapshot,
  NOW,
  outboxView,
  questionView,
  scheduleView,
  sessionView,
  snapshotOf,
} from '../fixtures.ts';
import { type OpenConsole, openConsole, showsOn } from '../open-console.ts';
import { FakeStdin, FakeStdout, VirtualTerminal } from '../virtual-terminal.ts';

/** What a keyboard sends for a key. */
const BYTES: Readonly<Record<string, string>> = {
  enter: '\r',
  esc: '\u001b',
  tab: '\t',
  'shift+tab': '\u001b[Z',
  up: '\u001b[A',
  down: '\u001b[B',
  right: '\u001b[C',
  left: '\u001b[D',
  home: '\u001b[H',
  end: '\u001b[F',
  pgup: '\u001b[5~',
  pgdn: '\u001b[6~',
  space: ' ',
};

function bytes(key: string): string {
  const control = /^ctrl\+([a-z])$/u.exec(key)?.[1];
  if (control !== undefined) return String.fromCharCode(control.charCodeAt(0) - 96);
  return BYTES[key] ?? key;
}

interface Effect {
  /** Keys that lead to the place, each with what shows that it was reached. */
  readonly before?: readonly (readonly [key: string, shows: string | RegExp])[];
  /** What the screen shows afterwards. */
  readonly shows?: string | RegExp;
  readonly command?: object;
  /** Answered by `y` in a dialog that shows this. */
  readonly asks?: string;
  readonly written?: string;
}

const PANE = {
  adapters: ['1', 's stop'],
  sessions: ['2', 'i write'],
  tasks: ['3', /▸● bg-7f2/u],
  pairing: ['4', 'a approve'],
  log: ['5', /Enter whole line/u],
} as const;

const CALL = ['!', /▸#4/u] as const;
const SAID = [['enter', 'Good morning.']] as const;
const LONG = [PANE.sessions, ['z', /Sessions 100/u]] as const;

const EFFECTS: Readonly<Record<string, Effect>> = {
  'focus.adapters': { shows: 's stop' },
  'focus.sessions': { shows: 'i write' },
  'focus.tasks': { shows: 'x cancel' },
  'focus.pairing': { before: [PANE.adapters], shows: 'a approve' },
  'focus.log': { shows: 'Enter whole line' },
  'focus.next': { before: [PANE.adapters], shows: 'i write' },
  'focus.previous': { before: [PANE.adapters], shows: 'Enter whole line' },
  'focus.left': { before: [PANE.sessions], shows: 's stop' },
  'focus.right': { before: [PANE.adapters], shows: 'i write' },
  'move.down': { before: [...LONG], shows: /▸. telegram {2}user 01/u },
  'move.up': { before: [...LONG, ['G', /▸. telegram {2}user 99/u]], shows: /▸. telegram {2}user 98/u },
  'move.page-down': { before: [...LONG], shows: /▸. telegram {2}user 36/u },
  'move.page-up': { before: [...LONG, ['G', /▸. telegram {2}user 99/u]], shows: /▸. telegram {2}user 63/u },
  'move.half-down': { before: [...LONG], shows: /▸. telegram {2}user 18/u },
  'move.half-up': { before: [...LONG, ['G', /▸. telegram {2}user 99/u]], shows: /▸. telegram {2}user 81/u },
  'move.first': { before: [...LONG, ['G', /▸. telegram {2}user 99/u]], shows: /▸. telegram {2}user 00/u },
  'move.last': { before: [...LONG], shows: /▸. telegram {2}user 99/u },
  'log.left': { before: [PANE.log, ['l', /outbox +…/u]], shows: /gateway +line 31: something/u },
  'log.right': { before: [PANE.log], shows: /….*happened/u },
  filter: { shows: 'Enter keeps, Esc drops' },
  zoom: { shows: /^┌ 4 Pairing 2 ─+┐$/mu },
  'pairing.approve': { command: { type: 'pairing.approve', requestId: 'p2' }, shows: 'is approved' },
  'pairing.deny': { command: { type: 'pairing.deny', requestId: 'p2' }, shows: 'is denied' },
  'pairing.block': { command: { type: 'pairing.block', requestId: 'p2' }, shows: 'is blocked' },
  'pairing.match': { shows: 'Enter a code' },
  allow: { before: [['w', 'Allowlist 2']], shows: '<platform> <user-id> [note]' },
  'allowlist.revoke': {
    before: [['w', 'Allowlist 2']],
    asks: 'Revoke Linus?',
    command: { type: 'revoke', platform: 'discord', userId: '9' },
  },
  'refusals.allow': { before: [['f', 'Rejected 1']], shows: 'is on the allowlist' },
  'session.open': { before: [PANE.sessions], shows: 'Good morning.' },
  'session.write': { before: [PANE.sessions], shows: 'Write to telegram Ada' },
  'session.pause': {
    before: [PANE.sessions],
    asks: 'Its turn is running.',
    command: { type: 'session.stop', id: 's1' },
  },
  'session.failures': {
    before: [PANE.sessions, ['G', /▸. /u]],
    shows: 'failures first',
  },
  search: { before: [['?', ' Help ']], shows: 'Enter keeps, Esc drops' },
  'search.next': {
    before: [
      ['?', ' Help '],
      ['/', 'Enter keeps'],
      ['z', '/z'],
      ['enter', /\/z 1\/\d/u],
    ],
    shows: /\/z 2\/\d/u,
  },
  'search.previous': {
    before: [
      ['?', ' Help '],
      ['/', 'Enter keeps'],
      ['z', '/z'],
      ['enter', /\/z 1\/\d/u],
    ],
    shows: /\/z (\d+)\/\1\b/u,
  },
  'undo.list': { shows: 'Nothing can be undone.' },
  'session.previous': { before: [PANE.sessions, ['j', /▸. discord/u], ...SAID], shows: 'telegram Ada' },
  'session.next': { before: [PANE.sessions, ...SAID], shows: /┌ discord #ops/u },
  'session.timings': { before: [PANE.sessions], shows: 'agent turn' },
  'session.tools': { before: [PANE.sessions, ...SAID], shows: 'T fold tool calls' },
  'session.export': { before: [PANE.sessions, ...SAID], shows: 'Export the transcript' },
  'search.everywhere': { shows: 'Search everything' },
  'hits.open': {
    before: [
      [':', ' Command '],
      ['search morning', 'search <words>'],
      ['enter', /Search 1 morning/u],
    ],
    shows: 'telegram Ada',
  },
  'log.since': { before: [PANE.log], shows: 'Log since' },
  'log.mark': { before: [PANE.log], shows: '---- mark at' },
  'past.open': {
    before: [PANE.log, ['t', 'Log since'], ['2h', '> 2h'], ['enter', 'Log since 1']],
    shows: 'code: 42',
  },
  'refusals.open': { before: [['f', 'Rejected 1']], shows: 'Rejected: ' },
  'refusals.block': { before: [['f', 'Rejected 1']], shows: 'done' },
  'open.blocked': { shows: 'Blocked 1' },
  'blocked.unblock': {
    before: [['B', 'Blocked 1']],
    command: { type: 'unblock', platform: 'telegram', userId: 'u5' },
  },
  mark: { before: [['4', 'a approve']], shows: 'Pairing 2 1 marked' },
  'mark.all': { before: [['4', 'a approve']], shows: 'Pairing 2 2 marked' },
  group: { before: [PANE.sessions], shows: /Sessions 5.* by platform/u },
  'sort.next': { before: [PANE.sessions], shows: /Sessions 5.* by name/u },
  'sort.previous': { before: [PANE.sessions], shows: /Sessions 5.* by kind/u },
  'sort.reverse': { before: [PANE.sessions, ['>', 'by name']], shows: 'by name, reversed' },
  'session.terminal': { before: [PANE.sessions], command: { type: 'session.lend', id: 's1' } },
  'session.stop': {
    before: [PANE.sessions],
    asks: 'Stop the turn of telegram Ada',
    command: { type: 'session.stop', id: 's1' },
  },
  'session.reset': {
    before: [PANE.sessions],
    asks: 'Reset telegram Ada',
    command: { type: 'session.reset', id: 's1' },
  },
  'session.queue': { before: [PANE.sessions], shows: 'Queued messages 1' },
  'queue.drop': {
    before: [PANE.sessions, ['Q', 'next question']],
    asks: 'Drop the message of Ada?',
    command: { type: 'queue.drop', sessionId: 's1', messageId: 'm1' },
  },
  'queue.up': {
    before: [PANE.sessions, ['Q', 'next question']],
    command: { type: 'queue.up', sessionId: 's1', messageId: 'm1' },
  },
  'task.open': { before: [PANE.tasks], shows: 'Task bg-7f2' },
  'task.cancel': {
    before: [PANE.tasks],
    asks: 'Cancel task bg-7f2?',
    command: { type: 'task.cancel', id: 'bg-7f2' },
  },
  'task.deliver': {
    before: [PANE.tasks, ['j', /▸✓ bg-81a/u]],
    command: { type: 'task.deliver', id: 'bg-81a' },
  },
  'home.set': {
    before: [PANE.sessions],
    asks: 'Set the home chat of telegram?',
    command: { type: 'home.set', platform: 'telegram', chat: '81234' },
  },
  'task.start': { before: [PANE.tasks], shows: 'New task' },
  'task.retry': {
    before: [PANE.tasks, ['j', /▸✓ bg-81a/u], ['j', /▸✕ bg-90c/u]],
    command: { type: 'task.retry', id: 'bg-90c' },
  },
  'task.steps': { before: [PANE.tasks], shows: 'reading the report' },
  'schedule.pause': {
    before: [['t', 'Schedules 1']],
    command: { type: 'schedule.pause', id: 'sc-1' },
  },
  'schedule.run': { before: [['t', 'Schedules 1']], command: { type: 'schedule.run', id: 'sc-1' } },
  'schedule.remove': {
    before: [['t', 'Schedules 1']],
    asks: 'Remove schedule sc-1?',
    command: { type: 'schedule.remove', id: 'sc-1' },
  },
  'schedule.new': { before: [['t', 'Schedules 1']], shows: 'New schedule' },
  'outbox.retry': { before: [['o', 'Outbox 1']], command: { type: 'outbox.retry', id: 'o1' } },
  'outbox.abandon': {
    before: [['o', 'Outbox 1']],
    asks: 'Abandon this message?',
    command: { type: 'outbox.abandon', id: 'o1' },
  },
  'adapter.open': { before: [PANE.adapters], shows: 'Authorization' },
  'adapter.toggle': {
    before: [PANE.adapters],
    asks: 'Stop telegram?',
    command: { type: 'adapter.stop', platform: 'telegram' },
  },
  'adapter.reconnect': {
    before: [PANE.adapters],
    command: { type: 'adapter.restart', platform: 'telegram' },
  },
  'adapter.check': { before: [PANE.adapters], command: { type: 'adapter.check', platform: 'telegram' } },
  'request.open': { shows: 'Request of 山田太郎' },
  'log.open': { before: [PANE.log], shows: 'ERROR'.toLowerCase() },
  'log.level': { before: [PANE.log], shows: 'Log 30/40 info+' },
  'log.source': { before: [PANE.log], shows: /Log \d+\/40 only \w+/u },
  'log.wrap': { before: [PANE.log, ['k', 'paused']], shows: 'paused' },
  'adapter.settings': { before: [PANE.adapters], shows: 'Settings of telegram' },
  'pairing.phone': { command: { type: 'pairing.invite' }, shows: 'Pair my phone' },
  'invite.platform': { before: [['p', 'https://t.me/mybot']], shows: 'as a direct message' },
  'open.questions': { shows: 'Questions 2' },
  'question.approve': { before: [CALL], command: { type: 'dialog.answer', id: 'q1', decision: 'once' } },
  'question.approve-session': {
    before: [CALL],
    command: { type: 'dialog.answer', id: 'q1', decision: 'session' },
  },
  'question.deny': { before: [CALL], command: { type: 'dialog.answer', id: 'q1', decision: 'deny' } },
  'question.answer': { before: [CALL, ['j', /▸#5/u]], shows: 'Which branch?' },
  'question.open': { before: [CALL], shows: 'May it run? #4' },
  'config.edit': { before: [[',', 'Configuration 2']], shows: 'Set port' },
  back: { before: [['?', ' Help ']], shows: 'a approve' },
  clear: {
    before: [PANE.sessions, ['/', 'Enter keeps'], ['u', '/u'], ['enter', 'i write']],
    shows: /Sessions 5,.*running ─/u,
  },
  'open.refusals': { shows: 'Rejected 1' },
  'open.schedules': { shows: 'Schedules 1' },
  'open.outbox': { shows: 'Outbox 1' },
  'open.allowlist': { shows: 'Allowlist 2' },
  'open.config': { shows: 'Configuration 2' },
  status: { shows: 'Listens on' },
  pulse: { shows: /┌ ● telegram {2}@mybot/u },
  undo: { before: [['a', 'u undo']], command: { type: 'pairing.undo', requestId: 'p2' } },
  copy: { shows: 'Copied ABCD-EFGH', written: `]52;c;${Buffer.from('ABCD-EFGH').toString('base64')}` },
  palette: { shows: ' Command ' },
  help: { shows: ' Help ' },
  redraw: { written: '\u001b[2K\u001b[1A'.repeat(30) },
  contexts: { shows: 'Gateways 2' },
  'contexts.all': { shows: 'all gateways' },
  'contexts.switch': { before: [['C', 'Gateways 2']], shows: 'all gateways' },
  quit: { shows: 'Quit the gateway?' },
};

/** These give the terminal to another program; the pseudo-terminal tests press them. */
const ELSEWHERE: ReadonlySet<string> = new Set(['suspend', 'log.page', 'past.page', 'session.page']);

const cases = ACTIONS.filter((action) => !ELSEWHERE.has(action.id)).flatMap((action) =>
  action.keys.map((key) => [action.id, key, action.help] as const),
);

describe('every key', () => {
  it('is covered here', () => {
    const without = cases.filter(([id]) => EFFECTS[id] === undefined).map(([id]) => id);
    expect(without).toEqual([]);
  });

  it.each(cases)('%s: %s: %s', async (id, key) => {
    const effect = EFFECTS[id] ?? {};
    const place = APART.has(id) ? await alone(id) : await onTheTerminal(id);
    const from = place.terminal.raw.length;
    for (const [step, shows] of effect.before ?? []) await place.type(bytes(step), shows);
    await place.type(bytes(key));
    if (effect.asks !== undefined) {
      await place.shows(effect.asks);
      await place.type('y');
    }
    if (effect.shows !== undefined) await place.shows(effect.shows);
    if (effect.command !== undefined)
      await expect.poll(() => place.operator.commands, { timeout: 15_000 }).toContainEqual(effect.command);
    if (effect.written !== undefined)
      await expect.poll(() => place.terminal.raw.slice(from), { timeout: 15_000 }).toContain(effect.written);
    await place.leave();
  });
});

/** What the console does around its screen: each has a whole console of its own. */
const APART: ReadonlySet<string> = new Set([
  'quit',
  'redraw',
  'copy',
  'contexts',
  'contexts.all',
  'contexts.switch',
]);

interface Place extends Pick<OpenConsole, 'operator' | 'terminal' | 'type' | 'shows'> {
  leave(): Promise<void>;
}

async function alone(id: string): Promise<Place> {
  const other = {
    name: 'other',
    address: 'elsewhere:3847',
    open: () => createFakeOperator({ snapshot: busySnapshot() }),
  };
  const console = await openConsole({
    ...gatewayFor(id),
    ...(id.startsWith('contexts') ? { console: { contexts: [other] } } : {}),
  });
  await console.shows('5 Log');
  return { ...console, leave: async () => void (await console.quit()) };
}

const terminal = new VirtualTerminal(120, 40);
const stdin = new FakeStdin();
const empty = createElement(Text, null, 'nothing here');
let instance: Instance | undefined;
afterAll(() => instance?.unmount());

const shows = (expected: string | RegExp): Promise<void> => showsOn(terminal, expected);

/** A gateway and a console that nobody has touched, on the terminal that all keys share. */
async function onTheTerminal(id: string): Promise<Place> {
  instance ??= render(empty, {
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: new FakeStdout(terminal) as unknown as NodeJS.WriteStream,
    patchConsole: false,
    exitOnCtrlC: false,
    interactive: true,
    alternateScreen: true,
    incrementalRendering: true,
    maxFps: 60,
  });
  // What the key before has left there shows nothing for this one.
  await shows(/^\s*nothing here\s*$/u);
  const operator = createFakeOperator(gatewayFor(id));
  const store = new ConsoleStore(operator);
  const effects: Effects = {
    leave: () => {},
    redraw: () => {},
    suspend: () => {},
    copy: () => false,
    page: () => {},
    openSession: () => {},
    exportTranscript: async () => '',
    runProgram: async () => '',
  };
  const controller = new Controller({ operator, store, bindings: bindKeys(), effects });
  controller.lists.drawn.begin();
  const look = { theme: themeNamed('dark'), glyphs: UNICODE_GLYPHS };
  instance.rerender(createElement(App, { store, controller, ...look }));
  await shows('5 Log');
  return {
    operator,
    terminal,
    shows,
    async type(text, expected) {
      stdin.type(text);
      if (expected !== undefined) await shows(expected);
    },
    async leave() {
      instance?.rerender(empty);
      controller.stop();
      store.stop();
    },
  };
}

/** What the gateway of a key holds and answers. */
function gatewayFor(id: string): FakeOperatorOptions {
  const many = Array.from({ length: 100 }, (_, n) =>
    sessionView(`s${n}`, { senderName: `user ${String(n).padStart(2, '0')}`, lastUserAt: NOW - n }),
  );
  const snapshot = id.startsWith('move.')
    ? snapshotOf({ sessions: many })
    : {
        ...busySnapshot(),
        outbox: [outboxView('o1')],
        sessions: busySnapshot().sessions.map((row) =>
          row.id === 's5' ? { ...row, lastFailure: { at: NOW, reason: 'no model' } } : row,
        ),
        schedules: [scheduleView('sc-1')],
        dialogs: [
          questionView({ id: 'q1', createdAt: Date.now() }),
          questionView({
            id: 'q2',
            number: 5,
            kind: 'input',
            title: 'Which branch?',
            createdAt: Date.now(),
          }),
        ],
      };
  return {
    snapshot: alive(snapshot),
    queries: {
      steps: [{ at: NOW, percent: 40, text: 'reading the report' }],
      timings: [
        {
          id: 'm0',
          sessionId: 's1',
          platform: 'telegram',
          at: NOW,
          steps: [{ kind: 'turn', from: 0, to: 1500 }],
          outcome: 'answered',
          took: 1500,
        },
      ],
      queue: [{ messageId: 'm1', senderName: 'Ada', text: 'next question', at: NOW }],
      transcript: [{ at: NOW, role: 'agent', text: 'Good morning.' }],
      log: [{ at: NOW, level: 'info', source: 'x', text: 'lost  code=42', fields: { code: '42' } }],
      blocked: [{ platform: 'telegram', userId: 'u5', at: NOW }],
      search: [{ kind: 'message', id: 's1', at: NOW, who: 'agent', text: 'Good morning.' }],
      config: [
        { key: 'port', value: 3847, source: 'default', help: 'The port.' },
        { key: 'platforms.telegram.token', value: '••••••', source: 'file', help: 'Token.', secret: true },
      ],
    },
    answer: ({ type }) =>
      type === 'pairing.invite'
        ? { message: '', data: { id: '7', code: 'ABCD-EFGH', expiresAt: NOW * 2 } }
        : { message: 'done' },
  };
}
