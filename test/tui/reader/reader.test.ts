import { describe, expect, it } from 'vitest';
import { Reader } from '../../../src/tui/reader/reader.ts';
import { adapterView, NOW, pairingView, snapshotOf, taskView } from '../fixtures.ts';
import { type Harness, type HarnessOptions, harness } from '../harness.ts';
import { openConsole } from '../open-console.ts';

interface Spoken {
  readonly h: Harness;
  readonly reader: Reader;
  readonly lines: string[];
  /** Presses keys and returns what was said since. */
  press(...keys: string[]): Promise<string>;
  /** Presses the key that the last menu gave to a choice. */
  choose(label: string): Promise<string>;
}

function listen(options: HarnessOptions = {}): Spoken {
  const h = harness(options);
  const lines: string[] = [];
  const reader = new Reader(h.controller, h.store, (line) => lines.push(line));
  const press = async (...keys: string[]): Promise<string> => {
    const from = lines.length;
    for (const key of keys) reader.key(key);
    await h.settle();
    return lines.slice(from).join('\n');
  };
  return {
    h,
    reader,
    lines,
    press,
    async choose(label) {
      const menu = lines.findLast((line) => line.startsWith('Choose: ')) ?? '';
      const key = menu
        .slice('Choose: '.length)
        .replace(/\.$/, '')
        .split(', ')
        .find((choice) => choice.slice(2) === label)?.[0];
      if (key === undefined) throw new Error(`no choice "${label}" in: ${menu}`);
      return press(key);
    },
  };
}

