import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runChild } from '../child.ts';

const FIXTURE = join(import.meta.dirname, 'crash-fixture.ts');
const names = (await runChild(FIXTURE, '')).output.trim().split('\n');

describe('a process with the Slack adapter and no global handler', () => {
  it('knows its scenarios', () => {
    expect(names.length).toBeGreaterThanOrEqual(9);
  });

  it.each(names)(
    'survives and ends by itself: %s',
    { timeout: 90_000, concurrent: true },
    async (scenario) => {
      const { code, output } = await runChild(FIXTURE, scenario);
      expect(output).toContain('survived');
      expect(code).toBe(0);
    },
  );
});
