import { expect, it } from 'vitest';
import { effort } from './tries.ts';

it('tries a fifth, all where little changed, and a share of that where a day of work is merged', () => {
  expect(effort('', 'store/wal.test.ts')).toBe(0.2);
  expect(effort('all', 'store/wal.test.ts')).toBe(1);
  expect(effort('store,tui/draw', 'store/wal.test.ts')).toBe(1);
  expect(effort('store,tui/draw', 'tui/draw/cells.test.ts')).toBe(1);
  expect(effort('store,tui/draw', 'tui/state/undo.test.ts')).toBe(0.2);
  const day = Array.from({ length: 40 }, (_, n) => `part-${n}`).join();
  expect(effort(`${day},store`, 'store/wal.test.ts')).toBeLessThan(0.3);
});
