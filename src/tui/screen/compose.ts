/** The whole screen as lines: a pure function of slices, view and size. Components only put it on the terminal. */

import { clean } from '../draw/cells.ts';
import {
  cutLine,
  type Line,
  lineWidth,
  overlay,
  paint,
  type Span,
  span,
  sparkline,
  spread,
} from '../draw/line.ts';
import type { Theme } from '../draw/theme.ts';
import { clockTime } from '../draw/times.ts';
import { adapterSign } from '../lists/adapters.ts';
import { PANES, type PaneId } from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';
import { sessionName } from '../lists/sessions.ts';
import { levelWords } from '../lists/views.ts';
import {
  dialogBlock,
  formBlock,
  paletteBlock,
  setupBlock,
  textBlock,
  waitingBlock,
} from '../overlays/dialogs.ts';
import { listPage, pagePane, pageWindow } from '../overlays/pages.ts';
import { type StatusRow, statusColumns, statusLayout, statusRows } from '../pages/status.ts';
import type { LinkSlice } from '../state/slices.ts';
import { isOpenTask } from '../state/slices.ts';
import type { Mode } from '../state/view.ts';
import { hintLine } from './hints.ts';
import { MIN_COLUMNS, MIN_ROWS, type PaneBox } from './layout.ts';
import { listPane, previewPane, titleLine } from './panes.ts';
import { type Block, framed, layoutFor, type Place, pagePlace, row, type Scene } from './scene.ts';

interface Piece {
  readonly line: Line;
  /** The least important pieces go first when the line is short. */
  readonly weight: number;
}

/** The first line: is it running, where, how long, what needs the operator. */
function headerLine(scene: Scene): Line {
  const pieces = headerPieces(scene).filter((piece) => lineWidth(piece.line) > 0);
  const room = scene.columns - 1;
  const width = (kept: readonly Piece[]): number =>
    kept.reduce((sum, piece) => sum + lineWidth(piece.line) + 2, -2);
  let kept = pieces;
  while (kept.length > 1 && width(kept) > room) {
    const least = Math.min(...kept.map((piece) => piece.weight));
    kept = kept.filter((piece) => piece.weight !== least);
  }
  const line: Span[] = [span(' ')];
  for (const [index, piece] of kept.entries()) line.push(...(index > 0 ? [span('  ')] : []), ...piece.line);
  return cutLine(line, scene.columns, scene.glyphs.ellipsis).line;
}

function headerPieces({ controller, glyphs, ticker }: Scene): Piece[] {
  const { gateway, link, adapters, pairing, dialogs, traffic, tasks, outbox, contexts } = controller.slices;
  const shown = contexts.find((each) => each.shown);
  if (traffic.nextChangeAt !== undefined) ticker.at(traffic.nextChangeAt);
  const up = adapters.filter((row) => row.state === 'connected').length;
  const wanted = adapters.filter((row) => row.state !== 'disabled').length;
  const troubled = adapters.some((row) => row.state === 'parked' || row.state === 'reconnecting');
  const failed = outbox.filter((row) => row.state === 'failed').length;
  const open = tasks.filter(isOpenTask).length;
  const { agent } = gateway;
  return [
    { weight: 90, line: [span('pi-gateway', 'title')] },
    { weight: 99, line: stateWords(knownState(gateway.state, link), glyphs.on, glyphs.off) },
    ...(shown === undefined ? [] : [{ weight: 95, line: [span(clean(shown.name, 24), 'mark')] }]),
    ...(gateway.demo ? [{ weight: 45, line: [span('demo', 'mark')] }] : []),
    {
      weight: 50,
      line: [
        span(
          link.kind === 'remote' ? clean(link.url ?? '', 80) : `${clean(gateway.host, 60)}:${gateway.port}`,
        ),
      ],
    },
    { weight: 30, line: [span('up ', 'dim'), span(ticker.uptime(gateway.startedAt))] },
    {
      weight: agent.ok ? 40 : 96,
      line: [
        span('agent ', 'dim'),
        span(`${clean(agent.backend, 20)} `, agent.ok ? 'text' : 'bad'),
        agent.ok ? span(`${agent.running}/${agent.maxConcurrent}`) : span(glyphs.alert, 'bad'),
      ],
    },
    {
      weight: 60,
      line: [
        span('adapters ', 'dim'),
        span(`${up}/${wanted}`, troubled ? 'warn' : 'text'),
        ...(troubled ? [span(` ${glyphs.alert}`, 'warn')] : []),
      ],
    },
    ...(pairing.length > 0
      ? [{ weight: 98, line: [span(` pairing ${pairing.length} ! `, 'badge')] }]
      : [{ weight: 20, line: [span('pairing ', 'dim'), span('0')] }]),
    ...(dialogs.length > 0 ? [{ weight: 98, line: [span(` questions ${dialogs.length} ! `, 'badge')] }] : []),
    ...(failed > 0 ? [{ weight: 70, line: [span(`${failed} undelivered`, 'bad')] }] : []),
    ...(open > 0 ? [{ weight: 25, line: [span('tasks ', 'dim'), span(String(open))] }] : []),
    {
      weight: 35,
      line: [
        span(`${traffic.perMinute} msg/min`, 'dim'),
        ...(traffic.perMinute > 0 ? [span(` ${sparkline(traffic.history, glyphs)}`, 'accent')] : []),
      ],
    },
    ...(controller.view.readOnly ? [{ weight: 97, line: [span(' read-only ', 'badge')] }] : []),
    ...gateway.badges.map((badge) => ({ weight: 97, line: [span(` ${clean(badge, 60)} `, 'badge')] })),
  ];
}

