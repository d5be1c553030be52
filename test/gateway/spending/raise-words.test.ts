import { describe, expect, it } from 'vitest';
import type { Actor } from '../../../src/gateway/access/audit.ts';
import { LIMITS } from '../../../src/gateway/operator/operations/agents.ts';

const [raise] = LIMITS;
const read = (typed: Record<string, string>): unknown =>
  raise.words?.[0]?.read?.(typed, { pairing: [], dialogs: [] } as never, []);

describe('what an operator types to raise a spending limit', () => {
  it.each([
    [
      { scope: 'all', per: 'month' },
      { scope: 'all', per: 'month' },
    ],
    [
      { scope: 'all', per: 'month', subject: '5usd' },
      { scope: 'all', per: 'month', usd: 5 },
    ],
    [
      { scope: 'all', per: 'month', subject: '$2.50' },
      { scope: 'all', per: 'month', usd: 2.5 },
    ],
    [
      { scope: 'task', per: 'day', subject: '100,000' },
      { scope: 'task', per: 'day', tokens: 100_000 },
    ],
    [
      { scope: 'person', per: 'day', subject: 'telegram:7', amount: '20000tokens' },
      { scope: 'person', per: 'day', subject: 'telegram:7', tokens: 20_000 },
    ],
    [
      { scope: 'person', per: 'day', subject: 'telegram:7' },
      { scope: 'person', per: 'day', subject: 'telegram:7' },
    ],
  ])('%j', (typed, params) => {
    expect(read(typed)).toEqual(params);
  });

  it.each(['abc', '5x', '-3', '$-3', '0', '$0', '1.5', '$5tokens', '5 000'])(
    'refuses the amount "%s", with a limit that has a subject and with one that has none',
    (amount) => {
      const refusal = `"${amount}" is not an amount`;
      expect(() => read({ scope: 'person', per: 'day', subject: 'telegram:7', amount })).toThrow(refusal);
      expect(() => read({ scope: 'all', per: 'month', subject: amount })).toThrow(refusal);
    },
  );

  it('refuses a subject of a limit on everything, whatever way it comes', async () => {
    const core = { gateway: { spending: { raise: () => Promise.reject(new Error('raised')) } } };
    const params = { scope: 'all', per: 'month', subject: 'abc' } as const;
    const actor: Actor = { name: 'operator', surface: 'http' };
    await expect(raise.run(core as never, params, actor)).rejects.toThrow('a limit on "all" has no subject');
  });
});
