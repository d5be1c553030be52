import { describe, expect, it } from 'vitest';
import { NOW, outboxView, sessionView, snapshotOf, taskView } from '../fixtures.ts';
import { harness } from '../harness.ts';

describe('sessions', () => {
  it('shows the live transcript, follows it, pauses on the way up and resumes with G', async () => {
    const transcript = Array.from({ length: 100 }, (_, n) => ({
      at: n,
      role: 'user' as const,
      text: `message ${n}`,
    }));
    const h = harness({ queries: { transcript } });
    h.press('2 enter');
    await h.settle();
    expect(h.text().join('\n')).toContain('message 99');
    h.operator.push({
      type: 'turn',
      sessionId: 's1',
      event: { type: 'text_delta', delta: 'Working on **it**' },
    });
    h.operator.push({ type: 'turn', sessionId: 'other', event: { type: 'text_delta', delta: 'not here' } });
    h.timers.advance(300);
    expect(h.text().join('\n')).toContain('Working on it');
    expect(h.text().join('\n')).not.toContain('not here');
    h.press('k');
    expect(h.text().join('\n')).toContain('paused, G follows');
    h.operator.push({
      type: 'transcript',
      sessionId: 's1',
      entry: { at: 5, role: 'agent', text: 'Done, all of it.' },
    });
    h.timers.advance(300);
    expect(h.text().join('\n')).not.toContain('Done, all of it.');
    h.press('G');
    expect(h.text().join('\n')).toContain('Done, all of it.');
    h.press('esc');
    expect(h.operator.subscribers).toBe(1);
  });

  it('writes to the chat, pauses and resumes the agent', async () => {
    const h = harness();
    h.press('2 i');
    h.type('Hello there');
    h.press('enter');
    await h.settle();
    h.press('esc esc P');
    expect(h.text().join('\n')).toContain('Its turn is running.');
    h.press('l');
    await h.settle();
    expect(h.operator.commands).toEqual([
      { type: 'session.write', id: 's1', text: 'Hello there' },
      { type: 'session.pause', id: 's1' },
    ]);
    h.operator.push({ type: 'session', session: sessionView('s1', { state: 'paused' }) });
    await h.settle();
    h.timers.advance(1_000);
    h.press('g P');
    expect(h.operator.commands.at(-1)).toEqual({ type: 'session.resume', id: 's1' });
  });

  it('asks before it resets or stops, names the session, and never confirms with the key that asked', async () => {
    const h = harness();
    h.press('2 x x x');
    expect(h.text().join('\n')).toContain('Stop the turn of telegram Ada Lovelace?');
    expect(h.operator.commands).toEqual([]);
    h.press('y');
    await h.settle();
    h.press('r');
    expect(h.text().join('\n')).toContain('Reset telegram Ada Lovelace?');
    h.press('esc r tab enter');
    expect(h.operator.commands).toEqual([
      { type: 'session.stop', id: 's1' },
      { type: 'session.reset', id: 's1' },
    ]);
  });

  it('does not take y for yes when y opened the question', () => {
    const h = harness({ keys: { 'session.reset': 'y' } });
    h.press('2 y y y');
    expect(h.operator.commands).toEqual([]);
    h.press('tab enter');
    expect(h.operator.commands).toEqual([{ type: 'session.reset', id: 's1' }]);
  });

  it('drops and moves waiting messages', async () => {
    const queue = [
      { messageId: 'm1', senderName: 'Ada', text: 'first', at: 1 },
      { messageId: 'm2', senderName: 'Ada', text: 'second', at: 2 },
    ];
    const h = harness({ queries: { queue } });
    h.press('2 Q');
    await h.settle();
    expect(h.text().join('\n')).toContain('second');
    h.press('j K');
    await h.settle();
    h.press('x y');
    await h.settle();
    expect(h.operator.commands).toEqual([
      { type: 'queue.up', sessionId: 's1', messageId: 'm2' },
      { type: 'queue.drop', sessionId: 's1', messageId: 'm2' },
    ]);
  });
});

