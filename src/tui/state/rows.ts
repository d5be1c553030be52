/** The rows of a list that pass its filter, remembered until the list or the filter changes. */
import type { ListDefinition, ListId, RowOf, RowSource } from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';

/** The filter of a list: words, a `/regex/`, or either with a leading `!` to invert it. */
interface Filter {
  /** Why the text is not a filter (yet), for instance a regex that is being typed. */
  readonly error?: string;
  /** The words, all of which must be there; absent for a pattern, an inverted filter and one that matches everything. */
  readonly words?: readonly string[];
  /** `haystack` is in lower case. */
  matches(haystack: string): boolean;
}

/** Whether everything that `next` matches is matched by `before`, too: it was typed on. */
function narrows(before: Filter, next: Filter): boolean {
  const { words } = next;
  if (before.words === undefined || words === undefined) return false;
  return before.words.every((word) => words.some((longer) => longer.includes(word)));
}

/** A pattern that could run for seconds on one line is cut short by looking at the first part of the line only. */
const HAYSTACK_LIMIT = 1_000;
const PATTERN_LIMIT = 200;

/** Text matches without case, all words in any order; an empty text matches everything. */
export function parseFilter(text: string): Filter {
  const inverted = text.startsWith('!');
  const body = (inverted ? text.slice(1) : text).trim();
  if (body === '') return { matches: () => true };
  const wanted = (found: boolean): boolean => found !== inverted;
  const regex = /^\/(.+)\/$/u.exec(body);
  if (regex !== null) {
    try {
      const pattern = new RegExp((regex[1] ?? '').slice(0, PATTERN_LIMIT), 'iu');
      return { matches: (haystack) => wanted(pattern.test(haystack.slice(0, HAYSTACK_LIMIT))) };
    } catch (error) {
      // Half-typed patterns are normal: show everything and say why.
      return { error: error instanceof Error ? error.message : 'not a pattern', matches: () => true };
    }
  }
  const words = body.toLowerCase().split(/\s+/u);
  return {
    ...(inverted ? {} : { words }),
    matches: (haystack) => wanted(words.every((word) => haystack.includes(word))),
  };
}

interface Remembered<Row> {
  readonly all: readonly Row[];
  readonly filter: string;
  readonly rows: readonly Row[];
}

/** A choice of rows by facts, beside the filter; `name` tells choices apart. */
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
    const wanted = this.filter(filter);
    // Typing on narrows what was found: only those rows can still match.
    const among =
      known !== undefined && known.all === all && narrows(this.filter(known.filter), wanted)
        ? known.rows
        : all;
    const rows = among.filter((row) => wanted.matches(this.#haystack(list, row)));
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
   * Somebody begins to type a filter: makes the texts of the first rows, so that the first character of a filter over
   * very many rows does not have to make all of them. Once for each array of rows.
   */
  warm<K extends ListId>(id: K, source: RowSource): void {
    const list: ListDefinition<RowOf[K]> = LISTS[id];
    const all = list.rows(source);
    if (this.#warmed === all) return;
    this.#warmed = all;
    for (const row of all.slice(0, WARM_ROWS)) this.#haystack(list, row);
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
