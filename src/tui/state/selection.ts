/** Which row is selected, as pure functions of the rows and the cursor. */
import type { Movement } from '../actions/action.ts';
import type { Cursor } from './view.ts';

/** Index of the selected row; -1 in an empty list. A row that is gone leaves the selection at its place. */
export function cursorIndex<Row>(
  rows: readonly Row[],
  key: (row: Row) => string,
  cursor: Cursor | undefined,
): number {
  if (rows.length === 0) return -1;
  const index = Math.min(cursor?.index ?? 0, rows.length - 1);
  const wanted = cursor?.key;
  if (wanted === undefined) return Math.max(0, index);
  const there = rows[index];
  if (there !== undefined && key(there) === wanted) return index;
  const found = rows.findIndex((row) => key(row) === wanted);
  return found >= 0 ? found : Math.max(0, index);
}

/** Where a movement leads from `index` among `count` rows. */
export function moved(index: number, count: number, page: number, by: Movement): number {
  const last = Math.max(0, count - 1);
  const to = ((): number => {
    switch (by.kind) {
      case 'rows':
        return index + by.rows;
      case 'pages':
        return index + Math.trunc(by.pages * Math.max(1, page)) || index + Math.sign(by.pages);
      case 'first':
        return 0;
      case 'last':
        return last;
    }
  })();
  return Math.min(last, Math.max(0, to));
}
