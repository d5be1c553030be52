import { expect, it } from 'vitest';
import { fault, proveSpend, type SpendRun } from '../chaos/spend.ts';

/** A slice of `npm run prove:spend`. */
it('never lets a provider charge more than the limit: 64 chats, aborts, cut streams, kill -9', async () => {
  const run: SpendRun = { chats: 64, kills: 1, aborts: true, density: 0.5 };
  expect(fault(run, await proveSpend(run))).toBeUndefined();
}, 60_000);
