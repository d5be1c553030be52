import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Config } from '../../../src/gateway/config/schema.ts';
import { recordingAgent } from '../recording-agent.ts';
import { Rig } from '../rig.ts';

let rig: Rig;

afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const CAPABILITIES = { edit: false, typing: false, attachmentsOut: false };
const config = (cwd: string): Config => ({
  security: { allowAll: true },
  platforms: { telegram: { chats: { c1: { agent: { cwd, tools: ['read'], systemPrompt: 'Be short.' } } } } },
});

describe('the settings of a chat', () => {
  it('open its sessions and its tasks', async () => {
    const agent = recordingAgent();
    rig = await Rig.start({ agent, capabilities: CAPABILITIES, config: config('/tmp') });
    await rig.say('hello');
    await rig.pass(1000);
    await rig.say('/bg look around');
    await rig.pass(1000);
    expect(agent.specs).toMatchObject([
      { kind: 'chat', cwd: '/tmp', tools: ['read'], systemPrompt: expect.stringMatching(/\n\nBe short\.$/) },
      { kind: 'task', cwd: '/tmp', tools: ['read'], systemPrompt: 'Be short.' },
    ]);
  });

  it('move later sessions to another folder, not the one that runs', async () => {
    const [first, second] = [recordingAgent(), recordingAgent()];
    rig = await Rig.start({ agent: first, capabilities: CAPABILITIES, config: config('/tmp') });
    await rig.say('hello');
    await rig.pass(1000);
    rig = await rig.restart(1000, 0, { agent: second, config: config('/') });
    await rig.say('again');
    await rig.pass(1000);
    await rig.say('/new');
    await rig.say('anew');
    await rig.pass(1000);
    expect(second.specs.map(({ cwd }) => cwd)).toEqual(['/tmp', '/']);
  });
});
