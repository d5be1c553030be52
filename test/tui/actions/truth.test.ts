/** What the console says about rows, pages and prompts is true, and nothing that was typed is lost. */
import { describe, expect, it } from 'vitest';
import {
  adapterView,
  busySnapshot,
  NOW,
  refusalView,
  sessionView,
  snapshotOf,
  taskView,
} from '../fixtures.ts';
import { type Harness, harness } from '../harness.ts';

const screen = (h: Harness): string => h.text().join('\n');

describe('a message that cannot be sent', () => {
  it('says why and gives its text back', async () => {
    const h = harness({ answer: () => Object.assign(new Error('the chat is gone'), { hint: 'Try again.' }) });
    h.press('2 i');
    h.type('Hello');
    h.press('enter');
    await h.settle();
    expect(screen(h)).toContain('the chat is gone');
    expect(screen(h)).toContain('> Hello');
    h.press('enter');
    await h.settle();
    expect(h.operator.commands).toHaveLength(2);
  });
});

describe('a prompt', () => {
  it.each([
    ['a schedule', 't n', 'every wekday 09:00 look', 'there is no day "wekday"'],
    ['a task', '3 n', 'do something', 'the store is full'],
    ['a code', '4 m', 'ABCD EFGH', 'no pending request has that code'],
  ])('of %s stays open with its text and what was wrong', async (_what, keys, text, problem) => {
    const h = harness({ answer: () => Object.assign(new Error(problem), { hint: 'Try again.' }) });
    h.press(keys);
    h.type(text);
    h.press('enter');
    await h.settle();
    expect(screen(h)).toContain(text);
    expect(screen(h)).toContain(problem);
    h.press('backspace');
    expect(screen(h)).not.toContain(problem);
    h.press('enter');
    await h.settle();
    expect(h.operator.commands).toHaveLength(2);
  });

  it('says what is wrong before it asks the gateway', () => {
    const h = harness();
    h.press('w a');
    h.type('myspace 1');
    h.press('enter');
    expect(screen(h)).toContain('Which platform? One of telegram');
    expect(screen(h)).toContain('> myspace 1');
    expect(h.operator.commands).toEqual([]);
  });

  it('takes no keys while the gateway is asked, and Esc leaves it', async () => {
    const gate = Promise.withResolvers<{ message: string }>();
    const h = harness({ answer: () => gate.promise });
    h.press('3 n');
    h.type('one');
    h.press('enter x x enter');
    expect(screen(h)).toContain('Asking the gateway');
    h.press('esc');
    gate.resolve({ message: 'started' });
    await h.settle();
    expect(h.operator.commands).toEqual([{ type: 'task.start', command: 'one' }]);
    expect(h.text().at(-1)).toContain('started');
  });
});

describe('adapters', () => {
  it('that have failed are started by s', () => {
    const h = harness({ snapshot: snapshotOf({ adapters: [adapterView({ state: 'parked' })] }) });
    h.press('1');
    expect(h.text().at(-1)).toContain('s start');
    h.press('s');
    expect(h.operator.commands).toEqual([{ type: 'adapter.restart', platform: 'telegram' }]);
  });

  it('are counted as in the header', () => {
    const h = harness({
      snapshot: snapshotOf({
        adapters: [adapterView(), adapterView({ platform: 'slack', state: 'disabled' })],
      }),
    });
    expect(h.text()[0]).toContain('adapters 1/1');
    expect(screen(h)).toContain('1 Adapters 1/1');
  });
});

describe('a transcript', () => {
  const transcript = Array.from({ length: 60 }, (_, n) => ({
    at: NOW + n,
    role: 'user' as const,
    text: n % 20 === 5 ? `the Third thing ${n}` : `message ${n}`,
  }));

  async function opened(): Promise<Harness> {
    const h = harness({ queries: { transcript } });
    h.press('2 enter');
    await h.settle();
    h.text();
    return h;
  }

  it('is searched with /, and n and N go from place to place', async () => {
    const h = await opened();
    h.press('/');
    h.type('third');
    expect(screen(h)).toContain('/third');
    expect(h.text().at(-1)).toContain('3 places');
    h.press('enter');
    expect(screen(h)).toContain('the Third thing 45');
    expect(screen(h)).toContain('/third 3/3');
    h.press('N');
    expect(screen(h)).toContain('the Third thing 25');
    h.press('N N');
    expect(screen(h)).toContain('/third 3/3');
    h.press('n');
    expect(screen(h)).toContain('the Third thing 5');
    expect(h.operator.commands).toEqual([]);
  });

  it('is not left by keys that go sideways', async () => {
    const h = await opened();
    h.press('h l left right');
    expect(screen(h)).toContain('message 59');
    expect(h.text().at(-1)).toContain('Esc closes it');
  });

  it('counts what is new while it does not follow', async () => {
    const h = await opened();
    h.press('k k');
    for (const text of ['one', 'two'])
      h.operator.push({ type: 'transcript', sessionId: 's1', entry: { at: NOW, role: 'user', text } });
    h.timers.advance(300);
    expect(screen(h)).toContain('paused, 2 new');
    h.press('G');
    expect(screen(h)).toContain('following');
  });
});

