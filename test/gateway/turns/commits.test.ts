import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DeliveryError } from '../../../src/base/errors.ts';
import { Rig } from '../rig.ts';

let rig: Rig;

beforeEach(async () => {
  rig = await Rig.start({
    capabilities: { edit: false, typing: false },
    config: { security: { allowAll: true }, agent: { maxConcurrent: 1 } },
    firstStart: true,
  });
});
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const MARK = '(The connection was lost while sending: the next message may be a repeat.)';
const states = (table: 'inbox' | 'outbox'): unknown[] =>
  rig.stores.sessions.all(`SELECT state FROM ${table} ORDER BY seq`).map(({ state }) => state);

/** The disk takes so many commits of the sessions from now on, and no more. */
function takes(commits: number): void {
  let left = commits;
  rig.disk.before = ({ kind, path }) => {
    if (kind !== 'write' || !path.includes('sessions')) return;
    left -= 1;
    if (left < 0) throw new Error('killed');
  };
}

describe('a prompt in a quiet chat', () => {
  it('waits for the disk twice: accepted and begun, answered and being sent', async () => {
    let syncs = 0;
    let syncsBeforeSending = 0;
    rig.disk.after = ({ kind, path }) => {
      if (kind === 'sync' && path.includes('sessions')) syncs += 1;
    };
    rig.world.fault({ on: 'send', ms: 0 });
    const send = rig.world.send.bind(rig.world);
    vi.spyOn(rig.world, 'send').mockImplementation((request) => {
      syncsBeforeSending = syncs;
      return send(request);
    });
    // A batch of commits is also cut by real time, which a busy machine may need.
    const realTime = vi.spyOn(performance, 'now').mockReturnValue(0);
    await rig.say('hello');
    await rig.pass(100);
    realTime.mockRestore();
    expect(rig.texts()).toEqual(['You said: hello']);
    expect(syncsBeforeSending).toBe(2);
  });

  it('that was killed before its answer was stored is reported and never run again', async () => {
    takes(1);
    await rig.say('hello');
    await rig.pass(100);
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts().join('')).toContain('I was restarted while working on this: "hello"');
    expect(rig.texts().join('')).not.toContain('You said');
  });

  it('that was killed while its answer was on its way is answered again, with a mark', async () => {
    rig.world.fault({ on: 'send', happens: true, ms: Number.POSITIVE_INFINITY });
    await rig.say('hello');
    await rig.pass(100);
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['You said: hello', MARK, 'You said: hello']);
  });

  it('whose turn slot is taken waits, and runs by itself after a crash', async () => {
    await rig.say('[hang] one', { chat: rig.chat({ chatId: 'c2' }) });
    await rig.say('two');
    await rig.pass(50);
    expect(states('inbox')).toEqual(['running', 'queued']);
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts({ chatId: 'c1' })).toEqual(['You said: two']);
  });

  it('gives its turn slot back when the disk does not take it', async () => {
    takes(0);
    await expect(rig.say('one')).rejects.toMatchObject({ code: 'storage_failed' });
    rig.disk.before = () => {};
    await rig.say('two');
    await rig.say('three', { chat: rig.chat({ chatId: 'c2' }) });
    await rig.pass(100);
    expect(rig.texts()).toEqual(['You said: two', 'You said: three']);
    expect(rig.gateway.conversations.running).toBe(0);
  });
});

describe('an answer that was surely not sent', () => {
  it('is no possible repeat after a crash', async () => {
    rig.world.fault({ on: 'send', error: new DeliveryError('unreachable', 'no route'), times: 1 });
    await rig.say('hello');
    await rig.pass(100);
    expect(states('outbox')).toEqual(['pending']);
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['You said: hello']);
  });

  it('is none because the platform was away', async () => {
    rig.adapter.health('reconnecting');
    await rig.say('hello');
    await rig.pass(100);
    expect(states('outbox')).toEqual(['pending']);
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['You said: hello']);
  });

  it('goes on behind the parts that have arrived', async () => {
    rig.world.fault({
      on: 'send',
      error: new DeliveryError('unreachable', 'no route'),
      when: ({ text }) => text.startsWith('b'),
    });
    const text = `${'a'.repeat(200)}${'b'.repeat(200)}`;
    await rig.gateway.send('telegram', 'c1', text);
    await rig.pass(100);
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['a'.repeat(200), 'b'.repeat(200)]);
  });
});