describe('tasks, outbox and adapters', () => {
  it('cancels an open task after a question, delivers a finished one again', async () => {
    const h = harness();
    h.press('3 x y');
    await h.settle();
    h.press('j R');
    expect(h.operator.commands).toEqual([
      { type: 'task.cancel', id: 'bg-7f2' },
      { type: 'task.deliver', id: 'bg-81a' },
    ]);
    h.press('g R');
    expect(h.text().at(-1)).toContain('Cannot do this: the task has not ended yet.');
  });

  it('cancels a task by its id from the palette', () => {
    const h = harness({ snapshot: snapshotOf({ tasks: [taskView('bg-1'), taskView('bg-2')] }) });
    h.press(':');
    h.type('task cancel bg-2');
    h.press('enter y');
    expect(h.operator.commands).toEqual([{ type: 'task.cancel', id: 'bg-2' }]);
    h.press(':');
    h.type('task cancel nope');
    h.press('enter');
    expect(h.text().at(-1)).toContain('There is no task nope.');
  });

  it('retries and abandons what could not be delivered', async () => {
    const h = harness({
      snapshot: snapshotOf({ outbox: [outboxView('o1'), outboxView('o2', { createdAt: 2 })] }),
    });
    h.press('o r');
    await h.settle();
    h.press('j x y');
    expect(h.operator.commands).toEqual([
      { type: 'outbox.retry', id: 'o2' },
      { type: 'outbox.abandon', id: 'o1' },
    ]);
  });

  it('starts, stops after a question, reconnects and checks adapters', async () => {
    const h = harness();
    h.press('1 r');
    await h.settle();
    h.press('c');
    await h.settle();
    h.press('s y');
    await h.settle();
    h.press(':');
    h.type('adapter slack start');
    h.press('enter');
    expect(h.operator.commands).toEqual([
      { type: 'adapter.restart', platform: 'telegram' },
      { type: 'adapter.check', platform: 'telegram' },
      { type: 'adapter.stop', platform: 'telegram' },
      { type: 'adapter.start', platform: 'slack' },
    ]);
  });

  it('edits a configuration value and reads the list anew', async () => {
    const h = harness({
      queries: { config: [{ key: 'port', value: 3847, source: 'default', help: 'The port.' }] },
    });
    h.press(',');
    await h.settle();
    h.press('e ctrl+u');
    h.type('4000');
    h.press('enter');
    expect(h.operator.commands).toEqual([{ type: 'config.set', key: 'port', value: 4000 }]);
  });

  it('takes a secret of the configuration without drawing it, as text whatever it looks like', async () => {
    const h = harness({
      queries: {
        config: [
          {
            key: 'platforms.slack.botToken',
            value: '••••••',
            source: 'file',
            help: '',
            kind: 'text',
            secret: true,
          },
        ],
      },
    });
    h.press(',');
    await h.settle();
    h.press('e enter');
    expect(h.operator.commands).toEqual([]);
    h.press('e');
    h.type('12345');
    expect(h.text(120, 40).join('\n')).toContain('> •••••');
    expect(h.text(120, 40).join('\n')).not.toContain('12345');
    h.press('enter');
    expect(h.operator.commands).toEqual([
      { type: 'config.set', key: 'platforms.slack.botToken', value: '12345' },
    ]);
  });
});

describe('moving about', () => {
  it('walks the panes with numbers, Tab and arrows', () => {
    const h = harness();
    const focus = (keys: string): string => {
      h.press(keys);
      return h.controller.view.focus;
    };
    expect(focus('1')).toBe('adapters');
    expect(focus('tab')).toBe('sessions');
    expect(focus('shift+tab shift+tab')).toBe('log');
    expect(focus('1 right')).toBe('sessions');
    expect(focus('h')).toBe('adapters');
    expect(focus('3 l')).toBe('pairing');
  });

  it('moves through long lists by rows, pages and to both ends', () => {
    const sessions = Array.from({ length: 1_000 }, (_, n) =>
      sessionView(`s${String(n).padStart(4, '0')}`, { lastUserAt: -n }),
    );
    const h = harness({ snapshot: snapshotOf({ sessions }) });
    h.press('2 z');
    h.text(100, 30);
    const at = (keys: string): number | undefined => {
      h.press(keys);
      h.text(100, 30);
      return h.controller.lists.cursor('sessions');
    };
    expect(at('j j k')).toBe(1);
    expect(at('pgdn')).toBe(27);
    expect(at('ctrl+d')).toBe(40);
    expect(at('ctrl+u pgup')).toBe(1);
    expect(at('G')).toBe(999);
    expect(h.text(100, 30).join('\n')).toContain('975-1000 of 1000');
    expect(at('g')).toBe(0);
  });

  it('filters while typing, keeps with Enter, drops with Esc, clears with Esc', () => {
    const h = harness();
    h.press('2 /');
    h.type('ada');
    expect(h.controller.rows('sessions').map((row) => row.id)).toEqual(['s1', 's5']);
    h.press('enter');
    expect(h.text().join('\n')).toContain('/ada');
    h.press('/');
    h.type(' x');
    h.press('esc');
    expect(h.controller.rows('sessions')).toHaveLength(2);
    h.press('esc');
    expect(h.controller.rows('sessions')).toHaveLength(5);
  });

  it('says that a filter hides everything', () => {
    const h = harness();
    h.press('2 /');
    h.type('nobody');
    expect(h.text().join('\n')).toContain('The filter hides all 5 rows.');
  });

  it('filters and scrolls 20,000 sessions in much less time than in proportion to their number', () => {
    const steps = (count: number): number => {
      const sessions = Array.from({ length: count }, (_, n) =>
        sessionView(`s${n}`, { lastUserAt: -n, senderName: `user ${n % 977}` }),
      );
      const h = harness({ snapshot: snapshotOf({ sessions }) });
      h.press('2 /');
      h.type('user');
      h.press('enter');
      h.text();
      const times: number[] = [];
      for (let n = 0; n < 60; n += 1) {
        const started = performance.now();
        h.press(n % 3 === 0 ? 'pgdn' : n % 3 === 1 ? 'G' : 'g');
        h.screen(200, 54);
        times.push(performance.now() - started);
      }
      // The median: a busy machine may stretch single steps.
      return times.sort((x, y) => x - y)[30] ?? 0;
    };
    steps(200);
    // A hundred times the rows; measured: about twenty times the time.
    expect(steps(20_000)).toBeLessThan(60 * Math.max(1, steps(200)));
  });
});

