import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import type { Agent, Conversation, TurnEnd } from '../../../src/gateway/agent/agent.ts';
import { Rig } from '../rig.ts';

/** It has taken a second message, and dies before it can say so; the rest of the turn dies as well, once. */
class DyingAgent implements Agent {
  readonly backend = 'dying';
  readonly calls: string[] = [];
  file = '';
  lives = 0;

  check = async () => ({ ok: true, detail: '' });
  stop = async (): Promise<void> => {};

  open = (): Conversation => ({
    run: (input, listener) => {
      this.calls.push(`run ${input.text.split('\n').at(-1)}`);
      listener({ type: 'session', sessionFile: this.file });
      listener({ type: 'started' });
      writeFileSync(this.file, 'first and second\n');
      return new Promise<TurnEnd>(() => {});
    },
    steer: async () => true,
    cut: async (_file, since) => {
      const messages = [
        { text: 'first', said: 'To the first.' },
        { text: 'second', said: '' },
      ];
      return { messages: since === 0 ? messages : [], answered: false, calls: [], saidWithCalls: '' };
    },
    resume: ({ since }, listener) => {
      this.calls.push(`resume from ${since}`);
      this.lives += 1;
      if (this.lives === 1) return new Promise<TurnEnd>(() => {});
      listener({ type: 'started' });
      listener({ type: 'text_delta', delta: 'To the second.' });
      return Promise.resolve({ status: 'answered' });
    },
    control: () => Promise.reject(new Error('nothing to control')),
    close: async () => {},
  });
}

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig?.remove();
  vi.useRealTimers();
});

it('continues where the turn began when its later message is cut off again', async () => {
  const agent = new DyingAgent();
  rig = await Rig.start({ agent, capabilities: { edit: false, typing: false, buttons: false } });
  agent.file = join(rig.folder, 'session.jsonl');
  await rig.say('first');
  await rig.pass(50);
  await rig.say('/steer second');
  await rig.pass(50);
  rig = await rig.crash();
  await rig.pass(50);
  rig = await rig.crash();
  await rig.pass(1000);
  expect(agent.calls).toEqual(['run first', 'resume from 0', 'resume from 0']);
  expect(rig.texts()).toEqual(['To the first.', 'To the second.']);
});
