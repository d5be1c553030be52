/** Several gateways in one console: rows of the same ids on both, and every act reaches the gateway of its row only. */
import { describe, expect, it } from 'vitest';
import type { Operator } from '../../src/gateway/operator/operator.ts';
import { MergedOperator } from '../../src/tui/state/merged-operator.ts';
import { createFakeOperator, type FakeOperator } from './fake-operator.ts';
import {
  adapterView,
  alive,
  busySnapshot,
  NOW,
  outboxView,
  pairingView,
  questionView,
  sessionView,
  snapshotOf,
  taskView,
} from './fixtures.ts';
import { type OpenConsole, openConsole } from './open-console.ts';

function gateway(name: string): FakeOperator {
  return createFakeOperator({
    snapshot: alive(
      snapshotOf({
        pairing: [
          pairingView('p1', { senderName: `Ada of ${name}`, code: `AAAA-${name.toUpperCase()}` }),
          pairingView('p2', { senderName: `Bob of ${name}` }),
        ],
        dialogs: [questionView({ id: 'q1', createdAt: Date.now() })],
      }),
    ),
    answer: () => ({ message: 'done' }),
  });
}

function merged(...names: readonly string[]) {
  const gateways = new Map(names.map((name) => [name, gateway(name)]));
  const members = [...gateways].map(([name, operator]) => ({ name, operator }));
  const commands = (name: string) => gateways.get(name)?.commands;
  return { gateways, commands, operator: new MergedOperator(members, () => NOW) };
}

describe('all gateways as one', () => {
  it('carry an act to the gateway that its row came from, with the id as it is there', async () => {
    const { operator, commands } = merged('home', 'work');
    const ids = operator.snapshot().pairing.map(({ id }) => id);
    expect(ids).toEqual(['home›p1', 'home›p2', 'work›p1', 'work›p2']);
    const answer = await operator.run({ type: 'pairing.approve', requestId: 'work›p1' });
    expect(answer.message).toBe('work: done');
    await operator.run({ type: 'pairing.undo', requestId: 'work›p1' });
    await operator.run({ type: 'dialog.answer', id: 'home›q1', decision: 'once' });
    expect(commands('work')).toEqual([
      { type: 'pairing.approve', requestId: 'p1' },
      { type: 'pairing.undo', requestId: 'p1' },
    ]);
    expect(commands('home')).toEqual([{ type: 'dialog.answer', id: 'q1', decision: 'once' }]);
  });

  it('refuse an act that names no row, and one that names rows of two', async () => {
    const { operator, commands } = merged('home', 'work');
    const refused = { message: expect.stringContaining('needs one gateway') };
    await expect(operator.run({ type: 'stop' })).rejects.toMatchObject(refused);
    await expect(operator.run({ type: 'allow', platform: 'slack', userId: 'U1' })).rejects.toMatchObject(
      refused,
    );
    await expect(operator.run({ type: 'pairing.approve', requestId: 'p1' })).rejects.toMatchObject(refused);
    await expect(operator.run({ type: 'pairing.approve', requestId: 'lab›p1' })).rejects.toMatchObject(
      refused,
    );
    const two = { type: 'queue.drop', sessionId: 'home›s1', messageId: 'm' } as const;
    await expect(operator.run({ ...two, id: 'work›s1' } as never)).rejects.toMatchObject(refused);
    await expect(operator.query('config', {})).rejects.toMatchObject(refused);
    // A code is on one of them only, or it is nobody's.
    await operator.run({ type: 'pairing.approve', code: 'aaaa work' });
    await expect(operator.run({ type: 'pairing.approve', code: 'ZZZZ-ZZZZ' })).rejects.toMatchObject(refused);
    expect(commands('home')).toEqual([]);
    expect(commands('work')).toEqual([{ type: 'pairing.approve', code: 'aaaa work' }]);
  });

  it('show failures and what is asked, nothing that runs well', () => {
    const { gateways, operator } = merged('home');
    const events: unknown[] = [];
    operator.subscribe((event) => events.push(event));
    const home = gateways.get('home');
    const failed = sessionView('s1', { lastFailure: { at: NOW, reason: 'no model' } });
    home?.push(
      { type: 'session', session: failed },
      { type: 'session', session: sessionView('s2') },
      { type: 'task', task: taskView('t1', { status: 'running' }) },
      { type: 'task', task: taskView('t2', { status: 'failed' }) },
      { type: 'outbox', item: outboxView('o1', { state: 'pending' }) },
      { type: 'adapter', adapter: adapterView({ platform: 'slack', state: 'parked' }) },
      { type: 'adapter', adapter: adapterView({ platform: 'slack', state: 'disabled' }) },
      { type: 'traffic', direction: 'in', platform: 'slack', at: NOW },
      { type: 'allowlist-removed', platform: 'slack', userId: 'U1' },
    );
    expect(events).toMatchObject([
      { type: 'session', session: { id: 'home›s1' } },
      { type: 'session', session: { id: 'home›s2' } },
      { type: 'task', task: { id: 'home›t2' } },
      { type: 'outbox', item: { id: 'home›o1', state: 'abandoned' } },
      { type: 'adapter', adapter: { platform: 'home›slack', state: 'parked' } },
      { type: 'adapter', adapter: { platform: 'home›slack', state: 'disabled' } },
      { type: 'traffic', platform: 'home›slack' },
    ]);
  });

  it('leave out the rows of a gateway that does not answer, and say so', () => {
    const { gateways, operator } = merged('home', 'work');
    const { epoch } = operator.link();
    const link: ReturnType<Operator['link']> = {
      kind: 'remote',
      url: 'x',
      connected: true,
      heardAt: NOW - 6_000,
    };
    gateways.get('work')?.setLink(link);
    expect(operator.link().epoch).not.toBe(epoch);
    expect(operator.snapshot().pairing.map(({ id }) => id)).toEqual(['home›p1', 'home›p2']);
    expect(operator.snapshot().gateway.badges).toEqual(['work: no answer']);
    gateways.get('work')?.setLink({ ...link, heardAt: NOW });
    operator.link();
    expect(operator.snapshot().pairing).toHaveLength(4);
  });
});

