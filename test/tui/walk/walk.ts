/**
 * Presses random keys in every mode on every kind of row, while rows arrive and go, and keeps a ledger: each command that
 * reaches the gateway is compared with what was on the screen when its key was pressed.
 * As a program: node test/tui/walk/walk.ts --keys 100000 [--seed 1]
 */
import type { OperatorCommand } from '../../../src/gateway/operator/operator.ts';
import { ACTIONS } from '../../../src/tui/actions/registry.ts';
import { measureAs } from '../../../src/tui/draw/cells.ts';
import { takesText } from '../../../src/tui/keys/bindings.ts';
import { topMode } from '../../../src/tui/state/view.ts';
import {
  adapterView,
  NOW,
  outboxView,
  pairingView,
  questionView,
  refusalView,
  scheduleView,
  sessionView,
  snapshotOf,
  taskView,
} from '../fixtures.ts';
import { type Harness, harness } from '../harness.ts';

export interface WalkResult {
  readonly keys: number;
  /** Commands that reached the gateway, by their type. */
  readonly commands: Readonly<Record<string, number>>;
  /** Commands about marked rows. */
  readonly bulk: number;
  /** What was decided although it was not on the screen. */
  readonly faults: readonly string[];
}

const SIZES = [
  [120, 40],
  [100, 30],
  [80, 24],
  [60, 16],
  [44, 12],
  [30, 8],
  [200, 54],
] as const;
/** Every so many frames is drawn a second time, without the rows that are remembered from frames before. */
const REMEMBERED_EVERY = 5;
const PAUSES_MS = [5, 30, 30, 90, 250, 450, 1_200, 1_200];
const TYPED = [
  'alt+enter',
  'y',
  'n',
  'enter',
  'enter',
  'esc',
  'tab',
  'up',
  'down',
  'space',
  'backspace',
  'l',
  't',
  'e',
];
const KEYS = [...new Set(ACTIONS.flatMap((action) => action.keys)), ...TYPED].filter(
  (key) => key !== 'ctrl+z' && key !== 'ctrl+l',
);
/** Keys that decide something somewhere. */
const DECIDING = [
  'space',
  '*',
  'a',
  'A',
  'd',
  'b',
  'x',
  'r',
  'R',
  'P',
  'u',
  'y',
  's',
  'K',
  'enter',
  '!',
  'f',
  'B',
  'w',
  'o',
  't',
  'Q',
];
const COMMANDS = [
  'approve',
  'deny',
  'task cancel',
  'stop',
  'send',
  'for',
  'reset',
  'allow sender',
  'zoom',
  'revoke',
  'search x',
];

/** Small, fast, and the same for the same seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

type Pick = <T>(from: readonly [T, ...T[]] | readonly T[]) => T;

/** Rows with names that occur nowhere else. */
class World {
  #count = 1000;
  readonly sessions = new Map<string, string>();
  readonly requests = new Map<string, string>();
  readonly questions = new Map<string, { readonly number: number; readonly end: string }>();

  next(): number {
    this.#count += 1;
    return this.#count;
  }

  request() {
    const n = this.next();
    this.requests.set(`p${n}`, `u${n}`);
    return pairingView(`p${n}`, {
      senderId: `u${n}`,
      senderName: `N${n}`,
      createdAt: NOW + n,
      expiresAt: NOW * 2,
    });
  }

  session(pick: Pick) {
    const n = this.next();
    this.sessions.set(`s${n}`, `N${n}`);
    const state = pick(['idle', 'running', 'queued', 'paused', 'ended'] as const);
    return sessionView(`s${n}`, {
      senderName: `N${n}`,
      state,
      title: 'x',
      lastUserAt: NOW - n,
      ...(state === 'running' ? { current: 'work' } : {}),
    });
  }

  question(long: boolean) {
    const n = this.next();
    const end = `END${n}`;
    this.questions.set(`q${n}`, { number: n, end });
    const { call } = questionView();
    if (call === undefined) throw new Error('no call');
    const words = `${'echo '.repeat(long ? 900 : 1)}${end}`;
    return questionView({
      id: `q${n}`,
      number: n,
      call: { ...call, arguments: words, hash: `h${n}` },
      requesterName: 'Q',
      createdAt: NOW + n,
      expiresAt: NOW * 2,
    });
  }
}

