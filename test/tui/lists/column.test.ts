import { expect, it } from 'vitest';
import type { Column, DrawContext } from '../../../src/tui/lists/list.ts';
import { cellsOf, drawnColumns } from '../../../src/tui/lists/list.ts';

it('one new column is sorted by, filtered by and drawn', () => {
  const mood: Column<{ readonly mood?: string }> = {
    of: (row) => row.mood,
    draw: (row, { width }) =>
      row.mood === undefined || width < 40 ? undefined : { text: row.mood, style: 'dim' },
  };
  const columns = { name: () => 'not drawn', mood, again: mood };
  const at = (width: number): DrawContext => ({ width }) as DrawContext;
  expect(cellsOf(columns, 'mood', { mood: 'calm' })).toEqual(['calm']);
  const drawn = (row: { readonly mood?: string }, width: number): string =>
    drawnColumns(columns, row, at(width))
      .map(({ text }) => text)
      .join('');
  expect(drawn({ mood: 'calm' }, 80)).toBe('calm  calm');
  expect(drawn({ mood: 'calm' }, 30)).toBe('');
  expect(drawn({}, 80)).toBe('');
});
