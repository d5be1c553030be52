import { afterEach, expect, it, vi } from 'vitest';
import type { AgentCheck } from '../../src/gateway/agent/agent.ts';
import { recordingAgent } from './recording-agent.ts';
import { Rig } from './rig.ts';

let rig: Rig;

afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const BAD: AgentCheck = { ok: false, detail: 'pi does not answer', hint: 'Look at agent.command.' };

it('an answer proves that the agent works, also when the check fails behind it', async () => {
  let result: (check: AgentCheck) => void = () => {};
  const checked = new Promise<AgentCheck>((resolve) => {
    result = resolve;
  });
  rig = await Rig.start({ agent: { ...recordingAgent(), check: () => checked } });
  const checking = rig.gateway.checkAgent(AbortSignal.timeout(60_000));
  await rig.say('hello');
  await rig.settle();
  result(BAD);
  await checking;
  expect(rig.gateway.view().agent).toMatchObject({ ok: true });
});

it('an answer heals a status that a check has spoiled', async () => {
  rig = await Rig.start({ agent: { ...recordingAgent(), check: () => Promise.resolve(BAD) } });
  await rig.gateway.checkAgent(AbortSignal.timeout(60_000));
  expect(rig.gateway.view().agent).toMatchObject({ ok: false });
  await rig.say('hello');
  await rig.settle();
  expect(rig.gateway.view().agent).toMatchObject({ ok: true });
});
