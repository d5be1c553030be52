/** The panes: a list as lines, and next to the lists on a wide terminal the page of what is selected. */

import { cellWidth, clean, measureCount, wrap } from '../draw/cells.ts';
import type { Page } from '../draw/line.ts';
import { frame, type Line, type Span, span } from '../draw/line.ts';
import type { Glyphs } from '../draw/theme.ts';
import { dayOf, Ticker } from '../draw/times.ts';
import { cellsOf, type DrawContext, type ListDefinition, type ListId, type RowOf } from '../lists/list.ts';
import { LISTS, rowHeight } from '../lists/lists.ts';
import { callKey, showsWholeCall } from '../lists/questions.ts';
import { wrappedLog } from '../lists/views.ts';
import { pulsePage } from '../pages/pulse.ts';
import { requestPage, taskPage } from '../pages/records.ts';
import { adapterPage } from '../pages/status.ts';
import { transcriptPage } from '../pages/transcript.ts';
import type { LogEntry } from '../state/slices.ts';
import { filterOf, topMode } from '../state/view.ts';
import type { PaneBox } from './layout.ts';
import { row, type Scene } from './scene.ts';

interface WrapBox {
  readonly height: number;
  readonly focused: boolean;
}

/** The log with its lines wrapped: rows of different heights, so the window is walked instead of computed. */
function wrappedLogLines(scene: Scene, rows: readonly LogEntry[], box: WrapBox, inner: number): Line[] {
  const { controller, glyphs } = scene;
  const room = Math.max(1, box.height - 2);
  const width = Math.max(1, inner - 2);
  const cursor = controller.lists.cursor('log');
  const heights = new Map<number, readonly Line[]>();
  const linesOf = (index: number): readonly Line[] => {
    const entry = rows[index];
    const known = heights.get(index);
    if (entry === undefined || known !== undefined) return known ?? [];
    // A line of 100 kB must not fill the pane forever.
    const lines = wrappedLog(entry, width, scene.ticker.now).slice(0, room);
    heights.set(index, lines);
    return lines;
  };
  const last = cursor ?? rows.length - 1;
  // The first row from which on the last one still fits.
  let least = last;
  for (let used = linesOf(last).length; least > 0; least -= 1) {
    used += linesOf(least - 1).length;
    if (used > room) break;
  }
  const before = controller.lists.viewports.get('log').first;
  const first = cursor === undefined ? least : Math.min(cursor, Math.max(least, before));
  const lines: Line[] = [];
  let shown = 0;
  for (let index = first; index < rows.length && lines.length < room; index += 1, shown += 1) {
    const selected = index === cursor;
    for (const [at, line] of linesOf(index).entries()) {
      const gutter = selected && at === 0 ? span(glyphs.cursor, 'key') : span(' ');
      lines.push(row(scene, [gutter, ...line], inner, selected && box.focused ? 'select' : undefined));
    }
  }
  controller.lists.viewports.set('log', { first, size: Math.max(1, shown), count: rows.length });
  return lines.slice(0, room);
}

interface ListBox {
  readonly width: number;
  readonly height: number;
  readonly focused: boolean;
  /** The number key of a pane. */
  readonly digit?: number;
}

/** A list as lines: the rows that fit, the selection, a sentence when there are none. */
export function listPane<K extends ListId>(scene: Scene, id: K, box: ListBox): Line[] {
  const { controller, glyphs } = scene;
  const inner = box.width - 2;
  const rows = controller.rows(id);
  const lines =
    rows.length === 0
      ? emptyLines(scene, id, inner)
      : id === 'log' && controller.view.logWrap
        ? wrappedLogLines(scene, controller.rows('log'), box, inner)
        : rowLines(scene, id, rows, box, inner);
  return frame(lines, {
    width: box.width,
    height: box.height,
    title: titleLine(scene, id, box),
    note: noteLine(scene, id, rows.length, box),
    focused: box.focused,
    glyphs,
  });
}

