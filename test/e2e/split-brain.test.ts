import { describe, expect, it } from 'vitest';
import { canMakeNamespaces, splitBrain } from '../chaos/split-brain.ts';

describe.skipIf(!canMakeNamespaces())(
  'two gateways on one directory (needs the right to make a PID namespace)',
  () => {
    it('lose no acknowledged change when the first was suspended, and the first ends with 75', {
      timeout: 120_000,
    }, async () => {
      const result = await splitBrain({ rounds: 1, pausedMs: 0 });
      expect(result).toMatchObject({ lost: [], exitCodes: [75], socketStays: true });
      expect(result.acknowledged).toBeGreaterThan(2);
    });
  },
);