async function withOther(): Promise<{ console: OpenConsole; other: FakeOperator }> {
  const other = gateway('work');
  const console = await openConsole({
    snapshot: alive(
      snapshotOf({
        pairing: [pairingView('p1', { senderName: 'Zoe of here' })],
        adapters: busySnapshot().adapters,
      }),
    ),
    console: { contexts: [{ name: 'work', address: 'work:3847', open: () => other }] },
  });
  await console.shows('Zoe of here');
  return { console, other };
}

describe('the console', () => {
  it('decides nothing on a gateway that the last frame did not show yet', async () => {
    const { console, other } = await withOther();
    // Arrives as one string: the key for the switch, then keys for a screen that nobody has seen.
    console.stdin.type('0aA');
    await console.shows(/work +telegram/u);
    console.stdin.type(':ctx work\ra');
    await console.shows('Ada of work');
    expect(console.operator.commands).toEqual([]);
    expect(other.commands).toEqual([]);
    await console.type('a', 'is approved');
    expect(other.commands).toEqual([{ type: 'pairing.approve', requestId: 'p1' }]);
    expect(console.operator.commands).toEqual([]);
    await console.quit();
  });

  it('keeps what can be undone with its gateway', async () => {
    const { console, other } = await withOther();
    await console.type('a', 'is approved');
    await console.type('C', 'Gateways 2');
    await console.type('jj');
    await console.type('\r', 'Ada of work');
    await console.type('u', 'nothing can be undone');
    await console.type(':ctx here\r', 'Zoe of here');
    console.stdin.type('u');
    await expect
      .poll(() => console.operator.commands.map(({ type }) => type))
      .toEqual(['pairing.approve', 'pairing.undo']);
    expect(other.commands).toEqual([]);
    await console.quit();
  });

  it('changes nothing on any gateway when it is read-only', async () => {
    const other = gateway('work');
    const console = await openConsole({
      console: { readOnly: true, contexts: [{ name: 'work', address: 'work:3847', open: () => other }] },
    });
    await console.type(':ctx work\r', 'Ada of work');
    await console.type('a', 'this console is read-only');
    expect(other.commands).toEqual([]);
    await console.quit();
  });
});