/** A remote gateway that does not answer is neither running nor stopped, as far as we know. */
function knownState(state: string, { connected, asOf }: LinkSlice): string {
  if (asOf !== undefined) return `no answer, as of ${clockTime(asOf)}`;
  return connected ? state : 'no answer';
}

function stateWords(state: string, on: string, off: string): Line {
  if (state === 'running') return [span(`${on} running`, 'ok')];
  return [span(`${off} ${state}`, state === 'starting' ? 'warn' : 'bad')];
}

/** A collapsed pane: its title and the one thing worth knowing, on one line. */
function summaryLine(
  scene: Scene,
  pane: PaneId,
  box: { readonly digit: number; readonly focused: boolean },
  width: number,
): Line {
  const { glyphs } = scene;
  const line = spread(
    [span(`${glyphs.box.h} `, 'border'), ...titleLine(scene, pane, box), ...digest(scene, pane)],
    [],
    width - 1,
    glyphs.ellipsis,
  );
  // A rule to the border of the panes above and below.
  const rest = width - lineWidth(line) - 1;
  return rest < 1 ? line : [...line, span(' '), span(glyphs.box.h.repeat(rest), 'border')];
}

function digest(scene: Scene, pane: PaneId): Line {
  const { slices } = scene.controller;
  const words = digestOf(scene, pane);
  if (words.length > 0) return [span('  '), ...words];
  const none = LISTS[pane].rows({ slices, loaded: scene.controller.lists.loaded }).length === 0;
  return none ? [span(`  ${LISTS[pane].empty(slices)[0] ?? ''}`, 'dim')] : [];
}

function digestOf({ controller, glyphs }: Scene, pane: PaneId): Line {
  const { adapters, sessions, tasks, pairing, log } = controller.slices;
  switch (pane) {
    case 'adapters':
      return adapters.flatMap((row): Span[] => [
        adapterSign(row.state, glyphs),
        span(` ${row.platform}  `, row.state === 'connected' ? 'text' : 'dim'),
      ]);
    case 'sessions':
      return sessions
        .slice(0, 5)
        .filter((row) => row.state === 'running' || row.state === 'queued' || row.state === 'paused')
        .flatMap((row): Span[] => [
          span(clean(sessionName(row, glyphs.sub), 60)),
          span(` ${row.state}  `, 'dim'),
        ]);
    case 'tasks':
      return tasks
        .slice(0, 5)
        .filter(isOpenTask)
        .flatMap((row): Span[] => [span(clean(row.id, 20)), span(` ${Math.round(row.progress)}%  `, 'dim')]);
    case 'pairing':
      return pairing
        .slice(0, 5)
        .flatMap((row): Span[] => [
          span(clean(row.senderName, 40), 'mark'),
          span(` ${row.platform}  `, 'dim'),
        ]);
    case 'log': {
      const last = log.at(-1);
      return last === undefined ? [] : [levelWords(last.level), span(` ${clean(last.text, 300)}`, 'dim')];
    }
  }
}

