/** What a list of the console is: its rows, how one looks, and what it says when it is empty. */

import type {
  AdapterView,
  AllowlistView,
  DialogView,
  OutboxView,
  PairingView,
  RefusalView,
  ScheduleView,
  TaskView,
} from '../../gateway/model.ts';
import type { ConfigValue, OperatorQueries, QueueEntry, SearchHit } from '../../gateway/operator/operator.ts';
import { fillTo } from '../draw/cells.ts';
import { type Line, type Span, span } from '../draw/line.ts';
import type { Glyphs } from '../draw/theme.ts';
import type { Ticker } from '../draw/times.ts';
import type { ContextView, LogEntry, PulseSlice, SessionRow, Slices } from '../state/slices.ts';

/** The five panes, in the order of their number keys. */
export const PANES = ['adapters', 'sessions', 'tasks', 'pairing', 'log'] as const;
export type PaneId = (typeof PANES)[number];

/** Lists that open over the panes. */
export const LIST_VIEWS = [
  'refusals',
  'outbox',
  'allowlist',
  'config',
  'schedules',
  'questions',
  'queue',
  'hits',
  'past',
  'blocked',
  'contexts',
] as const;
export type ListViewId = (typeof LIST_VIEWS)[number];

export type ListId = PaneId | ListViewId;

/** A place that a search found, with the name of the chat where that is known. */
export interface Hit extends SearchHit {
  readonly where: string;
}

/** The last rejected message of a person, and all that are kept, oldest first. */
export interface RejectedPerson extends RefusalView {
  readonly messages: readonly RefusalView[];
}

export type Blocked = OperatorQueries['blocked']['result'][number];

export interface RowOf {
  adapters: AdapterView;
  sessions: SessionRow;
  tasks: TaskView;
  pairing: PairingView;
  log: LogEntry;
  questions: DialogView;
  refusals: RejectedPerson;
  outbox: OutboxView;
  schedules: ScheduleView;
  allowlist: AllowlistView;
  config: ConfigValue;
  queue: QueueEntry;
  hits: Hit;
  past: LogEntry;
  blocked: Blocked;
  contexts: ContextView;
}

/** Answers of queries that belong to an open view. */
export interface LoadedRows {
  readonly config: readonly ConfigValue[];
  readonly queue: readonly QueueEntry[];
  readonly hits: readonly Hit[];
  /** Lines of the log from a time on. */
  readonly past: readonly LogEntry[];
  readonly blocked: readonly Blocked[];
}

export interface RowSource {
  readonly slices: Slices;
  readonly loaded: LoadedRows;
}

export interface DrawContext {
  /** Cells a row may use, cursor column excluded. */
  readonly width: number;
  readonly glyphs: Glyphs;
  readonly ticker: Ticker;
  /** Rows whose command is in progress. */
  readonly pending: ReadonlySet<string>;
  readonly pulse?: PulseSlice;
  /** The list is grouped by platform; `first`: this row begins a group. */
  readonly group?: { readonly first: boolean };
  /** Cells of the widest `name` among the rows that are shown. */
  readonly widest?: number;
  /** Columns cut off on the left, for lists that scroll sideways. */
  readonly shift?: number;
}

/** What a row says in a column; `undefined` is not known. */
export type Cell = string | number | undefined;

type Reads<Row> = (row: Row) => Cell | readonly Cell[];

/** By its columns a list is sorted, and a filter names them: `state:failed`. */
export interface Column<Row> {
  readonly of: Reads<Row>;
  /** How it stands at the end of the row; undefined where it has nothing to show or no room. */
  readonly draw: (row: Row, context: DrawContext) => Span | undefined;
}

export type Columns<Row> = Readonly<Record<string, Reads<Row> | Column<Row>>>;

/** The cells of a column; a column may say more than one thing about a row. */
export function cellsOf<Row extends object>(
  columns: Columns<Row> | Columns<never>,
  name: string,
  row: Row,
): readonly Cell[] {
  const column = (columns as Columns<Row>)[name];
  const cells = typeof column === 'function' ? column(row) : column?.of(row);
  return Array.isArray(cells) ? cells : [cells as Cell];
}

/** The end of a row: what its columns draw. */
export function drawnColumns<Row>(columns: Columns<Row>, row: Row, context: DrawContext): Span[] {
  const drawn = Object.values(columns).flatMap((column) =>
    typeof column === 'function' ? [] : (column.draw(row, context) ?? []),
  );
  return drawn.flatMap((each, index) => (index === 0 ? [each] : [span('  '), each]));
}

export interface ListDefinition<Row> {
  readonly title: string;
  readonly rows: (source: RowSource) => readonly Row[];
  readonly key: (row: Row) => string;
  /** What a filter looks at. */
  readonly haystack: (row: Row) => string;
  readonly columns?: Columns<Row>;
  /** What its rows are called: that column is as wide as the rows that are shown need it. */
  readonly name?: (row: Row, glyphs: Glyphs) => string;
  /** Lines of one row on that width; one line where it is absent. */
  readonly height?: (width: number) => number;
  readonly draw: (row: Row, context: DrawContext) => readonly Line[];
  /** In the border next to the title, "4/6"; the number of rows where it is absent. */
  readonly count?: (rows: readonly Row[], slices: Slices) => string;
  /** Sentences for an empty list: what will appear here and which key starts it. */
  readonly empty: (slices: Slices) => readonly string[];
}

export type ListDefinitions = { readonly [K in ListId]: ListDefinition<RowOf[K]> };

/** The platform of a row; in a grouped list once for each group. */
export function platformCell(platform: string, { group }: Pick<DrawContext, 'group'>): Span {
  if (group === undefined) return span(fillTo(platform, 9), 'dim');
  return group.first ? span(fillTo(platform, 9), 'accent') : span(' '.repeat(9));
}

/** The row, and the name, that stands for all of them. */
export const ALL_GATEWAYS = 'all';

/** No id of a gateway and no name of one holds it. */
const SIGN = '›';
const WIDTH = 12;

/**
 * Rows of several gateways on one screen: the name of the gateway leads the id, and goes with it through cursors, marks,
 * questions and undo, so that no act can reach another gateway than the one its row came from.
 */
export function withOrigin(gateway: string, id: string): string {
  return `${gateway}${SIGN}${id}`;
}

/** The gateway that an id names, and the id there; undefined for an id of the only gateway on the screen. */
export function originOf(id: string): { readonly gateway: string; readonly id: string } | undefined {
  const at = id.indexOf(SIGN);
  return at < 0 ? undefined : { gateway: id.slice(0, at), id: id.slice(at + SIGN.length) };
}

/** The id as its gateway knows it. */
export function ownId(id: string): string {
  return originOf(id)?.id ?? id;
}

/** The gateway of a row, for columns and filters. */
export function gatewayOf(id: string): string | undefined {
  return originOf(id)?.gateway;
}

/** "work: " before a name in a sentence, where rows of several gateways are on the screen. */
export function originWords(id: string): string {
  const gateway = gatewayOf(id);
  return gateway === undefined ? '' : `${gateway}: `;
}

/** All gateways are on the screen: only what needs an operator. */
export function showsAll({ contexts }: Slices): boolean {
  return contexts.some(({ name, shown }) => shown && name === ALL_GATEWAYS);
}

/** The column of the gateway; nothing where there is only one. */
export function originSpans(id: string, ellipsis: string): Span[] {
  const gateway = gatewayOf(id);
  return gateway === undefined ? [] : [span(fillTo(gateway, WIDTH, 'left', ellipsis), 'mark'), span(' ')];
}
