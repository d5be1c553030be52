import { join } from 'node:path';
import { expect, it } from 'vitest';
import { effort, inFull } from './tries.ts';

it('tries a fifth, all where little changed, and a share of that where a day of work is merged', () => {
  expect(effort('', 'store/wal.test.ts')).toBe(0.2);
  expect(effort('all', 'store/wal.test.ts')).toBe(1);
  expect(effort('store,tui/draw', 'store/wal.test.ts')).toBe(1);
  expect(effort('store,tui/draw', 'tui/draw/cells.test.ts')).toBe(1);
  expect(effort('store,tui/draw', 'tui/state/undo.test.ts')).toBe(0.2);
  const day = Array.from({ length: 40 }, (_, n) => `part-${n}`).join();
  expect(effort(`${day},store`, 'store/wal.test.ts')).toBeLessThan(0.3);
});

it('tries every combination where the wing changed, and in full', () => {
  const of = (file: string, changed: string): boolean =>
    inFull(join(import.meta.dirname, '..', file), { TEST_FULL: changed });
  expect(of('agents/contract.test.ts', '')).toBe(false);
  expect(of('agents/contract.test.ts', 'agents/pi-sdk,tui/draw')).toBe(true);
  expect(of('agents/contract.test.ts', 'tui/draw')).toBe(false);
  expect(of('package.test.ts', 'e2e')).toBe(true);
  expect(of('package.test.ts', 'all')).toBe(true);
});