describe('the linear console', () => {
  it('begins with the state of everything and the choices', () => {
    const { lines } = listen();
    expect(lines[0]).toBe('pi-gateway running on localhost:3847, agent pi-rpc 2 of 8 running.');
    expect(lines.join('\n')).toContain('4 of 6 adapters connected.');
    expect(lines.at(-1)).toBe(
      'Choose: 1 Adapters, 2 Sessions, 3 Tasks, 4 Pairing, 5 Log, 6 Rejected, 7 Outbox, 8 Allowlist, 9 Configuration, a Schedules, b Questions, c Blocked, s status, q quit.',
    );
  });

  it('offers all gateways together where there are several, with a key that is no list', async () => {
    const one = { address: 'x', state: 'connected', pairing: 0, questions: 0, failures: 0 } as const;
    const names = ['all', 'home', 'work'];
    const contexts = names.map((name) => ({ ...one, name, shown: name === 'home' }));
    const { h, lines, press } = listen({ contexts });
    expect(lines[0]).toMatch(/^Gateway home: pi-gateway running/u);
    expect(lines.at(-1)).toMatch(/d Gateways, g all gateways together, s status, q quit\.$/u);
    await press('g');
    expect(h.effects.shown).toEqual(['all']);
  });

  it('says what an empty list is for and what can be done there, by its own keys', async () => {
    const { h, press } = listen({ snapshot: snapshotOf() });
    const allowlist = await press('8');
    expect(allowlist).toContain('Choose: 1 add, 0 back.');
    expect(await press('0', 'a')).toContain('Schedules: Nothing is scheduled.\nChoose: 1 new, 0 back.');
    expect(await press('9')).toContain('There is no such choice');
    expect(await press('1')).toContain('Esc cancels.');
    await press('esc');
    for (const key of '123456789abc') {
      const said = await press('0', key);
      expect(said).not.toMatch(/key \d|pane \d|\(:|^[a-z] makes/mu);
      await press('0');
    }
    expect(h.operator.commands).toEqual([]);
  });

  it('announces a request once, with everything needed to decide', () => {
    const { h, lines } = listen({ snapshot: snapshotOf() });
    h.operator.push({ type: 'pairing', request: pairingView('p1') });
    h.timers.advance(300);
    h.operator.push({ type: 'log', line: { at: NOW, level: 'info', source: 'x', text: 'noise' } });
    h.timers.advance(300);
    const said = lines.filter((line) => line.startsWith('New pairing request'));
    expect(said).toEqual([
      "New pairing request: Grace Hopper on telegram, id 81234, code KQ7M-2XPD, 48m left. First message: hi, it's me from the meetup",
    ]);
  });

  it('lets the stranger in by numbers and takes it back with u', async () => {
    const { h, press } = listen();
    expect(await press('4')).toContain('2 Grace Hopper on telegram, id 81234');
    expect(await press('2')).toContain(
      'Choose: 1 approve, 2 deny, 3 block, 4 enter code, 5 pair my phone, 6 details, 0 back.',
    );
    expect(await press('1')).toContain(
      'Grace Hopper (telegram 81234) is approved u undoes it within 30 seconds.',
    );
    expect(h.operator.commands).toEqual([{ type: 'pairing.approve', requestId: 'p1' }]);
    await press('u');
    expect(h.operator.commands.at(-1)).toEqual({ type: 'pairing.undo', requestId: 'p1' });
  });

  it('asks in words before something destructive', async () => {
    const { h, press, choose } = listen();
    await press('2', '1');
    expect(await choose('reset')).toContain('Reset telegram Ada Lovelace?');
    expect(h.operator.commands).toEqual([]);
    expect(await press('n')).toContain('Choose');
    await press('1');
    await choose('reset');
    await press('y');
    expect(h.operator.commands).toEqual([{ type: 'session.reset', id: 's1' }]);
  });

  it('takes text for a field and repeats it', async () => {
    const { h, press } = listen();
    await press('4', '1');
    expect(await press('4')).toContain('Type, then Enter; Esc cancels.');
    expect(await press('A', 'B', 'C', 'D', 'enter')).toContain('You wrote: ABCD');
    expect(h.operator.commands).toEqual([{ type: 'pairing.approve', code: 'ABCD' }]);
  });

  it('reads a form field by field, never what is typed into a secret', async () => {
    const { lines, press } = listen({
      queries: {
        config: [
          {
            key: 'platforms.telegram.token',
            value: '••••••',
            source: 'file',
            help: 'Bot token.',
            secret: true,
          },
          { key: 'platforms.telegram.apiRoot', value: undefined, source: 'default', help: 'Root URL.' },
        ],
      },
    });
    await press('1', '1');
    expect(await press('5')).toContain('Settings of telegram, 1 of 2: token. Bot token. It is set.');
    await press('S', 'E', 'C');
    expect(await press('tab')).toContain('2 of 2: apiRoot. Root URL.');
    expect(lines.join('\n')).not.toContain('SEC');
    expect(await press('esc')).toContain('Leave the form?');
    await press('y');
  });

  it('reads pages as lines: status, details, the transcript once it is there', async () => {
    const { press } = listen({
      queries: { transcript: [{ at: NOW, role: 'agent', text: 'Good morning.' }] },
    });
    expect(await press('s')).toContain('Listens on: localhost:3847');
    await press('1');
    await press('3');
    expect(await press('1')).toContain('Next step: Create a new bot token');
    await press('0', '2', '1');
    expect(await press('1')).toContain('Good morning.');
  });

  it('speaks what has to be fetched when it is there, and acts on the messages that wait in a session', async () => {
    const { h, press, choose } = listen({
      queries: {
        config: [{ key: 'port', value: 3847, source: 'default', help: 'The port.' }],
        queue: [{ messageId: 'm1', senderName: 'Ada', text: 'next question', at: NOW }],
      },
    });
    expect(await choose('Configuration')).toContain('1 port 3847 default');
    await press('0', '2', '1');
    expect(await choose('queue')).toContain('1 Ada next question');
    await press('1', '1');
    await press('y');
    expect(h.operator.commands).toEqual([{ type: 'queue.drop', sessionId: 's1', messageId: 'm1' }]);
    expect(await press('0', '0')).toContain('Choose: 1 Adapters');
  });

  it('turns pages of long lists and says where it is', async () => {
    const pairing = Array.from({ length: 12 }, (_, n) =>
      pairingView(`p${n}`, { senderName: `Person ${n}`, createdAt: NOW + n }),
    );
    const { press } = listen({ snapshot: snapshotOf({ pairing }) });
    expect(await press('4')).toContain('Pairing, 12, page 1 of 2:');
    expect(await press('n')).toContain('1 Person 9 on telegram');
    expect(await press('p')).toContain('1 Person 0 on telegram');
  });

  it('announces adapters, tasks and errors in words, without signs', () => {
    const { h, lines } = listen({
      snapshot: snapshotOf({ adapters: [adapterView()], tasks: [taskView('t1')] }),
    });
    const from = lines.length;
    h.operator.push({
      type: 'adapter',
      adapter: adapterView({ state: 'parked', detail: 'token revoked', nextStep: 'Put in a new token.' }),
    });
    h.operator.push({ type: 'task', task: taskView('t1', { status: 'timed_out', error: 'too slow' }) });
    h.operator.push({ type: 'log', line: { at: NOW, level: 'error', source: 'slack', text: 'broken' } });
    h.timers.advance(300);
    expect(lines.slice(from)).toEqual([
      'Adapter telegram failed: token revoked. Put in a new token.',
      'Task t1 timed out: too slow.',
      'Error of slack: broken',
    ]);
    expect(lines.join('\n')).not.toMatch(/[●◐○✕▓░]/u);
  });

  it('only ever appends to the terminal', async () => {
    const console = await openConsole({ console: { screenReader: true } });
    await console.shows('Choose: 1 Adapters');
    await console.type('4', 'Choose a row');
    await console.type('0', 'q quit');
    await console.quit();
    expect(console.terminal.alternate).toBe(false);
    // No cursor movement, no erasing.
    expect(console.terminal.raw).not.toMatch(/\u001b\[\d*[A-HJKfd]/u);
  });
});
