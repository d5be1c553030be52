import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Rig } from './rig.ts';

const MINUTE = 60_000;
let rig: Rig;

beforeEach(async () => {
  rig = await Rig.start({
    capabilities: { edit: false, typing: false, buttons: false },
    config: { security: { allowAll: true }, agent: { maxConcurrent: 1 } },
    firstStart: true,
  });
});
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const open = () => rig.stores.sessions.all("SELECT state FROM inbox WHERE state <> 'done'");
const INTERRUPTED =
  'I was restarted while working on this: "[hang] one". It was not finished. /retry runs it, /stop drops it.';
const WAITED = 'I was away for a while and did not work on this: "two". /retry runs it, /stop drops it.';

/** One turn hangs, two messages wait behind it. */
async function busy(): Promise<void> {
  await rig.say('[hang] one');
  await rig.say('/queue two');
  await rig.say('/queue three');
  await rig.pass(50);
}

describe('after a crash', () => {
  it('a turn that may have reached the model is reported, what waited runs by itself', async () => {
    await busy();
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts()).toEqual([INTERRUPTED, 'You said: two', 'You said: three']);
    expect(rig.decisions()).toContain('message offered interrupted');
  });

  it('a second crash repeats nothing of it', async () => {
    await busy();
    rig = await rig.crash();
    await rig.pass(1000);
    rig = await rig.crash();
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts()).toEqual([INTERRUPTED, 'You said: two', 'You said: three']);
  });

  it('what waited longer than ten minutes is offered instead', async () => {
    await busy();
    rig = await rig.crash(11 * MINUTE);
    await rig.pass(1000);
    expect(rig.texts()).toEqual([INTERRUPTED, WAITED, WAITED.replace('two', 'three')]);
    expect(rig.gateway.conversations.views()).toMatchObject([{ state: 'idle', waiting: 0 }]);
  });

  it('what is offered runs when its sender asks for it, in order, once', async () => {
    await busy();
    rig = await rig.crash(11 * MINUTE);
    await rig.say('/stop', { from: 'bob' }); // has no say in it
    rig = await rig.crash(11 * MINUTE);
    await rig.pass(1000);
    expect(rig.texts().filter((text) => text.startsWith('I was'))).toHaveLength(3);
    const before = rig.texts().length;
    await rig.say('/retry');
    await rig.pass(1000);
    expect(rig.texts().slice(before)).toEqual(['Running 3 messages.']); // the first one hangs again
    await rig.say('/stop');
    await rig.pass(1000);
    expect(rig.texts().slice(before + 1)).toEqual(['Stopped. Dropped 2 queued messages.']);
  });

  it('what is offered is dropped by /stop', async () => {
    await rig.say('two');
    rig.adapter.health('reconnecting');
    await rig.say('/queue three');
    rig = await rig.crash(11 * MINUTE);
    await rig.pass(100);
    await rig.say('/stop');
    await rig.pass(100);
    await rig.say('/retry');
    await rig.pass(100);
    expect(open()).toEqual([]);
  });

  it('what is offered lapses when its sender writes something else', async () => {
    await busy();
    rig = await rig.crash(11 * MINUTE);
    await rig.say('something else');
    await rig.pass(100);
    expect(open()).toEqual([]);
    expect(rig.decisions().filter((each) => each === 'message dropped offer_lapsed')).toHaveLength(3);
    await rig.say('/retry');
    await rig.pass(100);
    expect(rig.texts().slice(-2).sort()).toEqual([
      'Running your last message again.',
      'You said: something else',
    ]);
  });

  it('offers come with buttons where there are buttons', async () => {
    await busy();
    rig = await rig.crash(0, { capabilities: { edit: false, typing: false, buttons: true } });
    await rig.pass(100);
    expect(rig.world.shown()[0]?.request.part.buttons).toEqual([
      { label: 'Run it', command: '/retry' },
      { label: 'Drop it', command: '/stop' },
    ]);
  });

  it('a program gets the outcome of its prompt and decides itself', async () => {
    await rig.say('[hang] one', { promptId: 'p1' });
    await rig.pass(50);
    rig = await rig.crash();
    await rig.pass(100);
    expect(rig.world.shown().map(({ request }) => request.meta)).toEqual([
      expect.objectContaining({ kind: 'outcome', code: 'interrupted', promptId: 'p1' }),
    ]);
    expect(open()).toEqual([]);
  });

  it('a command whose answer was cut off is reported as well', async () => {
    let writes = 0;
    rig.disk.before = ({ kind, path }) => {
      if (kind !== 'write' || !path.includes('sessions')) return;
      writes += 1;
      if (writes > 1) throw new Error('killed'); // the command is stored, its answer is not
    };
    await rig.say('/whoami', { promptId: 'p1' });
    rig = await rig.crash();
    await rig.pass(100);
    expect(rig.world.shown().map(({ request }) => request.meta)).toEqual([
      { kind: 'outcome', code: 'interrupted', promptId: 'p1' },
    ]);
    expect(open()).toEqual([]);
  });

  it('a message of a session that is gone is reported, never lost', async () => {
    await busy();
    await rig.stores.sessions.write((tx) => tx.run('DELETE FROM sessions'));
    rig = await rig.crash();
    await rig.pass(100);
    expect(rig.texts()).toHaveLength(3);
    expect(open()).toEqual([]);
  });

  it('a task that ran is lost, and its chat is told once; one that waited runs', async () => {
    for (const text of ['[hang] a', '[hang] b', 'c']) await rig.say(`/bg ${text}`);
    await rig.pass(100);
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.gateway.tasks.list().map(({ status }) => status)).toEqual(['lost', 'lost', 'succeeded']);
    rig = await rig.crash();
    await rig.pass(1000);
    const told = rig.texts().filter((text) => text.startsWith('Task '));
    expect(told).toHaveLength(3);
    expect(told.filter((text) => text.includes('was lost'))).toHaveLength(2);
    expect(rig.gateway.tasks.list().every(({ deliveredAt }) => deliveredAt !== undefined)).toBe(true);
  });

  it('the result of a task that was being delivered is delivered once, whatever file was written last', async () => {
    rig.adapter.health('reconnecting');
    await rig.say('/bg c');
    await rig.pass(1000);
    expect(rig.gateway.tasks.list()).toMatchObject([{ status: 'succeeded', deliveredAt: undefined }]);
    rig = await rig.crash();
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts().filter((text) => text.includes('is done'))).toHaveLength(1);
    expect(rig.gateway.tasks.list()[0]?.deliveredAt).toBeGreaterThan(0);
    await rig.operator.run({ type: 'task.deliver', id: rig.gateway.tasks.list()[0]?.id ?? '' });
    await rig.pass(100);
    expect(rig.texts().filter((text) => text.includes('is done'))).toHaveLength(2);
  });
});

