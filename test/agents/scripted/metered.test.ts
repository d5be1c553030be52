import { expect, it } from 'vitest';
import { metered } from '../../../src/agents/scripted/script.ts';
import type { ReserveCall } from '../../../src/gateway/agent/agent.ts';

it('settles what it has reserved, whatever way the answer ends', async () => {
  const settled: unknown[] = [];
  const reserve: ReserveCall = async ({ outputTokens }) => ({
    id: 'r',
    outputTokens,
    cut: undefined,
    settle: (use) => settled.push(use),
  });
  const call = { inputTokens: 3, outputTokens: 4, turn: 't', signal: new AbortController().signal };
  expect(await metered(reserve, call, async () => true)).toBe(true);
  expect(await metered(reserve, call, async () => false)).toBe(false);
  await expect(metered(reserve, call, () => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
  expect(settled).toEqual([{ tokens: 7, costUsd: 0.000_011 }, 'cut', 'cut']);
});
