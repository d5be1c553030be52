/** The lists as the operator sees them: rows that pass the filter, the selection, the part that is shown. */
import type { LogLevel } from '../../gateway/operator/operator.ts';
import type { Movement } from '../actions/action.ts';
import type { ListDefinition, ListId, LoadedRows, RowOf } from '../lists/list.ts';
import { keyOf, LISTS } from '../lists/lists.ts';
import type { PaneBox } from '../screen/layout.ts';
import type { Cursor } from './decisions.ts';
import { FilteredRows, type Only, type Sort, SortedRows } from './rows.ts';
import type { Starts } from './scroll.ts';
import { Viewports } from './scroll.ts';
import type { Slices } from './slices.ts';
import { filterOf, type Mode, type PageId, topMode, type ViewState } from './view.ts';

/** What the last frame showed. An act is taken only on what could be read at that moment. */
class Drawn {
  readonly #rows = new Map<ListId, Set<string>>();
  /** Tool calls whose text was on the screen to its end. */
  readonly #read = new Set<string>();
  #page: string | undefined;
  #top: Mode | undefined;
  #begun = false;

  /** False where nothing is drawn: the linear mode speaks what it offers. */
  get begun(): boolean {
    return this.#begun;
  }

  /** A frame begins; what the one before showed counts no more. */
  begin(): void {
    this.#begun = true;
    this.#rows.clear();
    this.#page = undefined;
    this.#top = undefined;
  }

  /** A row was drawn with all its lines. */
  row(list: ListId, key: string): void {
    const keys = this.#rows.get(list) ?? new Set<string>();
    this.#rows.set(list, keys.add(key));
  }

  page(subject: string): void {
    this.#page = subject;
  }

  top(mode: Mode): void {
    this.#top = mode;
  }

  /** A call was drawn to its end; `hash` tells one from another. */
  read(hash: string): void {
    this.#read.add(hash);
  }

  hasRow(list: ListId, key: string): boolean {
    return !this.#begun || this.#rows.get(list)?.has(key) === true;
  }

  hasPage(subject: string): boolean {
    return !this.#begun || this.#page === subject;
  }

