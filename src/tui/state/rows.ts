/**
 * The rows of a list: those that are asked for when it opens, those that pass its filter, in the order of a column.
 */

import type { Operator } from '../../gateway/operator/operator.ts';
import { sinceOf } from '../draw/times.ts';
import {
  type Cell,
  type Columns,
  cellsOf,
  type ListDefinition,
  type ListId,
  type LoadedRows,
  type RowOf,
  type RowSource,
} from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';
import { placed } from '../lists/sessions.ts';
import type { Slices } from './slices.ts';

interface Filter {
  /** Why the text is not a filter (yet), for example a regex that is being typed. */
  readonly error?: string;
  /** The words, all of which must be there; absent where more than words decides. */
  readonly words?: readonly string[];
  /** `haystack` is in lower case. */
  matches(haystack: string, row?: object): boolean;
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

type Part = (haystack: string, row: object) => boolean;

interface Known {
  readonly columns?: Columns<never> | undefined;
  readonly saved?: Readonly<Record<string, string>>;
}

/**
 * The filter of a list: words, `/regex/`, `field:value`, `~fuzzy`, `@saved`; a leading `!` inverts all of it. Words,
 * fields and fuzzy parts are combined: all of them must fit. Text matches without case, in any order; an empty text
 * matches everything.
 */
export function parseFilter(text: string, known: Known = {}): Filter {
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
  const words: string[] = [];
  const parts: Part[] = [];
  for (const word of body.split(/\s+/u)) {
    const made = partOf(word, known);
    if (typeof made === 'string') return { error: made, matches: () => true };
    if (made === undefined) words.push(word.toLowerCase());
    else parts.push(made);
  }
  const all: Part = (haystack, row) =>
    words.every((word) => haystack.includes(word)) && parts.every((part) => part(haystack, row));
  return {
    ...(inverted || parts.length > 0 ? {} : { words }),
    matches: (haystack, row = {}) => wanted(all(haystack, row)),
  };
}

/** What a word means besides itself: undefined is a plain word, a sentence says what is wrong with it. */
function partOf(word: string, { columns, saved = {} }: Known): Part | string | undefined {
  if (word.startsWith('~') && word.length > 1) {
    const letters = word.slice(1).toLowerCase();
    return (haystack) => inOrder(letters, haystack);
  }
  if (word.startsWith('@') && word.length > 1) {
    const name = word.slice(1);
    const text = Object.hasOwn(saved, name) ? saved[name] : undefined;
    if (text === undefined) {
      const names = Object.keys(saved).map((each) => `@${each}`);
      return names.length === 0 ? undefined : `no saved filter ${word}: ${names.join(' ')}`;
    }
    // A saved filter that names another one is not followed: it could name itself.
    const filter = parseFilter(text, { columns });
    return (haystack, row) => filter.matches(haystack, row);
  }
  const field = /^(\w+):(.+)$/u.exec(word);
  const name = field?.[1]?.toLowerCase() ?? '';
  if (field === null || columns === undefined || !Object.hasOwn(columns, name)) return undefined;
  const test = testOf(field[2] ?? '');
  return (_haystack, row) => cellsOf(columns, name, row).some(test);
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1_000, m: 1_000_000 };

/** `>10k`, `<=5` compare numbers; anything else is part of the text, whatever its case. */
function testOf(value: string): (cell: Cell) => boolean {
  const compared = /^(<=|>=|<|>|=)(\d+(?:\.\d+)?)([km]?)$/iu.exec(value);
  if (compared === null) {
    const wanted = value.toLowerCase();
    return (cell) =>
      String(cell ?? '')
        .toLowerCase()
        .includes(wanted);
  }
  const [, sign, digits, unit = ''] = compared;
  const than = Number(digits) * (UNITS[unit.toLowerCase()] ?? 1);
  return (cell) => {
    if (typeof cell !== 'number') return false;
    if (sign === '<') return cell < than;
    if (sign === '<=') return cell <= than;
    if (sign === '>') return cell > than;
    return sign === '>=' ? cell >= than : cell === than;
  };
}

/** The letters occur in this order, close enough to be meant: within one word and its neighbors. */
function inOrder(letters: string, haystack: string): boolean {
  const reach = letters.length * 4 + 8;
  for (
    let start = haystack.indexOf(letters[0] ?? '');
    start >= 0;
    start = haystack.indexOf(letters[0] ?? '', start + 1)
  ) {
    let at = start;
    let fits = true;
    for (const letter of letters.slice(1)) {
      at = haystack.indexOf(letter, at + 1);
      if (at < 0 || at - start > reach) {
        fits = false;
        break;
      }
    }
    if (fits) return true;
  }
  return false;
}

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

/** The rows of a list that pass its filter, remembered until the list or the filter changes. */
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

export interface Sort {
  readonly column: string;
  readonly reversed: boolean;
}

interface Sorted {
  readonly from: readonly object[];
  readonly sort: Sort;
  readonly rows: readonly object[];
}

/** Lists in the order of a column. Rows are sorted again only when they, the column or the direction change. */
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

export type LoadedList = keyof LoadedRows;

/** Hits of a search that are shown. */
const HITS = 300;
/** Lines of the log that are shown of a time. */
const PAST = 5_000;

export function isLoaded(list: string): list is LoadedList {
  return list === 'config' || list === 'queue' || list === 'hits' || list === 'past' || list === 'blocked';
}

/**
 * Rows of lists that are not part of the snapshot: they are asked for when the list opens. `subject`: the session of a
 * queue, the words of a search, the time from which the log is shown.
 */
export async function loadRows(
  operator: Operator,
  slices: Slices,
  list: LoadedList,
  subject: string,
): Promise<Partial<LoadedRows>> {
  switch (list) {
    case 'config':
      return { config: await operator.query('config', {}) };
    case 'queue':
      return { queue: await operator.query('queue', { sessionId: subject }) };
    case 'blocked':
      return { blocked: await operator.query('blocked', {}) };
    case 'past': {
      const lines = await operator.query('log', { since: sinceOf(subject, slices.now) ?? 0, limit: PAST });
      return { past: lines.map((line, seq) => ({ ...line, seq })) };
    }
    case 'hits':
      return { hits: placed(await operator.query('search', { words: subject, limit: HITS }), slices) };
  }
}
