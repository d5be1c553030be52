import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Agent, AgentWord } from '../../../src/gateway/agent/agent.ts';
import { recordingAgent } from '../recording-agent.ts';
import { Rig, type RigOptions } from '../rig.ts';

const WORDS: readonly AgentWord[] = [
  { name: 'Fix-Tests', description: 'Fix failing tests' },
  { name: 'gateway', description: 'The operator’s' },
];
let rig: Rig;
let asked: number;

/** Knows one word; tells it only when `release` is called, if told so. */
async function start(tell: () => Promise<void> = async () => {}, options: RigOptions = {}): Promise<void> {
  asked = 0;
  const agent: Agent = {
    ...recordingAgent(),
    words: async () => {
      asked += 1;
      await tell();
      return WORDS;
    },
  };
  rig = await Rig.start({ agent, capabilities: { edit: false, typing: false }, ...options });
}

afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

describe('a word that is not ours', () => {
  it('reaches the agent as the agent spells it, also when it begins the session', async () => {
    await start();
    await rig.say('/fix-tests in src');
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['You said: /Fix-Tests in src']);
    await rig.say('/FIX-TESTS');
    await rig.pass(1000);
    expect(rig.texts()[1]).toBe('You said: /Fix-Tests');
    expect(asked).toBe(1);
  });

  it('gets the hint when the agent does not know it either, and is asked for again only after a while', async () => {
    await start();
    for (let i = 0; i < 3; i += 1) await rig.say('/frobnicate');
    await rig.pass(1000);
    expect(rig.texts()).toEqual(
      Array(3).fill('Unknown command /frobnicate. Send /help for the list of commands.'),
    );
    expect(asked).toBe(1);
    await rig.pass(60_000);
    await rig.say('/frobnicate');
    await rig.pass(1000);
    expect(asked).toBe(2);
  });

  it('holds up no other command while the agent is asked', async () => {
    const told = Promise.withResolvers<void>();
    await start(() => told.promise);
    await rig.say('/fix-tests');
    await rig.say('/whoami');
    await rig.pass(100);
    expect(rig.texts()).toEqual(['ada\nplatform: telegram\nid: ada']);
    told.resolve();
    await rig.pass(1000);
    expect(rig.texts()[1]).toBe('You said: /Fix-Tests');
  });

  it('is never the operator’s own, even where the agent knows it', async () => {
    await start();
    await rig.say('/gateway pair ABCD-EFGH');
    await rig.pass(1000);
    expect(rig.texts()[0]).toContain('Unknown command /gateway');
  });

  it('gets the hint when the agent cannot be asked', async () => {
    await start(() => Promise.reject(new Error('no pi')));
    await rig.say('/fix-tests');
    await rig.pass(1000);
    expect(rig.texts()[0]).toContain('Unknown command /fix-tests');
  });

  it('is passed on with a slash where people write a bang', async () => {
    await start(undefined, { capabilities: { edit: false, typing: false, bangCommands: true } });
    await rig.say('!fix-tests now');
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['You said: /Fix-Tests now']);
  });
});
