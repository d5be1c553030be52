/** The rows of a list that pass its filter, remembered until the list or the filter changes. */

import type { ListDefinition, ListId, RowOf, RowSource } from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';
import { type Filter, parseFilter } from './filter.ts';

interface Remembered<Row> {
  readonly all: readonly Row[];
  readonly filter: string;
  readonly rows: readonly Row[];
}

type Memory = { [K in ListId]?: Remembered<RowOf[K]> };

export class FilteredRows {
  readonly #memory: Memory = {};
  readonly #haystacks = new WeakMap<object, string>();
  readonly #filters = new Map<string, Filter>();

  rows<K extends ListId>(id: K, source: RowSource, filter: string): readonly RowOf[K][] {
    const list: ListDefinition<RowOf[K]> = LISTS[id];
    const all = list.rows(source);
    if (filter === '') return all;
    const known: Remembered<RowOf[K]> | undefined = this.#memory[id];
    if (known !== undefined && known.all === all && known.filter === filter) return known.rows;
    const { matches } = this.filter(filter);
    const rows = all.filter((row) => matches(this.#haystack(list, row)));
    const memory: { [P in K]?: Remembered<RowOf[P]> } = this.#memory;
    memory[id] = { all, filter, rows };
    return rows;
  }

  filter(text: string): Filter {
    let filter = this.#filters.get(text);
    if (filter === undefined) {
      filter = parseFilter(text);
      if (this.#filters.size > 50) this.#filters.clear();
      this.#filters.set(text, filter);
    }
    return filter;
  }

  /** Rows are immutable objects: the text that a filter looks at is made once for each. */
  #haystack<Row extends object>(list: ListDefinition<Row>, row: Row): string {
    let text = this.#haystacks.get(row);
    if (text === undefined) {
      text = list.haystack(row);
      this.#haystacks.set(row, text);
    }
    return text;
  }
}