describe('the log', () => {
  const line = (n: number) => ({
    type: 'log' as const,
    line: { at: n, level: 'info' as const, source: 'test', text: `event number ${n}` },
  });

  it('follows its end, pauses on the way up, counts what is new, and follows again with G', () => {
    const h = harness({ snapshot: snapshotOf() });
    h.press('5');
    for (let n = 0; n < 50; n += 1) h.operator.push(line(n));
    h.timers.advance(300);
    expect(h.text().join('\n')).toContain('event number 49');
    h.press('k k');
    const before = h.text().filter((text) => text.includes('event number'));
    for (let n = 50; n < 62; n += 1) h.operator.push(line(n));
    h.timers.advance(300);
    expect(h.text().join('\n')).toContain('paused, 12 new');
    expect(h.text().filter((text) => text.includes('event number'))).toEqual(before);
    h.press('G');
    expect(h.text().join('\n')).toContain('event number 61');
    expect(h.text().join('\n')).toContain('following');
  });

  it('keeps the selected line still while a full buffer forgets older ones', () => {
    const h = harness({ snapshot: snapshotOf() });
    h.press('5');
    for (let n = 0; n < 5_000; n += 1) h.operator.push(line(n));
    h.timers.advance(300);
    h.text();
    h.press('k k k');
    const before = h.text().filter((text) => text.includes('event number'));
    for (let n = 5_000; n < 8_000; n += 1) {
      h.operator.push(line(n));
      if (n % 100 === 0) {
        h.timers.advance(300);
        h.text();
      }
    }
    h.timers.advance(300);
    expect(h.text().filter((text) => text.includes('event number'))).toEqual(before);
  });

  it('scrolls sideways', () => {
    const h = harness({ snapshot: snapshotOf() });
    h.operator.push({ ...line(1), line: { ...line(1).line, text: `${'a'.repeat(200)}END` } });
    h.timers.advance(300);
    h.press('5 z');
    expect(h.text(80, 24).join('\n')).not.toContain('END');
    h.press('l l l l l l l l l l');
    expect(h.text(80, 24).join('\n')).toContain('END');
  });
});

describe('leaving', () => {
  it('quits at once when nothing runs', () => {
    const h = harness({ snapshot: snapshotOf() });
    h.press('q');
    expect(h.effects.left).toEqual(['quit']);
  });

  it('asks when work is running', () => {
    const h = harness();
    h.press('q');
    expect(h.effects.left).toEqual([]);
    expect(h.text().join('\n')).toContain('1 answer is in progress and 1 task is open.');
    h.press('y');
    expect(h.effects.left).toEqual(['quit']);
  });

  it('does not ask when the gateway goes on elsewhere', () => {
    const h = harness();
    h.operator.setLink({ kind: 'remote', url: 'ws://box', connected: true });
    h.store.flush();
    h.press('q');
    expect(h.effects.left).toEqual(['quit']);
  });

  it('quits with Ctrl+C twice from anywhere, but not with one or with two slow ones', () => {
    const h = harness();
    h.press('4 m ctrl+c');
    expect(h.text().at(-1)).toContain('Press Ctrl+C again to quit.');
    h.timers.advance(3_000);
    h.press('ctrl+c');
    expect(h.effects.left).toEqual([]);
    h.press('ctrl+c');
    expect(h.effects.left).toEqual(['quit']);
  });
});

