import { expect, it } from 'vitest';
import { runTaskChaos } from '../chaos/tasks.ts';

it('a hundred tasks with failures, cancels and a kill -9 balance: each has its end, told once, and nothing is left running', async () => {
  const result = await runTaskChaos({ tasks: 100, kills: 1, chats: 4, longestMs: 1000, print: () => {} });
  expect(result.problems).toEqual([]);
  expect(result.programsLeft).toBe(0);
  expect(result.started).toBeGreaterThan(80);
  expect(result.ends['succeeded']).toBeGreaterThan(20);
}, 240_000);