/** What must be on the screen for a command; undefined: nothing in particular. */
function objectOf(command: OperatorCommand, world: World): readonly string[] | undefined {
  switch (command.type) {
    case 'pairing.approve':
    case 'pairing.deny':
    case 'pairing.block': {
      const id = command.requestId;
      return id === undefined ? [command.code ?? ''] : [world.requests.get(id) ?? id];
    }
    case 'session.reset':
    case 'session.stop':
    case 'session.pause':
    case 'session.resume':
    case 'session.write':
    case 'session.lend':
      return [world.sessions.get(command.id) ?? command.id];
    case 'task.cancel':
    case 'task.retry':
    case 'task.deliver':
    case 'schedule.pause':
    case 'schedule.resume':
    case 'schedule.remove':
    case 'schedule.run':
      return [command.id];
    case 'dialog.answer':
      return [`#${world.questions.get(command.id)?.number ?? command.id}`];
    case 'outbox.retry':
    case 'outbox.abandon':
      return [command.id.replace('o', 'c')];
    case 'allow':
    case 'revoke':
    case 'block':
    case 'unblock':
      return [command.userId, command.userId.replace('u', 'N')];
    case 'queue.drop':
    case 'queue.up':
      return [command.messageId];
    case 'adapter.start':
    case 'adapter.stop':
    case 'adapter.restart':
      return [command.platform];
    case 'stop':
      return ['Stop the gateway?'];
    case 'restart':
      return ['Restart the gateway?'];
    default:
      return undefined;
  }
}

/** Takes back what was decided before: its object was on the screen then. */
const UNDOES: Readonly<Record<string, readonly string[]>> = {
  revoke: ['allow'],
  allow: ['revoke'],
  block: ['unblock'],
  unblock: ['block'],
  'session.resume': ['session.pause'],
  'session.pause': ['session.resume'],
  'schedule.resume': ['schedule.pause'],
  'schedule.pause': ['schedule.resume'],
  'task.retry': ['task.cancel'],
};