describe('the palette', () => {
  it('shows the key of a command and why it cannot be run now', () => {
    const h = harness({ snapshot: snapshotOf() });
    h.press(':');
    h.type('approve');
    expect(h.text().join('\n')).toContain('unavailable: no pending requests');
    h.press('enter');
    expect(h.operator.commands).toEqual([]);
    expect(h.controller.view.toast?.text).toContain('Cannot do this: no pending requests.');
    h.press('esc :');
    h.type('sta');
    expect(h.text().join('\n')).toContain('unavailable: the gateway is running');
  });

  it('completes with Tab and chooses with the arrows', () => {
    const h = harness();
    h.press(': p a i tab');
    expect(h.text().join('\n')).toContain(': pair ');
    h.type('ABCD-EFGH');
    h.press('enter y');
    expect(h.operator.commands).toEqual([{ type: 'pairing.approve', code: 'ABCD-EFGH' }]);
  });

  it('restarts and stops the gateway only after a question', () => {
    const h = harness();
    h.press(':');
    h.type('restart');
    h.press('enter y');
    h.press(':');
    h.type('stop');
    h.press('enter enter');
    expect(h.operator.commands).toEqual([{ type: 'restart' }]);
  });

  it('asks nothing that needs one gateway while all are shown, and names the one that it would stop', async () => {
    const context = (name: string, shown: boolean) =>
      ({ name, address: '', shown, state: 'connected', pairing: 0, questions: 0, failures: 0 }) as const;
    const all = harness({ contexts: [context('all', true), context('here', false), context('work', false)] });
    for (const words of [
      'stop',
      'restart',
      'start',
      'doctor',
      'invite',
      'allow telegram 7',
      'home telegram',
      'task start x',
    ]) {
      all.press(':');
      all.type(words);
      all.press('enter');
      await all.settle();
      expect(all.text().join('\n'), words).toContain('this needs one gateway: choose one with :ctx <name>');
      all.press('esc esc esc');
    }
    // Its row names a platform and a person, but no gateway.
    const session = sessionView('work›s1', { lastFailure: { at: NOW, reason: 'no model' } });
    const failed = harness({
      contexts: [context('all', true), context('here', false), context('work', false)],
      snapshot: snapshotOf({ sessions: [session] }),
      commands: [{ key: 'X', name: 'ticket', run: ['ticket', '{id}'] }],
      keyMs: 1_100,
    });
    for (const keys of ['H', 'X']) {
      failed.press(`2 ${keys}`);
      await failed.settle();
      expect(failed.text().at(-1), keys).toContain('this needs one gateway');
    }
    expect(failed.effects.programs).toEqual([]);
    expect([...all.operator.commands, ...failed.operator.commands]).toEqual([]);
    const one = harness({ contexts: [context('all', false), context('here', false), context('work', true)] });
    one.press(':');
    one.type('stop');
    one.press('enter');
    expect(one.text().join('\n')).toContain('Stop the gateway "work"?');
  });

  it('says how to add a gateway where there is only one', () => {
    const h = harness();
    h.press('C');
    expect(h.text(120, 40).join('\n')).toContain('name them under "contexts" in config.json');
    expect(h.text(120, 40).join('\n')).toContain('{ "contexts": [{ "name": "work", "url":');
  });

  it('shows the findings of the doctor', async () => {
    const h = harness({
      answer: () => ({ message: 'One thing is wrong.', data: ['pi is not on the PATH'] }),
    });
    h.press(':');
    h.type('doctor');
    h.press('enter');
    await h.settle();
    expect(h.text().join('\n')).toContain('pi is not on the PATH');
  });
});

describe('copying and pasting', () => {
  it('copies the id of the selected row', () => {
    const h = harness();
    h.press('2 y 3 y 4 y');
    expect(h.effects.copied).toEqual(['s1', 'bg-7f2', 'ABCD-EFGH']);
  });

  it('puts a paste into a text field and drops it elsewhere', () => {
    const h = harness();
    h.press('4');
    h.controller.paste('aaadddbbb\nq');
    expect(h.operator.commands).toEqual([]);
    expect(h.effects.left).toEqual([]);
    h.press('m');
    h.controller.paste('KQ7M\n2XPD');
    h.press('enter');
    expect(h.operator.commands).toEqual([{ type: 'pairing.approve', code: 'KQ7M 2XPD' }]);
  });
});
