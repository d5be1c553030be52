/** Lists in the order of a column. Rows are sorted again only when they, the column or the direction change. */
import { type Columns, cellsOf, type ListDefinition, type ListId, type RowOf } from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';

export interface Sort {
  readonly column: string;
  readonly reversed: boolean;
}

interface Sorted {
  readonly from: readonly object[];
  readonly sort: Sort;
  readonly rows: readonly object[];
}

export class SortedRows {
  readonly #memory = new Map<ListId, Sorted>();

  rows<K extends ListId>(list: K, from: readonly RowOf[K][], sort: Sort | undefined): readonly RowOf[K][] {
    const { columns }: ListDefinition<RowOf[K]> = LISTS[list];
    if (sort === undefined || columns === undefined) return from;
    const known = this.#memory.get(list);
    if (known?.from === from && known.sort === sort) return known.rows as readonly RowOf[K][];
    const rows = sorted(from, columns, sort);
    this.#memory.set(list, { from, sort, rows });
    return rows;
  }
}

/** Numbers come with the largest first, texts from A on; `reversed` turns it round. Equal rows keep their order. */
function sorted<Row extends object>(
  from: readonly Row[],
  columns: Columns<Row>,
  { column, reversed }: Sort,
): readonly Row[] {
  const keyed = from.map((row) => ({ row, cell: cellsOf(columns, column, row)[0] }));
  const turn = reversed ? -1 : 1;
  keyed.sort((a, b) => {
    // What is unknown stands last, whatever the direction.
    if (a.cell === undefined || b.cell === undefined)
      return Number(a.cell === undefined) - Number(b.cell === undefined);
    if (typeof a.cell === 'number' && typeof b.cell === 'number') return turn * (b.cell - a.cell);
    return turn * String(a.cell).localeCompare(String(b.cell));
  });
  return keyed.map(({ row }) => row);
}

/** The column after (1) or before (-1) the one that sorts; undefined is the usual order. */
export function otherColumn(list: ListId, sort: Sort | undefined, step: 1 | -1): Sort | undefined {
  const columns = [undefined, ...Object.keys(LISTS[list].columns ?? {})];
  const at = columns.indexOf(sort?.column);
  const column = columns[(at + step + columns.length) % columns.length];
  return column === undefined ? undefined : { column, reversed: false };
}