export interface StatusTable extends Place {
  /** One next to the other. */
  readonly columns: readonly (readonly StatusRow[])[];
}

export interface Screen {
  /** All rows, painted, each exactly as wide as the terminal. */
  readonly lines: readonly string[];
  /** The status page is drawn by a table component into this place. */
  readonly table: StatusTable | undefined;
  /** The cell of the terminal's cursor, where text is typed. */
  readonly cursor: { readonly x: number; readonly y: number } | undefined;
  /** The session whose transcript stands next to the lists. */
  readonly previewed: string | undefined;
}

export function compose(scene: Scene): Screen {
  const { lines, table, previewed } = composeLines(scene);
  return {
    lines: lines.map((line) => paintedLine(line, scene.theme)),
    table,
    cursor: cursorOf(lines),
    previewed,
  };
}

/** Lines that did not change are the same objects as in the frame before, and are not painted again. */
const paintedLines = new WeakMap<Line, { readonly theme: Theme; readonly text: string }>();

function paintedLine(line: Line, theme: Theme): string {
  const known = paintedLines.get(line);
  if (known?.theme === theme) return known.text;
  const text = paint(line, theme);
  paintedLines.set(line, { theme, text });
  return text;
}

/** Where text is typed: an input method shows what it composes at the terminal's own cursor. */
function cursorOf(lines: readonly Line[]): Screen['cursor'] {
  for (const [y, line] of lines.entries()) {
    const at = line.findIndex(({ style }) => style === 'caret');
    if (at >= 0) return { x: lineWidth(line.slice(0, at)), y };
  }
  return undefined;
}

interface Composed {
  readonly lines: readonly Line[];
  readonly table?: StatusTable | undefined;
  readonly previewed?: string | undefined;
}

/**
 * One line for each row of the terminal, panes and pages merged: a row that Ink measures otherwise than the terminal
 * (some Indic clusters) still comes out as it was laid out here.
 */
function composeLines(scene: Scene): Composed {
  const { columns, rows, controller } = scene;
  const { view } = controller;
  const { drawn } = controller.lists;
  drawn.begin();
  const layout = layoutFor(controller, columns, rows);
  if (layout.kind === 'notice') return { lines: notice(scene) };
  controller.lists.boxes = layout.boxes;
  const page = view.modes.findLast((mode) => mode.kind === 'page' || mode.kind === 'list');
  // Under a page that covers everything no pane is drawn at all.
  const covered = page !== undefined && pagePlace(scene).x === 0;
  const { body, previewed } = covered
    ? { body: Array.from({ length: rows - 2 }, () => row(scene, [], columns)), previewed: undefined }
    : bodyOf(scene, layout.boxes, page === undefined);
  const { block, table } = pageOf(scene, page);
  if (page?.kind === 'page') drawn.page(page.subject);
  const top = view.modes.at(-1);
  if (top !== undefined) drawn.top(top);
  const over = top === undefined ? waitingBlock(scene) : topBlock(scene, top);
  // No one knows what has changed since: nothing of it looks like the present.
  const old = controller.slices.link.asOf !== undefined;
  let lines = body;
  for (const opened of [block, over]) if (opened !== undefined) lines = place(lines.map(faded), opened, 1);
  const header = row(scene, headerLine(scene), columns);
  if (old) lines = lines.map(faded);
  lines = [old ? faded(header) : header, ...lines, row(scene, hintLine(scene), columns)];
  // The table is drawn on top of everything: it waits until nothing stands before it.
  return { lines, table: over === undefined ? table : undefined, previewed };
}

const fadedLines = new WeakMap<Line, Line>();

/** What lies behind something that opened steps back. */
function faded(line: Line): Line {
  const known = fadedLines.get(line) ?? line.map(({ text }) => ({ text, style: 'dim' }));
  fadedLines.set(line, known);
  return known;
}

