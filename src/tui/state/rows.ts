/** The rows of a list that pass its filter, remembered until the list or the filter changes. */
import type { ListDefinition, ListId, RowOf, RowSource } from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';
import { type Filter, narrows, parseFilter } from './filter.ts';

interface Remembered<Row> {
  readonly all: readonly Row[];
  readonly filter: string;
  readonly rows: readonly Row[];
}

/** A choice of rows by facts, next to the filter; `name` tells choices apart. */
export interface Only<Row> {
  readonly name: string;
  readonly takes: (row: Row) => boolean;
}

interface Chosen {
  readonly from: readonly object[];
  readonly name: string;
  readonly rows: readonly object[];
}

/** About half of what one key may cost. */
const WARM_ROWS = 10_000;

type Memory = { [K in ListId]?: Remembered<RowOf[K]> };

export class FilteredRows {
  readonly #memory: Memory = {};
  readonly #haystacks = new WeakMap<object, string>();
  #chosen: Chosen = { from: [], name: '', rows: [] };
  #warmed: readonly object[] = [];
  readonly #filters = new Map<string, Filter>();
  #saved: Readonly<Record<string, string>> = {};

  /** With `only`, rows that it does not take are left out before the filter is asked. */
  rows<K extends ListId>(
    id: K,
    source: RowSource,
    filter: string,
    only?: Only<RowOf[K]>,
  ): readonly RowOf[K][] {
    const list: ListDefinition<RowOf[K]> = LISTS[id];
    const all = only === undefined ? list.rows(source) : this.#only(list.rows(source), only);
    if (filter === '') return all;
    const known: Remembered<RowOf[K]> | undefined = this.#memory[id];
    if (known !== undefined && known.all === all && known.filter === filter) return known.rows;
    const wanted = this.filter(id, filter);
    // Typing on narrows what was found: only those rows can still match.
    const among =
      known !== undefined && known.all === all && narrows(this.filter(id, known.filter), wanted)
        ? known.rows
        : all;
    const rows = among.filter((row) => wanted.matches(this.#haystack(list, row), row));
    const memory: { [P in K]?: Remembered<RowOf[P]> } = this.#memory;
    memory[id] = { all, filter, rows };
    return rows;
  }

  #only<Row extends object>(from: readonly Row[], { name, takes }: Only<Row>): readonly Row[] {
    if (this.#chosen.from === from && this.#chosen.name === name) return this.#chosen.rows as readonly Row[];
    const rows = from.filter(takes);
    this.#chosen = { from, name, rows };
    return rows;
  }

  /**
   * Someone begins to type a filter: makes the texts of the first rows, so that the first character of a filter over
   * very many rows does not have to make all of them. Once for each array of rows.
   */
  warm<K extends ListId>(id: K, source: RowSource): void {
    const list: ListDefinition<RowOf[K]> = LISTS[id];
    const all = list.rows(source);
    if (this.#warmed === all) return;
    this.#warmed = all;
    for (const row of all.slice(0, WARM_ROWS)) this.#haystack(list, row);
  }

  filter(list: ListId, text: string): Filter {
    const key = `${list} ${text}`;
    let filter = this.#filters.get(key);
    if (filter === undefined) {
      filter = parseFilter(text, { columns: LISTS[list].columns, saved: this.#saved });
      if (this.#filters.size > 50) this.#filters.clear();
      this.#filters.set(key, filter);
    }
    return filter;
  }

  /** Saved filters, by name: `@name` stands for one. */
  save(filters: Readonly<Record<string, string | undefined>>): void {
    const saved = Object.entries({ ...this.#saved, ...filters });
    this.#saved = Object.fromEntries(
      saved.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])),
    );
    this.#filters.clear();
  }

  get saved(): Readonly<Record<string, string>> {
    return this.#saved;
  }

  /** Rows are immutable objects: the text that a filter looks at, in lower case, is made once for each. */
  #haystack<Row extends object>(list: ListDefinition<Row>, row: Row): string {
    let text = this.#haystacks.get(row);
    if (text === undefined) {
      text = list.haystack(row).toLowerCase();
      this.#haystacks.set(row, text);
    }
    return text;
  }
}
