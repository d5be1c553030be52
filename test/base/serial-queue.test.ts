import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SerialQueue } from '../../src/base/async.ts';
import { tries } from '../support/tries.ts';

it('runs work one after another in the order it was asked for, past every failure, until it is idle', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ steps: fc.nat(3), fails: fc.boolean() }), { maxLength: 12 }),
      async (pieces) => {
        const queue = new SerialQueue();
        const seen: string[] = [];
        const results = pieces.map(({ steps, fails }, n) =>
          queue.run(async () => {
            seen.push(`begin ${n}`);
            for (let step = 0; step < steps; step += 1) await Promise.resolve();
            seen.push(`end ${n}`);
            if (fails) throw new Error(`piece ${n}`);
            return n;
          }),
        );
        const settled = Promise.allSettled(results);
        await queue.idle();
        expect(seen).toEqual(pieces.flatMap((_, n) => [`begin ${n}`, `end ${n}`]));
        expect(await settled).toEqual(
          pieces.map(({ fails }, n) =>
            fails
              ? { status: 'rejected', reason: new Error(`piece ${n}`) }
              : { status: 'fulfilled', value: n },
          ),
        );
      },
    ),
    { numRuns: tries(200) },
  );
});

it('is idle at once when nothing was asked for, and waits for what was asked for while it worked', async () => {
  const queue = new SerialQueue();
  await queue.idle();
  let inner: Promise<string> | undefined;
  await queue.run(async () => {
    inner = queue.run(async () => 'behind');
  });
  await queue.idle();
  expect(await inner).toBe('behind');
});
