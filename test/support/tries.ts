import { dirname, relative, sep } from 'node:path';
import { expect } from 'vitest';

const tests = dirname(import.meta.dirname);

/**
 * How often a property or a random fault is tried: a fifth of `full`, or all of it where `TEST_FULL` says so: `all`, or the directories
 * of `test/` that changed, separated by commas (`npm run test:full`, `.ci/run`). `TEST_EFFORT=10` is for a long look.
 */
export function tries(full: number): number {
  const effort = Number(process.env['TEST_EFFORT'] ?? (isFull() ? 1 : 0.2));
  return Math.max(1, Math.ceil(full * effort));
}

function isFull(): boolean {
  const named = (process.env['TEST_FULL'] ?? '').split(',').filter((word) => word !== '');
  const file = relative(tests, expect.getState().testPath ?? tests).replaceAll(sep, '/');
  return named.some((word) => word === 'all' || file.startsWith(`${word}/`));
}
