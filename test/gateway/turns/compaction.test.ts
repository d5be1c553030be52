import { afterEach, describe, expect, it, vi } from 'vitest';
import { createScriptedAgent } from '../../../src/agents/scripted/scripted.ts';
import type { Agent } from '../../../src/gateway/agent/agent.ts';
import { raw } from '../../../src/gateway/language/chat-text.ts';
import { Rig } from '../rig.ts';

let rig: Rig;
/** Milliseconds that a compaction takes; Infinity: until it is ended. */
let takesMs = 5000;
let ended: unknown[] = [];

function compactingAgent(): Agent {
  const agent = createScriptedAgent({});
  return {
    ...agent,
    backend: agent.backend,
    check: (signal) => agent.check(signal),
    stop: () => agent.stop(),
    open(spec) {
      const conversation = agent.open(spec);
      return {
        run: (input, listener, signal) => conversation.run(input, listener, signal),
        steer: (input) => conversation.steer(input),
        close: () => conversation.close(),
        control: (command, signal) =>
          command.type !== 'compact'
            ? conversation.control(command)
            : new Promise((resolve, reject) => {
                const timer = Number.isFinite(takesMs)
                  ? setTimeout(() => resolve(raw('Compacted.')), takesMs)
                  : undefined;
                signal?.addEventListener('abort', () => {
                  clearTimeout(timer);
                  ended.push(signal.reason);
                  reject(new Error('Compaction cancelled'));
                });
              }),
      };
    },
  };
}

async function start(): Promise<void> {
  ended = [];
  rig = await Rig.start({ agent: compactingAgent(), capabilities: { edit: false, typing: false } });
  await rig.say('hello');
  await rig.pass(100);
}
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

describe('while the conversation is compacted', () => {
  it('messages wait their turn, and none is lost or steered into it', async () => {
    takesMs = 120_000;
    await start();
    await rig.say('/compact');
    await rig.say('one');
    await rig.say('two');
    await rig.pass(60_000);
    expect(rig.texts()).toEqual(['You said: hello']);
    expect(rig.gateway.conversations.views()[0]).toMatchObject({ state: 'running', waiting: 2 });
    await rig.pass(70_000);
    expect(rig.texts()).toEqual(['You said: hello', 'Compacted.', 'You said: one', 'You said: two']);
  });

  it('/status says so, and what needs an idle agent has to wait', async () => {
    takesMs = 5000;
    await start();
    await rig.say('/compact');
    await rig.say('/status');
    await rig.say('/compact');
    await rig.pass(100);
    expect(rig.texts()[1]).toContain('State: compacting');
    expect(rig.texts()[2]).toBe('/compact has to wait until I am done. /stop ends the running turn.');
  });

  it('/stop ends it with one sentence, drops what its sender has waiting, and the next message is answered', async () => {
    takesMs = Number.POSITIVE_INFINITY;
    await start();
    await rig.say('/compact');
    await rig.say('one');
    await rig.say('/stop');
    await rig.pass(1000);
    expect(ended).toEqual(['told']);
    expect(rig.texts().slice(1)).toEqual(['Stopped. Dropped 1 queued message.']);
    await rig.say('next');
    await rig.pass(1000);
    expect(rig.texts().at(-1)).toBe('You said: next');
  });

  it('a /stop of somebody else in the same session ends nothing', async () => {
    takesMs = 5000;
    await start();
    await rig.say('/compact');
    await rig.say('/stop', { from: 'bob' });
    await rig.pass(6000);
    expect(ended).toEqual([]);
    expect(rig.texts()).toContain('Compacted.');
  });

  it('a stop of the gateway does not wait for it', async () => {
    takesMs = Number.POSITIVE_INFINITY;
    await start();
    await rig.say('/compact');
    await rig.say('one');
    rig = await rig.restart(1000);
    await rig.pass(1000);
    expect(ended).toEqual(['shutdown']);
    expect(rig.texts()).toContain('You said: one');
  });

  it('what waits survives a crash', async () => {
    takesMs = Number.POSITIVE_INFINITY;
    await start();
    await rig.say('/compact');
    await rig.say('one');
    rig = await rig.crash();
    await rig.pass(1000);
    expect(rig.texts()).toContain('You said: one');
  });
});