describe('lists', () => {
  it('lose their filter when they are closed, and / begins anew', () => {
    const h = harness();
    h.press('f /');
    h.type('zzz');
    h.press('enter');
    expect(screen(h)).toContain('Rejected 0/1 /zzz');
    h.press('/');
    expect(screen(h)).not.toContain('/zzz');
    h.press('esc esc f');
    expect(screen(h)).toContain('Rejected 1');
    h.press('/');
    h.type('zzz');
    h.press('enter 1 f');
    expect(screen(h)).not.toContain('zzz');
  });

  it('open again at their newest row', () => {
    const rows = Array.from({ length: 50 }, (_, n) =>
      refusalView(`r${n}`, { senderId: `u${n}`, senderName: `Sender ${n}` }),
    );
    const h = harness({ snapshot: snapshotOf({ refusals: rows }) });
    h.press('f G esc');
    h.operator.push({
      type: 'refusal',
      refusal: refusalView('new', { at: NOW, senderId: 'new', senderName: 'Newest' }),
    });
    h.timers.advance(300);
    h.press('f');
    expect(screen(h)).toMatch(/▸discord {3}Newest/u);
  });

  it('say how many of their rows a filter shows', () => {
    const h = harness();
    h.press('5 /');
    h.type('warn');
    h.press('enter');
    expect(screen(h)).toContain('5 Log 10/40 /warn');
    h.press('1 /');
    h.type('slack');
    h.press('enter');
    expect(screen(h)).toContain('1 Adapters 4/6, 1 shown');
  });
});

describe('sessions', () => {
  it('show a turn that runs on although the chat is paused, and stop it', async () => {
    const paused = sessionView('s1', { state: 'paused', current: 'a long job' });
    const h = harness({ snapshot: snapshotOf({ sessions: [paused] }) });
    h.press('2');
    expect(screen(h)).toContain('running, then paused');
    expect(h.text().at(-1)).toMatch(/P resume.*x stop turn/u);
    h.press('x y');
    await h.settle();
    expect(h.operator.commands).toEqual([{ type: 'session.stop', id: 's1' }]);
  });

  it('ask whether to stop the turn when they are paused', async () => {
    for (const [key, types] of [
      ['y', ['session.pause', 'session.stop']],
      ['l', ['session.pause']],
      ['esc', []],
    ] as const) {
      const h = harness();
      h.press(`2 P ${key}`);
      await h.settle();
      expect(h.operator.commands.map(({ type }) => type)).toEqual(types);
    }
  });

  it('say that their last turn failed, and come first when asked', () => {
    const failed = sessionView('s9', {
      senderName: 'Newbie',
      lastUserAt: NOW - 10 ** 8,
      lastFailure: { at: NOW - 120_000, reason: 'no model is set up' },
    });
    const { sessions } = busySnapshot();
    const h = harness({ snapshot: snapshotOf({ sessions: [...sessions, failed] }) });
    const row = (): string => h.text().find((line) => line.includes('Newbie')) ?? '';
    expect(row()).toContain('✕ failed 2m no model is set up');
    h.press('2 F');
    expect(h.controller.rows('sessions')[0]?.id).toBe('s9');
    expect(screen(h)).toContain('failures first');
    h.press('F');
    expect(h.controller.rows('sessions')[0]?.id).toBe('s1');
  });
});

describe('the hint line', () => {
  it('shows what is possible with this row now', () => {
    const h = harness({
      snapshot: snapshotOf({
        tasks: [
          taskView('bg-1'),
          taskView('bg-2', { status: 'failed', completedAt: 5 }),
          taskView('bg-3', { status: 'succeeded', completedAt: 4 }),
        ],
      }),
    });
    h.press('3');
    const hints = (): string => h.text(160, 40).at(-1) ?? '';
    expect(hints()).toContain('x cancel');
    expect(hints()).not.toMatch(/R deliver|r retry/u);
    h.press('j');
    expect(hints()).toMatch(/R deliver again.*r retry/u);
    expect(hints()).not.toContain('x cancel');
    h.press('j');
    expect(hints()).toContain('R deliver again');
    expect(hints()).not.toMatch(/r retry|x cancel/u);
  });
});
