import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Part } from '../../src/gateway/adapter.ts';
import { Rig, type RigOptions } from './rig.ts';

let rig: Rig;

async function start(options: RigOptions = {}): Promise<void> {
  rig = await Rig.start(options);
}

afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const open = (): unknown[] => rig.stores.sessions.all("SELECT id FROM inbox WHERE state <> 'done'");

describe('an adapter that breaks its word', () => {
  it('by throwing over a text that it cannot format still gets the answer out, as plain text in parts', async () => {
    await start({ capabilities: { edit: false, typing: false } });
    vi.spyOn(rig.adapter, 'format').mockImplementation((): readonly Part[] => {
      throw new TypeError('cannot read properties of undefined');
    });
    await rig.say(`long ${'word '.repeat(80)}`);
    await rig.pass(1000);
    expect(rig.texts().length).toBeGreaterThan(1);
    expect(rig.texts().join('')).toContain(`You said: long ${'word '.repeat(79)}word`);
    for (const text of rig.texts()) expect(text.length).toBeLessThanOrEqual(200);
    expect(open()).toEqual([]);
  });

  it('by throwing over a draft ends in the answer all the same', async () => {
    await start({ chunkDelayMs: 300, capabilities: { typing: false } });
    const format = rig.adapter.format.bind(rig.adapter);
    vi.spyOn(rig.adapter, 'format').mockImplementation((text) => {
      if (text !== 'You said: one two three four') throw new TypeError('half a table');
      return format(text);
    });
    await rig.say('one two three four');
    await rig.pass(10_000);
    expect(rig.texts()).toEqual(['You said: one two three four']);
    expect(open()).toEqual([]);
  });

  it('by throwing when it is told of a turn, or to show typing, harms no turn', async () => {
    await start({ capabilities: { streamsEvents: true, edit: false } });
    vi.spyOn(rig.adapter, 'turnEvent').mockImplementation(() => {
      throw new Error('socket gone');
    });
    vi.spyOn(rig.adapter, 'typing').mockImplementation(() => {
      throw new Error('no');
    });
    await rig.say('[sleep 500] one', { promptId: 'p1' });
    await rig.say('/queue two', { promptId: 'p2' });
    await rig.pass(5000);
    expect(rig.texts()).toEqual(['You said: one', 'You said: two']);
    expect(open()).toEqual([]);
  });

  it('by throwing instead of rejecting a send is a delivery that may be a repeat', async () => {
    await start({ capabilities: { edit: false, typing: false } });
    vi.spyOn(rig.adapter, 'send').mockImplementationOnce(() => {
      throw new Error('not even a promise');
    });
    await rig.say('one');
    await rig.pass(5000);
    expect(rig.texts().at(-1)).toBe('You said: one');
    expect(rig.texts()).toHaveLength(2);
    expect(rig.gateway.outbox.pending).toBe(0);
  });
});
