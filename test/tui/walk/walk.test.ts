import { describe, expect, it } from 'vitest';
import { walk } from './walk.ts';

describe('random keys in every mode, with rows that come and go', () => {
  it.each([1, 2])(
    'decide nothing that was not on the screen (seed %i)',
    { timeout: 60_000 },
    async (seed) => {
      const { commands, faults } = await walk(1_500, seed);
      expect(faults).toEqual([]);
      // A walk that decides nothing shows nothing.
      expect(Object.values(commands).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(20);
    },
  );
});
