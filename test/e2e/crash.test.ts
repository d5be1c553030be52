import { describe, expect, it } from 'vitest';
import { problemsOf } from '../../src/prove/prove.ts';
import { runChaos } from '../chaos/chaos.ts';
import { tries } from '../support/tries.ts';

describe('kill -9 at random moments', () => {
  it('loses nothing and doubles nothing without a mark', { timeout: 400_000 }, async () => {
    const kills = Math.max(10, tries(25));
    const result = await runChaos({ kills, clients: 6, aliveMs: [20, 400], freezeMs: 300, print: () => {} });
    expect(problemsOf(result)).toEqual([]);
    expect(result.chats.answered).toBeGreaterThan(kills);
  });
});
