import { afterEach, describe, expect, it, vi } from 'vitest';
import { createScriptedAgent } from '../../../src/agents/scripted/scripted.ts';
import * as print from '../../../src/cli/print.ts';
import type { Agent } from '../../../src/gateway/agent/agent.ts';
import { Rig } from '../rig.ts';

let rig: Rig;
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

/** Waits for `startMs` in a queue of the host "cluster" before it answers. */
function queuedAgent(startMs: number): Agent {
  const agent = createScriptedAgent({});
  return {
    backend: agent.backend,
    check: (signal) => agent.check(signal),
    stop: () => agent.stop(),
    open(spec) {
      const conversation = agent.open(spec);
      return {
        steer: (input) => conversation.steer(input),
        close: () => conversation.close(),
        control: (command) => conversation.control(command),
        async run(input, listener, signal) {
          listener({ type: 'starting', on: true });
          const stopped = Promise.withResolvers<void>();
          const timer = setTimeout(stopped.resolve, startMs);
          const alive = setInterval(() => listener({ type: 'alive' }), 60_000);
          signal.addEventListener('abort', () => stopped.resolve());
          await stopped.promise;
          clearTimeout(timer);
          clearInterval(alive);
          listener({ type: 'starting', on: false });
          if (signal.aborted) return { status: 'aborted' };
          listener({ type: 'session', sessionFile: '/there/s.jsonl', host: 'cluster' });
          return conversation.run(input, listener, signal);
        },
      };
    },
  };
}

const start = async (startMs: number): Promise<void> => {
  rig = await Rig.start({ agent: queuedAgent(startMs), capabilities: { typing: false } });
  await rig.say('hello');
  await rig.pass(1000);
};
const view = () => rig.gateway.conversations.views()[0];

describe('while the agent of a session starts', () => {
  it('the session says so in chat, console and list, longer than a turn may last', async () => {
    await start(3 * 3_600_000);
    await rig.pass(2 * 3_600_000);
    expect(view()).toMatchObject({ state: 'running', doing: 'starting' });
    expect(print.sessions(rig.gateway.conversations.views())).toMatch(/ starting /);
    expect(rig.texts()).toEqual(['⚙ The agent is starting. Send /stop to cancel.']);
    await rig.say('/status');
    await rig.pass(1000);
    expect(rig.texts().at(-1)).toContain('State: starting');
    await rig.pass(3_600_000);
    expect(rig.texts()).toContain('You said: hello');
    expect(view()?.doing).toBeUndefined();
  });

  it('/stop ends the wait, and the next message begins anew', async () => {
    await start(600_000);
    await rig.say('/stop');
    await rig.pass(1000);
    expect(rig.texts().at(-1)).toMatch(/^Stopped/);
    expect(view()).toMatchObject({ state: 'idle' });
  });

  it('the session shows its host once it has one', async () => {
    await start(2000);
    await rig.pass(5000);
    expect(view()).toMatchObject({ host: 'cluster' });
    expect(print.sessions(rig.gateway.conversations.views())).toMatch(/HOST[\s\S]*cluster/);
  });
});