export async function walk(
  keys: number,
  seed = 1,
  progress: (done: number, faults: number) => void = () => {},
): Promise<WalkResult> {
  const below = random(seed);
  const pick: Pick = (from) => {
    const chosen = from[below(from.length)];
    if (chosen === undefined) throw new Error('nothing to choose from');
    return chosen;
  };
  const world = new World();
  const commands: Record<string, number> = {};
  let sent = 0;
  const faults: string[] = [];
  /** The frame in front of which the last keys were pressed, and the key. */
  let frames: string[] = [];
  let key = '';
  let undoing = false;
  const read = new Set<string>();
  const done = new Set<string>();
  const subject = (command: OperatorCommand): string => JSON.stringify(objectOf(command, world)?.[0]);

  /** Rows that had a mark when the last key was pressed, and acts on marked rows, by their question. */
  let marked = new Set<string>();
  const bulks = new Map<string, number>();
  const rowKey = (command: OperatorCommand): string =>
    'requestId' in command ? (command.requestId ?? '') : 'id' in command ? command.id : '';

  const judge = (command: OperatorCommand): void => {
    sent += 1;
    commands[command.type] = (commands[command.type] ?? 0) + 1;
    const wanted = objectOf(command, world);
    const undone = UNDOES[command.type]?.some((type) => done.has(`${type} ${subject(command)}`)) === true;
    done.add(`${command.type} ${subject(command)}`);
    const where = (): string => `${JSON.stringify(command)} by ${key}\n${frames.at(-1) ?? ''}`;
    // Many rows at once: the question named their number, and each had its mark.
    const bulk = /(?:Approve|Deny|Block|Cancel|Retry|Stop|Reset|Abandon) (\d+) \w+\?/u.exec(
      frames.at(-1) ?? '',
    );
    if (bulk !== null && marked.has(rowKey(command)) && !undoing) {
      bulks.set(bulk[0], (bulks.get(bulk[0]) ?? 0) + 1);
      return;
    }
    if (wanted !== undefined && !(undoing && undone)) {
      const shown = frames.some((frame) => wanted.some((word) => word !== '' && frame.includes(word)));
      if (!shown) faults.push(`not on the screen: ${where()}`);
    }
    if (command.type === 'dialog.answer' && command.decision !== undefined && command.decision !== 'deny') {
      const end = world.questions.get(command.id)?.end ?? '';
      if (!read.has(end)) faults.push(`not read to its end: ${where()}`);
    }
  };

  const h: Harness = harness({
    snapshot: snapshotOf({
      adapters: [adapterView(), adapterView({ platform: 'slack', state: 'parked' })],
      sessions: [world.session(pick), world.session(pick)],
      tasks: [taskView('t1'), taskView('t2', { status: 'failed', completedAt: NOW })],
      pairing: [world.request(), world.request()],
      schedules: [scheduleView('sc1'), scheduleView('sc2', { state: 'paused' })],
      dialogs: [world.question(false), world.question(true)],
      refusals: [refusalView('r1', { senderId: 'u1', senderName: 'N1' })],
      outbox: [outboxView('o1', { chat: { platform: 'slack', accountId: 'default', chatId: 'c1' } })],
      allowlist: [{ platform: 'telegram', userId: 'u9', name: 'N9', addedAt: NOW, origin: 'manual' }],
    }),
    queries: {
      queue: ['m1', 'm2'].map((messageId) => ({ messageId, senderName: 'Q', text: messageId, at: NOW })),
      config: [{ key: 'port', value: 1, source: 'default', help: 'The port.' }],
      steps: [],
      log: [{ at: NOW, level: 'info', source: 'x', text: 'line' }],
      blocked: [{ platform: 'telegram', userId: 'u8', at: NOW }],
      search: () => [
        ...[...world.sessions.keys()]
          .slice(-3)
          .map((id) => ({ kind: 'message' as const, id, at: NOW, who: 'x', text: 'x' })),
        { kind: 'task', id: 't1', at: NOW, who: 'running', text: 'x' },
        { kind: 'refusal', id: 'r1', at: NOW, who: 'N1', text: 'x' },
      ],
      transcript: [{ at: NOW, role: 'user', text: 'hello' }],
      usage: { today: total(), total: total(), rows: [] },
      audit: [],
    },
    answer(command) {
      judge(command);
      answerWith(command);
      return { message: 'done' };
    },
  });

  const answerWith = (command: OperatorCommand): void => {
    if (command.type.startsWith('pairing.') && 'requestId' in command && command.requestId !== undefined) {
      const id = command.requestId;
      if (command.type === 'pairing.undo')
        h.operator.push({
          type: 'pairing',
          request: pairingView(id, { senderId: world.requests.get(id) ?? id }),
        });
      else h.operator.push({ type: 'pairing-closed', id, outcome: 'approved', actor: 'operator' });
    }
    if (command.type === 'dialog.answer')
      h.operator.push({ type: 'dialog-closed', id: command.id, outcome: 'approved', actor: 'operator' });
  };

  const events: readonly (() => void)[] = [
    () => {
      const line = {
        at: NOW,
        level: pick(['info', 'warn', 'error'] as const),
        source: 'x',
        text: `n${world.next()}`,
      };
      h.operator.push({ type: 'log', line });
    },
    () => h.operator.push({ type: 'pairing', request: world.request() }),
    () => h.operator.push({ type: 'session', session: world.session(pick) }),
    () => h.operator.push({ type: 'dialog', dialog: world.question(below(2) === 0) }),
    () => {
      const row = h.controller.slices.pairing[below(3)];
      if (row !== undefined)
        h.operator.push({ type: 'pairing-closed', id: row.id, outcome: 'expired', actor: 'clock' });
    },
    () => {
      const row = h.controller.slices.dialogs[0];
      if (row !== undefined)
        h.operator.push({ type: 'dialog-closed', id: row.id, outcome: 'timed_out', actor: 'gateway' });
    },
    () => {
      const row = h.controller.slices.sessions[below(4)];
      if (row !== undefined) h.operator.push({ type: 'session-removed', id: row.id });
    },
    () => {
      const row = h.controller.slices.sessions[below(4)];
      if (row !== undefined)
        h.operator.push({ type: 'session', session: { ...row, state: pick(['idle', 'running', 'paused']) } });
    },
    () =>
      h.operator.push({ type: 'task', task: taskView(`t${world.next()}`, { createdAt: NOW - below(99) }) }),
    () => {
      const row = h.controller.slices.tasks[below(4)];
      if (row !== undefined)
        h.operator.push({ type: 'task', task: { ...row, status: 'failed', completedAt: NOW + below(99) } });
    },
    () => {
      const n = world.next();
      h.operator.push({
        type: 'refusal',
        refusal: refusalView(`r${n}`, { senderId: `u${n}`, senderName: `N${n}` }),
      });
    },
    () => {
      const n = world.next();
      const chat = { platform: 'slack' as const, accountId: 'default', chatId: `c${n}` };
      h.operator.push({ type: 'outbox', item: outboxView(`o${n}`, { chat, createdAt: NOW - below(99) }) });
    },
    () => {
      const row = h.controller.slices.outbox[below(3)];
      if (row !== undefined) h.operator.push({ type: 'outbox', item: { ...row, state: 'delivered' } });
    },
    () => {
      const n = world.next();
      const entry = { platform: 'telegram' as const, userId: `u${n}`, name: `N${n}`, addedAt: NOW + n };
      h.operator.push({ type: 'allowlist', entry: { ...entry, origin: 'manual' } });
    },
    () => {
      const row = h.controller.slices.allowlist[below(3)];
      if (row !== undefined)
        h.operator.push({ type: 'allowlist-removed', platform: row.platform, userId: row.userId });
    },
  ];

  let size: readonly [number, number] = SIZES[0];
  let presses = 0;
  const press = async (name: string): Promise<void> => {
    const frame = h.screen(...size).lines.join('\n');
    presses += 1;
    if (presses % REMEMBERED_EVERY === 0) {
      measureAs(undefined);
      const anew = h.screen(...size).lines.join('\n');
      if (anew !== frame) faults.push(`drawn otherwise when nothing is remembered:\n${frame}\n${anew}`);
    }
    for (const { end } of world.questions.values()) if (frame.includes(end)) read.add(end);
    // A key that comes back is decided a moment later: its frame still counts.
    frames = [...frames.slice(-3), frame];
    key = name;
    marked = new Set(Object.values(h.controller.view.marks).flatMap((keys) => [...(keys ?? [])]));
    undoing = name === 'u' || (undoing && name === key);
    h.controller.key(name);
    // An act on many rows sends its commands one after another; all belong to this key.
    for (let before = -1, turns = 3; before !== sent; turns = 20) {
      before = sent;
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    }
    undoing = false;
  };

  for (let n = 0; n < keys; n += 1) {
    if (n > 0 && n % 10_000 === 0) progress(n, faults.length);
    if (below(60) === 0) size = pick(SIZES);
    if (below(4) === 0) pick(events)();
    if (below(40) === 0) {
      await press(':');
      for (const letter of pick(COMMANDS)) await press(letter === ' ' ? 'space' : letter);
      await press('enter');
    } else if (below(25) === 0) {
      const held = pick(KEYS);
      for (let repeat = 0; repeat < 12; repeat += 1) {
        await press(held);
        h.timers.advance(repeat === 0 ? 400 : 30);
      }
    } else if (takesText(topMode(h.controller.view)) && below(3) === 0)
      await press(pick(['esc', 'enter', 'esc']));
    else await press(pick(below(3) === 0 ? DECIDING : KEYS));
    h.timers.advance(pick(PAUSES_MS));
    // Whatever is open is left now and then: every mode must be reached again.
    if (below(50) === 0) for (let step = 0; step < 4; step += 1) await press('esc');
    if (h.controller.slices.sessions.length > 60)
      for (const row of h.controller.slices.sessions.slice(30))
        h.operator.push({ type: 'session-removed', id: row.id });
    if (h.controller.slices.pairing.length > 30)
      for (const row of h.controller.slices.pairing.slice(10))
        h.operator.push({ type: 'pairing-closed', id: row.id, outcome: 'expired', actor: 'clock' });
    if (h.controller.slices.dialogs.length > 12)
      for (const row of h.controller.slices.dialogs.slice(4))
        h.operator.push({ type: 'dialog-closed', id: row.id, outcome: 'timed_out', actor: 'gateway' });
    if (world.questions.size > 60)
      for (const id of world.questions.keys())
        if (!h.controller.slices.dialogs.some((row) => row.id === id)) world.questions.delete(id);
  }
  return { keys, commands, bulk: [...bulks.values()].reduce((sum, count) => sum + count, 0), faults };
}

function total() {
  return { answers: 0, inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0 };
}

if (process.argv[1] === import.meta.filename) {
  const option = (name: string, fallback: number): number => {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? fallback : Number(process.argv[at + 1]);
  };
  const started = Date.now();
  const { keys, commands, bulk, faults } = await walk(
    option('keys', 100_000),
    option('seed', 1),
    (done, found) => process.stdout.write(`${done} steps, ${found} faults\n`),
  );
  const sent = Object.values(commands).reduce((sum, count) => sum + count, 0);
  process.stdout.write(
    `${keys} steps in ${Math.round((Date.now() - started) / 1000)} s, ${sent} commands (${bulk} on marked rows): ${JSON.stringify(commands)}\n`,
  );
  for (const fault of faults.slice(0, 5)) process.stdout.write(`FAULT ${fault}\n`);
  process.stdout.write(`${faults.length} faults\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