  hasTop(mode: Mode): boolean {
    if (!this.#begun) return true;
    const top = this.#top;
    // Keys that arrive together change a field before it is drawn again: it is the same prompt.
    if (mode.kind === 'text') return top?.kind === 'text' && top.submit === mode.submit;
    if (mode.kind === 'compose') return top?.kind === 'compose' && top.session === mode.session;
    if (mode.kind === 'dialog') return top?.kind === 'dialog' && top.confirmed === mode.confirmed;
    return top?.kind === mode.kind;
  }

  hasRead(hash: string): boolean {
    return !this.#begun || this.#read.has(hash);
  }
}

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

/** From the least to the most important. */
export const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

const BY_PLATFORM: Sort = { column: 'platform', reversed: false };

/** Longest wait for a row that was asked back. */
const AWAITED_MS = 5_000;

/** Time to notice that another row came under the cursor. */
const SETTLE_MS = 300;

/** The list whose row a page shows. */
const PAGE_LIST: Partial<Record<PageId, ListId>> = {
  adapter: 'adapters',
  session: 'sessions',
  task: 'tasks',
  refusal: 'refusals',
  request: 'pairing',
  question: 'questions',
  line: 'log',
};

/** What the lists stand on; the controller. */
export interface Desk {
  readonly view: ViewState;
  readonly slices: Slices;
  update(change: (view: ViewState) => ViewState): void;
  now(): number;
}

export class ListState {
  readonly viewports = new Viewports();
  readonly drawn = new Drawn();
  /** Lines of the open page in which the last frame found what is searched. */
  found: readonly number[] = [];
  /** Where the panes stood in the last frame. */
  boxes: readonly PaneBox[] = [];
  /** Where the entries of the open transcript began in the last frame. */
  starts: Starts = [];
  /** Answers of queries that belong to an open view. */
  loaded: LoadedRows = { config: [], queue: [], hits: [], past: [], blocked: [] };
  readonly #desk: Desk;
  readonly #filtered = new FilteredRows();
  readonly #sorts = new SortedRows();
  readonly #groups = new SortedRows();
  #sorted: { readonly from: readonly object[]; readonly rows: readonly object[] } = { from: [], rows: [] };
  readonly #movedAt = new Map<ListId, number>();
  /** Cursors that go back to their rows as soon as those are there again. */
  readonly #awaited = new Map<ListId, { readonly key: string; readonly until: number }>();

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** Rows that pass the list's filter. */
  hidden(list: ListId): number {
    const { rows } = LISTS[list];
    return rows({ slices: this.#desk.slices, loaded: this.loaded }).length - this.rows(list).length;
  }

  rows<K extends ListId>(list: K): readonly RowOf[K][] {
    const source = { slices: this.#desk.slices, loaded: this.loaded };
    const filter = filterOf(this.#desk.view, list);
    const mode = topMode(this.#desk.view);
    if (filter === '' && mode?.kind === 'filter' && mode.list === list) this.#filtered.warm(list, source);
    const rows = this.#filtered.rows(list, source, filter, this.#only(list));
    const { sorts, grouped, failuresFirst } = this.#desk.view;
    const sort = sorts[list];
    const sorted =
      sort !== undefined
        ? this.#sorts.rows(list, rows, sort)
        : list === 'sessions' && failuresFirst
          ? this.#failuresFirst(rows)
          : rows;
    return grouped.has(list) ? this.#groups.rows(list, sorted, BY_PLATFORM) : sorted;
  }

  #failuresFirst<Row extends object>(rows: readonly Row[]): readonly Row[] {
    if (this.#sorted.from === rows) return this.#sorted.rows as readonly Row[];
    const failed = (row: Row): boolean => 'lastFailure' in row && row.lastFailure !== undefined;
    const sorted = [...rows.filter(failed), ...rows.filter((row) => !failed(row))];
    this.#sorted = { from: rows, rows: sorted };
    return sorted;
  }

  /** The log shows some levels or one source alone. */
  #only<K extends ListId>(list: K): Only<RowOf[K]> | undefined {
    const { logLevel, logSource } = this.#desk.view;
    if (list !== 'log' || (logLevel === undefined && logSource === undefined)) return undefined;
    const least = LEVELS.indexOf(logLevel ?? 'debug');
    return {
      name: `${logLevel ?? ''} ${logSource ?? ''}`,
      takes: (row) =>
        'level' in row &&
        LEVELS.indexOf(row.level) >= least &&
        (logSource === undefined || row.source === logSource),
    };
  }

  saveFilters(filters: Readonly<Record<string, string | undefined>>): void {
    this.#filtered.save(filters);
  }

  get savedFilters(): Readonly<Record<string, string>> {
    return this.#filtered.saved;
  }

  /** Marked rows that pass the filter: what it hides is not acted on. */
  marked<K extends ListId>(list: K): readonly RowOf[K][] {
    const marks = this.#desk.view.marks[list];
    if (marks === undefined || marks.size === 0) return [];
    return this.rows(list).filter((row) => marks.has(keyOf(list, row)));
  }

  /** What is wrong with the filter of a list while it is typed. */
  filterError(list: ListId): string | undefined {
    const text = filterOf(this.#desk.view, list);
    return text === '' ? undefined : this.#filtered.filter(list, text).error;
  }

  /** Index of the selected row, -1 without rows; undefined while the log follows its end. */
  cursor<K extends ListId>(list: K): number | undefined {
    const cursor = this.#desk.view.cursors[list];
    if (list === 'log' && cursor?.key === undefined) return undefined;
    const definition: ListDefinition<RowOf[K]> = LISTS[list];
    return cursorIndex(this.rows(list), definition.key, cursor);
  }

  /** What an action works on: the subject of the open page, else the selected row. */
  target<K extends ListId>(list: K): RowOf[K] | undefined {
    const mode = topMode(this.#desk.view);
    if (mode?.kind === 'page' && PAGE_LIST[mode.page] === list) return this.subject(list, mode.subject);
    const index = this.cursor(list);
    return this.rows(list).at(index ?? -1);
  }

  /** The key of what an action works on. */
  targetKey<K extends ListId>(list: K): string | undefined {
    const row = this.target(list);
    return row === undefined ? undefined : keyOf(list, row);
  }

  /** Whether the last frame showed what an action works on; true when there is nothing. */
  isDrawn(list: ListId): boolean {
    const mode = topMode(this.#desk.view);
    if (mode?.kind === 'page' && PAGE_LIST[mode.page] === list) return this.drawn.hasPage(mode.subject);
    const key = this.targetKey(list);
    return key === undefined || this.drawn.hasRow(list, key);
  }

  /** The row of that key, filter or not. */
  subject<K extends ListId>(list: K, key: string): RowOf[K] | undefined {
    const definition: ListDefinition<RowOf[K]> = LISTS[list];
    const all = definition.rows({ slices: this.#desk.slices, loaded: this.loaded });
    return all.find((row) => definition.key(row) === key);
  }

  /** Log lines that arrived since following stopped. */
  newLogLines(): number {
    if (this.#desk.view.cursors.log?.key === undefined) return 0;
    const rows = this.rows('log');
    const seen = rows.findLastIndex((row) => row.seq < this.#desk.view.logSeen);
    return rows.length - 1 - seen;
  }

  /** Moves the selection. */
  select<K extends ListId>(list: K, by: Movement): void {
    const count = this.rows(list).length;
    if (count === 0) return;
    const from = this.cursor(list) ?? count - 1;
    this.selectAt(list, moved(from, count, this.viewports.get(list).size, by));
  }

  /** Selects the row at that index; the last line of the log means: follow. */
  selectAt<K extends ListId>(list: K, index: number): void {
    const rows = this.rows(list);
    const row = rows[index];
    const follow = list === 'log' && index === rows.length - 1;
    const end = this.#desk.slices.log.at(-1)?.seq ?? -1;
    this.#desk.update((view) => ({
      ...view,
      cursors: {
        ...view.cursors,
        [list]: row === undefined || follow ? { index } : { key: keyOf(list, row), index },
      },
      logSeen: list === 'log' && view.cursors.log?.key === undefined ? end + 1 : view.logSeen,
    }));
  }

  /** Whether another row came under the cursor on its own a moment ago. */
  justMoved(list: ListId): boolean {
    const mode = topMode(this.#desk.view);
    // A page stays with its row whatever the list behind it does.
    if (mode?.kind === 'page' && PAGE_LIST[mode.page] === list) return false;
    return this.#desk.now() - (this.#movedAt.get(list) ?? Number.NEGATIVE_INFINITY) < SETTLE_MS;
  }

  /** A decision is undone: the cursor returns to its row when that comes back. */
  restore(list: ListId, { key }: Cursor): void {
    if (key !== undefined) this.#awaited.set(list, { key, until: this.#desk.now() + AWAITED_MS });
  }

  /** Rows that are back get their cursor. */
  bringBack(): void {
    for (const [list, { key, until }] of this.#awaited) {
      const back = this.#indexOf(list, key);
      if (back < 0 && until > this.#desk.now()) continue;
      this.#awaited.delete(list);
      if (back >= 0)
        this.#desk.update((view) => ({
          ...view,
          cursors: { ...view.cursors, [list]: { key, index: back } },
        }));
    }
  }

  #indexOf<K extends ListId>(list: K, key: string): number {
    return this.rows(list).findIndex((row) => keyOf(list, row) === key);
  }

  /** The selection stays with its row; when that row is gone, the one that takes its place must be looked at first. */
  anchor<K extends ListId>(list: K): void {
    const rows = this.rows(list);
    const before = this.#desk.view.cursors[list];
    if (rows.length === 0 && before?.key === undefined) return;
    const definition: ListDefinition<RowOf[K]> = LISTS[list];
    const index = cursorIndex(rows, definition.key, before);
    const row = rows[index];
    const key = row === undefined ? undefined : definition.key(row);
    if (before?.key === key) return;
    if (before?.key !== undefined) this.#movedAt.set(list, this.#desk.now());
    const cursor = { ...(key === undefined ? {} : { key }), index: Math.max(0, index) };
    this.#desk.update((view) => ({ ...view, cursors: { ...view.cursors, [list]: cursor } }));
  }

  /** The log forgot lines in front: the selected line keeps its place on the screen as long as it is kept. */
  anchorLog(): void {
    const cursor = this.#desk.view.cursors.log;
    if (cursor?.key === undefined) return;
    const rows = this.rows('log');
    const found = Math.max(
      0,
      rows.findIndex((row) => keyOf('log', row) === cursor.key),
    );
    const row = rows[found];
    if (row === undefined || (found === cursor.index && keyOf('log', row) === cursor.key)) return;
    this.viewports.shift('log', cursor.index - found);
    const log = { key: keyOf('log', row), index: found };
    this.#desk.update((view) => ({ ...view, cursors: { ...view.cursors, log } }));
  }
}
