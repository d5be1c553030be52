import { dirname, relative, sep } from 'node:path';
import { expect } from 'vitest';

const tests = dirname(import.meta.dirname);

/** What a run of the tests tries at least. */
const LOOP = 0.2;
/** So many directories are tried in full; where more changed, as in the merge of a day, they share what these would cost. */
const IN_FULL = 4;

/**
 * How often a property or a random fault is tried: a fifth of `full`, or more where `TEST_FULL` says so: `all`, or the
 * directories of `test/` that changed, separated by commas (`npm run test:full`, `.ci/run`). `TEST_EFFORT=10` is for a long look.
 */
export function tries(full: number): number {
  const { TEST_EFFORT, TEST_FULL = '' } = process.env;
  const file = relative(tests, expect.getState().testPath ?? tests).replaceAll(sep, '/');
  return Math.max(
    1,
    Math.ceil(full * (TEST_EFFORT === undefined ? effort(TEST_FULL, file) : Number(TEST_EFFORT))),
  );
}

/**
 * Whether a file tries every combination (of pi's versions with both ways to run it): where its part of the tests changed
 * and in `npm run test:full`. The loop leaves out those whose steps others of the same file take.
 */
export function inFull(
  path: string,
  { TEST_EFFORT, TEST_FULL = '' }: NodeJS.ProcessEnv = process.env,
): boolean {
  if (TEST_EFFORT !== undefined) return Number(TEST_EFFORT) >= 1;
  const wing = (of: string): string => of.split('/')[0] ?? '';
  const file = relative(tests, path).replaceAll(sep, '/');
  // What lies beside the wings is about the whole program.
  const own = file.includes('/') ? wing(file) : 'e2e';
  return TEST_FULL.split(',').some((part) => part === 'all' || wing(part) === own);
}

export function effort(changed: string, file: string): number {
  if (changed === 'all') return 1;
  const parts = changed.split(',').filter((part) => part !== '');
  if (!parts.some((part) => file.startsWith(`${part}/`))) return LOOP;
  return LOOP + (1 - LOOP) * Math.min(1, IN_FULL / parts.length);
}