describe('a clean stop', () => {
  it('lets the running turn end, sends its answer, and takes nothing new', async () => {
    await rig.say('[sleep 5000] one');
    await rig.pass(50);
    const { host } = rig.adapter;
    const stopping = rig.gateway.stop(30_000);
    await rig.pass(10);
    const late = host?.accept({
      dedupeKey: 'late',
      chat: rig.chat(),
      chatKind: 'dm',
      sender: { id: 'ada', name: 'Ada' },
      text: 'late',
      messageId: 'late',
      mentioned: true,
    });
    await expect(late).rejects.toMatchObject({ code: 'stopping' });
    await rig.pass(7000);
    await stopping;
    expect(rig.gateway.state).toBe('stopped');
    expect(rig.texts()).toEqual(['You said: one']);
    expect([...rig.disk.contents().keys()].filter((path) => path.endsWith('.log'))).toEqual([]);
  });

  it('cuts off what takes longer than the grace, and says so', async () => {
    await busy();
    rig = await rig.restart(5000);
    await rig.pass(1000);
    expect(rig.texts()).toEqual([
      'This turn was interrupted because the gateway stopped. Send /retry to run it again.',
      'You said: two',
      'You said: three',
    ]);
  });

  it('ends although the disk takes nothing any more', async () => {
    await rig.say('[hang] one');
    await rig.pass(50);
    rig.disk.before = ({ kind }) => {
      if (kind === 'write' || kind === 'open') throw new Error('no');
    };
    let stopped = false;
    void rig.gateway.stop(1000).then(() => {
      stopped = true;
    });
    await rig.pass(90_000);
    expect(stopped).toBe(true);
    rig.disk.before = () => {};
    rig = await rig.crash();
    await rig.pass(100);
    expect(rig.texts()).toEqual([INTERRUPTED]);
  });
});