export function titleLine<K extends ListId>(
  scene: Scene,
  id: K,
  box: Pick<ListBox, 'digit' | 'focused'>,
): Line {
  const { controller } = scene;
  const list: ListDefinition<RowOf[K]> = LISTS[id];
  const filter = filterOf(controller.view, id);
  const all = list.rows({ slices: controller.slices, loaded: controller.lists.loaded });
  const alarm = id === 'pairing' && all.length > 0;
  const line: Span[] = [];
  if (box.digit !== undefined) line.push(span(String(box.digit), 'key'), span(' '));
  line.push(span(list.title, box.focused ? 'borderFocus' : 'title'));
  const shown = controller.rows(id).length;
  const counted = list.count?.(all, controller.slices) ?? String(all.length);
  const count =
    shown === all.length
      ? counted
      : id === 'adapters'
        ? `${counted}, ${shown} shown`
        : `${shown}/${all.length}`;
  line.push(span(' '), span(count, alarm ? 'mark' : 'dim'));
  const marked = controller.marked(id).length;
  if (marked > 0) line.push(span(` ${marked} marked`, 'mark'));
  const sort = controller.view.sorts[id];
  if (sort !== undefined) line.push(span(` by ${sort.column}${sort.reversed ? ', reversed' : ''}`, 'mark'));
  if (controller.view.grouped.has(id)) line.push(span(' by platform', 'mark'));
  if (sort === undefined && id === 'sessions' && controller.view.failuresFirst)
    line.push(span(' failures first', 'mark'));
  if (id === 'log') {
    const { logLevel, logSource } = controller.view;
    if (logLevel !== undefined) line.push(span(` ${logLevel}${logLevel === 'error' ? '' : '+'}`, 'mark'));
    if (logSource !== undefined) line.push(span(` only ${clean(logSource, 40)}`, 'mark'));
  }
  const mode = topMode(controller.view);
  if ((id === 'hits' || id === 'past') && mode?.kind === 'list' && mode.subject !== undefined)
    line.push(span(' '), span(clean(mode.subject, 60), 'mark'));
  if (filter !== '') line.push(span(' '), span(`/${clean(filter, 60)}`, 'mark'));
  return line;
}

function noteLine(scene: Scene, id: ListId, shown: number, box: ListBox): Line {
  const { controller } = scene;
  if (id === 'log') {
    const fresh = controller.lists.newLogLines();
    if (controller.view.cursors.log?.key === undefined) return [span('following', 'dim')];
    return [
      span('paused', 'warn'),
      span(fresh > 0 ? `, ${fresh} new` : '', 'mark'),
      span('  G follows', 'dim'),
    ];
  }
  const { first, size } = controller.lists.viewports.get(id);
  if (shown <= size || !box.focused) return [];
  return [span(`${first + 1}-${Math.min(shown, first + size)} of ${shown}`, 'dim')];
}

function rowLines<K extends ListId>(
  scene: Scene,
  id: K,
  rows: readonly RowOf[K][],
  box: ListBox,
  inner: number,
): Line[] {
  const { controller, glyphs, ticker } = scene;
  const list: ListDefinition<RowOf[K]> = LISTS[id];
  const width = Math.max(1, inner - 2);
  const height = rowHeight(id, width);
  const cursor = controller.lists.cursor(id);
  const room = Math.max(1, Math.floor((box.height - 2) / height));
  const { first } = controller.lists.viewports.place(id, rows.length, cursor, room, box.focused);
  const context: DrawContext = {
    width,
    glyphs,
    ticker,
    pending: controller.view.pending,
    ...(id === 'adapters' ? { pulse: controller.slices.pulse } : {}),
    widest: widestName(list, rows.slice(first, first + room + 1), glyphs),
    shift: id === 'log' ? controller.view.logShift : 0,
  };
  const marks = controller.view.marks[id];
  const grouped = controller.view.grouped.has(id);
  const lines: Line[] = [];
  const pane = paneOf(id, [
    inner,
    glyphs,
    context.pending,
    context.pulse,
    context.widest,
    context.shift,
    dayOf(ticker.now),
    measureCount(),
  ]);
  // One row more than fits whole: its first lines still show.
  for (let index = first; index < Math.min(rows.length, first + room + 1); index += 1) {
    const entry = rows[index];
    if (entry === undefined || lines.length >= box.height - 2) break;
    const selected = index === cursor;
    const marked = marks?.has(list.key(entry)) === true;
    const cover = selected && box.focused ? 'select' : undefined;
    const group = grouped ? { first: beginsGroup(list, rows, index, first) } : undefined;
    const look = `${marked} ${selected} ${cover} ${group?.first}`;
    const { drawn, shown } = remembered(entry, { pane, look, ticker }, (own) => {
      const sign = marked ? span('*', 'mark') : selected ? span(glyphs.cursor, 'key') : span(' ');
      const made = list.draw(entry, { ...context, ticker: own, ...(group === undefined ? {} : { group }) });
      return {
        drawn: made,
        shown: made.map((line, at) => row(scene, [at === 0 ? sign : span(' '), ...line], inner, cover)),
      };
    });
    if (lines.length + drawn.length <= box.height - 2) {
      controller.lists.drawn.row(id, list.key(entry));
      const asked = id === 'questions' ? controller.lists.subject('questions', list.key(entry)) : undefined;
      if (asked !== undefined && showsWholeCall(asked, drawn)) controller.lists.drawn.read(callKey(asked));
    }
    lines.push(...shown);
  }
  return lines.slice(0, Math.max(0, box.height - 2));
}

/** What all rows of a pane are drawn with; the same object while nothing of it changes. */
interface PaneLook {
  readonly parts: readonly unknown[];
}

const paneLooks = new Map<ListId, PaneLook>();

function paneOf(id: ListId, parts: readonly unknown[]): PaneLook {
  const before = paneLooks.get(id);
  if (before?.parts.every((part, at) => part === parts[at]) === true) return before;
  const look = { parts };
  paneLooks.set(id, look);
  return look;
}