/** `lines` begin at row `top` of the screen. */
function place(lines: readonly Line[], block: Block, top: number): Line[] {
  return lines.map((line, index) => {
    const over = block.lines[index + top - block.y];
    return over === undefined ? line : overlay(line, over, block.x);
  });
}

function pageOf(scene: Scene, page: Mode | undefined): { block?: Block; table?: StatusTable } {
  if (page?.kind === 'list') return { block: listPage(scene, page) };
  if (page?.kind !== 'page') return {};
  if (page.page !== 'status') return { block: pagePane(scene, page) };
  const place = pagePlace(scene);
  // A head of three lines, a rule at the end.
  const room = Math.max(1, place.height - 2 - 4);
  const { rows: all, beside, most } = statusLayout(statusRows(scene), place.width - 2, room);
  const top = pageWindow(scene, page, all.length, most);
  const note: Line =
    all.length <= most
      ? []
      : [span(`${top + 1}-${Math.min(all.length, top + most)} of ${all.length}`, 'dim')];
  return {
    block: framed(scene, place, [span('Status', 'title')], [], note),
    table: {
      x: place.x + 1,
      y: place.y + 1,
      width: place.width - 2,
      height: place.height - 2,
      columns: statusColumns(all.slice(top, top + most), beside, room),
    },
  };
}

function topBlock(scene: Scene, mode: Mode): Block | undefined {
  switch (mode.kind) {
    case 'dialog':
      return dialogBlock(scene, mode);
    case 'text':
      return textBlock(scene, mode);
    case 'palette':
      return paletteBlock(scene, mode);
    case 'form':
      return formBlock(scene, mode.form);
    case 'setup':
      return setupBlock(scene, mode);
    case 'filter':
    case 'search':
    case 'compose':
    case 'page':
    case 'list':
      return undefined;
  }
}

/** The boxes of the layout, drawn next to and under each other. */
function bodyOf(
  scene: Scene,
  boxes: readonly PaneBox[],
  active: boolean,
): { readonly body: Line[]; readonly previewed: string | undefined } {
  const body: (Line | undefined)[] = Array.from({ length: scene.rows - 2 });
  let previewed: string | undefined;
  for (const box of boxes.toSorted((a, b) => a.x - b.x)) {
    let lines: readonly Line[];
    if (box.pane === 'preview') ({ lines, session: previewed } = previewPane(scene, box));
    else lines = paneLines(scene, box.pane, box, active);
    for (const [index, line] of lines.entries()) {
      const y = box.y - 1 + index;
      if (y < body.length) body[y] = beside(body[y], line);
    }
  }
  return { body: body.map((line) => line ?? []), previewed };
}

const besides = new WeakMap<Line, { readonly right: Line; readonly both: Line }>();

function beside(left: Line | undefined, right: Line): Line {
  if (left === undefined) return right;
  const known = besides.get(left);
  if (known?.right === right) return known.both;
  const both = [...left, ...right];
  besides.set(left, { right, both });
  return both;
}

function paneLines(scene: Scene, pane: PaneId, box: PaneBox, active: boolean): readonly Line[] {
  const { width, height, collapsed } = box;
  const digit = digitOf(pane);
  const focused = active && scene.controller.view.focus === pane;
  if (collapsed) return [row(scene, summaryLine(scene, pane, { digit, focused }, width), width)];
  return listPane(scene, pane, { width, height, focused, digit });
}

function digitOf(pane: PaneId): number {
  return PANES.indexOf(pane) + 1;
}

/** Too small to work in: what is needed, cut to what there is. */
function notice(scene: Scene): Line[] {
  const { columns, rows, controller } = scene;
  const waiting = controller.slices.pairing.length;
  const texts = [
    `Too small: ${columns}x${rows}`,
    `Needs ${MIN_COLUMNS}x${MIN_ROWS}`,
    waiting > 0 ? `${waiting} pairing waiting` : '',
    'q quits',
  ];
  return Array.from({ length: rows }, (_, index) => row(scene, [span(texts[index] ?? '')], columns));
}
