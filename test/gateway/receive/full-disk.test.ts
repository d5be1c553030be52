import { afterEach, describe, expect, it, vi } from 'vitest';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import { systemError } from '../../store/kit/memory-disk.ts';
import { Rig, type RigOptions } from '../rig.ts';

let rig: Rig;

async function start(options: RigOptions = {}): Promise<void> {
  rig = await Rig.start({ capabilities: { edit: false, typing: false, textLimit: 100 }, ...options });
}

afterEach(async () => {
  await rig?.stop();
  rig?.remove();
  vi.useRealTimers();
});

const message = (id: string, over: Partial<InboundMessage> = {}): InboundMessage => ({
  dedupeKey: id,
  chat: rig.chat(),
  chatKind: 'dm',
  sender: { id: 'ada', name: 'Ada' },
  text: id,
  messageId: id,
  mentioned: true,
  ...over,
});
const accept = (what: InboundMessage): Promise<void> =>
  rig.adapter.host?.accept(what) ?? Promise.reject(new Error('not running'));
const refusals = (): string[] => rig.gateway.refusals.map(({ code }) => code);

describe('a full disk', () => {
  const fill = (): void => {
    rig.disk.before = ({ kind }) => {
      if (kind === 'write' || kind === 'open') throw systemError('ENOSPC');
    };
  };
  const empty = (): void => {
    rig.disk.before = () => {};
  };

  it('refuses new messages with a sentence, once a chat, and goes on by itself', async () => {
    await start();
    fill();
    await expect(rig.say('one')).rejects.toMatchObject({ code: 'storage_full' });
    await expect(rig.say('two')).rejects.toMatchObject({ code: 'storage_full' });
    await expect(rig.say('three', { promptId: 'p3' })).rejects.toMatchObject({ code: 'storage_full' });
    await rig.pass(1000);
    expect(rig.texts()).toEqual([
      'The disk of the gateway is full, so it accepts no messages right now. The operator knows.',
    ]);
    expect(refusals()).toEqual(['storage_full']);
    empty();
    await rig.say('four');
    await rig.pass(100);
    expect(rig.texts().at(-1)).toBe('You said: four');
  });

  it('keeps what was accepted, and answers it when there is space again', async () => {
    await start({ config: { security: { allowAll: true }, agent: { maxConcurrent: 1 } } });
    await rig.say('[sleep 1000] running');
    await rig.say('/queue waiting');
    await rig.pass(10);
    fill();
    await rig.pass(300_000);
    expect(rig.texts()).toEqual([]);
    empty();
    await rig.pass(30_000);
    expect(rig.texts()).toEqual(['You said: running', 'You said: waiting']);
    expect(rig.stores.sessions.all("SELECT state FROM inbox WHERE state <> 'done'")).toEqual([]);
  });

  it('takes an update that the platform delivers again', async () => {
    await start();
    fill();
    const update = message('u1');
    const first = accept(update);
    first.catch(() => {});
    await rig.settle();
    await expect(first).rejects.toMatchObject({ code: 'storage_full' });
    empty();
    const second = accept(update);
    await rig.settle();
    await second;
    await rig.pass(100);
    expect(rig.texts().at(-1)).toBe('You said: u1');
  });

  it('never lets an answer out that could come twice without a mark', async () => {
    await start({ capabilities: { edit: false, typing: false } });
    await rig.say('[sleep 1000] one');
    await rig.pass(100);
    fill();
    await rig.pass(60_000);
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts().filter((text) => text === 'You said: one')).toHaveLength(0);
    expect(rig.texts()).toHaveLength(1);
    expect(rig.texts()[0]).toContain('I was restarted while working on this');
  });
});

describe('a disk that is full for a moment', () => {
  it('between a delivery and its receipt does not make a later start send it again', async () => {
    await start();
    rig.world.fault({ on: 'send', happens: true, ms: 500 });
    await rig.say('one');
    await rig.pass(100);
    rig.disk.before = ({ kind }) => {
      if (kind === 'write' || kind === 'open') throw systemError('ENOSPC');
    };
    await rig.pass(5000);
    rig.disk.before = () => {};
    await rig.pass(30_000);
    expect(rig.stores.sessions.all('SELECT state FROM outbox')).toEqual([{ state: 'delivered' }]);
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['You said: one']);
  });
});