interface RowLook {
  readonly pane: PaneLook;
  /** What concerns this row only: marked, selected. */
  readonly look: string;
  readonly ticker: Ticker;
}

interface DrawnRow {
  /** As its list draws it. */
  readonly drawn: readonly Line[];
  /** With its sign, as wide as the pane. */
  readonly shown: readonly Line[];
}

interface Remembered extends DrawnRow {
  readonly pane: PaneLook;
  readonly look: string;
  readonly from: number;
  /** When one of its labels changes. */
  readonly until: number | undefined;
}

/** Rows are immutable objects: one that looks as before is not drawn again. */
const rowsDrawn = new WeakMap<object, Remembered>();

function remembered(
  entry: object,
  { pane, look, ticker }: RowLook,
  make: (own: Ticker) => DrawnRow,
): DrawnRow {
  const known = rowsDrawn.get(entry);
  const now = ticker.now;
  let made = known;
  if (
    made === undefined ||
    made.pane !== pane ||
    made.look !== look ||
    now < made.from ||
    (made.until !== undefined && now >= made.until)
  ) {
    const own = new Ticker(now);
    made = { ...make(own), pane, look, from: now, until: own.next };
    rowsDrawn.set(entry, made);
  }
  if (made.until !== undefined) ticker.at(made.until);
  return made;
}

/** The first row that is shown names its platform, too. */
function beginsGroup<Row extends object>(
  { columns }: ListDefinition<Row>,
  rows: readonly Row[],
  index: number,
  first: number,
): boolean {
  const [entry, before] = [rows[index], rows[index - 1]];
  if (columns === undefined || entry === undefined || before === undefined || index === first) return true;
  return cellsOf(columns, 'platform', entry)[0] !== cellsOf(columns, 'platform', before)[0];
}

function widestName<Row>({ name }: ListDefinition<Row>, rows: readonly Row[], glyphs: Glyphs): number {
  return name === undefined
    ? 0
    : rows.reduce((width, entry) => Math.max(width, cellWidth(name(entry, glyphs))), 0);
}

function emptyLines<K extends ListId>(scene: Scene, id: K, inner: number): Line[] {
  const { controller } = scene;
  const list: ListDefinition<RowOf[K]> = LISTS[id];
  const hidden = controller.lists.hidden(id);
  const texts =
    hidden > 0
      ? [`The filter hides ${hidden === 1 ? 'the only row' : `all ${hidden} rows`}.`, 'Esc clears it.']
      : list.empty(controller.slices);
  return texts
    .flatMap((text) => wrap(text, inner - 2))
    .map((text, index) => row(scene, [span(' '), span(text, index === 0 ? 'text' : 'dim')], inner));
}

interface Previewed {
  readonly page: Page;
  /** It is the transcript of this session: its end is shown, and it is followed. */
  readonly session?: string;
}

/** Next to the lists on a wide terminal: the page of what is selected, as Enter would open it. */
export function previewPane(
  scene: Scene,
  { width, height }: PaneBox,
): { readonly lines: Line[]; readonly session: string | undefined } {
  const room = Math.max(0, height - 2);
  const { page, session } = previewOf(scene, width - 4, room);
  const shown = session === undefined ? page.lines.slice(0, room) : page.lines.slice(-room);
  const lines = shown.map((line) => row(scene, [span(' '), ...line], width - 2));
  const title = [span(page.title, 'title')];
  return {
    lines: frame(lines, {
      width,
      height,
      title,
      note: page.note ?? [],
      focused: false,
      glyphs: scene.glyphs,
    }),
    session,
  };
}

/** Of the focused list; when that is empty of the sessions, else what the platforms do. */
function previewOf(scene: Scene, width: number, height: number): Previewed {
  const { controller } = scene;
  switch (controller.view.focus) {
    case 'adapters': {
      const adapter = selected(scene, 'adapters');
      if (adapter !== undefined) return { page: adapterPage(scene, adapter, width, height) };
      break;
    }
    case 'tasks': {
      const task = selected(scene, 'tasks');
      if (task !== undefined) return { page: taskPage(scene, task, width) };
      break;
    }
    case 'pairing': {
      const request = selected(scene, 'pairing');
      if (request !== undefined) return { page: requestPage(scene, request, width) };
      break;
    }
    case 'sessions':
    case 'log':
  }
  const session = selected(scene, 'sessions');
  if (session === undefined) return { page: pulsePage(scene, width, height) };
  const slice = controller.transcript.slice();
  const loaded = slice?.sessionId === session.id ? slice : undefined;
  return { page: transcriptPage(scene, session, loaded, width), session: session.id };
}

function selected<K extends ListId>({ controller }: Scene, list: K): RowOf[K] | undefined {
  const index = controller.lists.cursor(list);
  return index === undefined || index < 0 ? undefined : controller.rows(list)[index];
}
