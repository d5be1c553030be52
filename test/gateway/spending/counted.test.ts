import { expect, it } from 'vitest';
import { createScriptedAgent } from '../../../src/agents/scripted/scripted.ts';
import type { ModelUse, ReserveCall } from '../../../src/gateway/agent/agent.ts';
import { raw } from '../../../src/gateway/language/chat-text.ts';
import { counted } from '../../../src/gateway/spending/ledger.ts';

const signal = new AbortController().signal;

it('counts what the pi in a terminal has reported, and starts nothing once a limit is reached', async () => {
  const used: (ModelUse | 'cut' | 'unused')[] = [];
  let left = true;
  const reserve: ReserveCall = async ({ outputTokens }) =>
    left
      ? { id: 'r', outputTokens, cut: undefined, settle: (use) => used.push(use) }
      : { sentence: raw('Nothing is left.'), hint: 'Wait.' };
  const conversation = counted(createScriptedAgent().open({ id: 's', kind: 'chat', cwd: '/' }), reserve);
  expect(await conversation.run({ id: '1', text: 'hi' }, () => {}, signal)).toEqual({ status: 'answered' });
  expect(used).toEqual([{ tokens: 4, costUsd: 0 }]);
  left = false;
  expect(await conversation.run({ id: '2', text: 'hi' }, () => {}, signal)).toMatchObject({
    code: 'limit_reached',
    message: 'Nothing is left.',
  });
  expect(String(await conversation.control({ type: 'usage' }))).toContain('1 tokens in');
});
