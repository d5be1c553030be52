/** Pages over the panes: sheets that scroll as text, and list views. */
import { clean } from '../draw/cells.ts';
import { type Line, span } from '../draw/line.ts';
import { callKey } from '../lists/questions.ts';
import { listPane } from '../screen/list-pane.ts';
import { type Block, row, type Scene } from '../screen/scene.ts';
import { adapterSheet } from '../sheets/adapter.ts';
import { helpSheet } from '../sheets/help.ts';
import { inviteSheet } from '../sheets/invite.ts';
import { questionSheet } from '../sheets/question.ts';
import { lineSheet, refusalSheet, requestSheet, taskSheet } from '../sheets/records.ts';
import { paragraph, type Sheet } from '../sheets/sheet.ts';
import { type TranscriptSheet, transcriptSheet } from '../sheets/transcript.ts';
import { undoSheet } from '../sheets/undo.ts';
import { foundLines, standing, topFor, withFound } from '../state/find.ts';
import { findOf, type Mode, topMode } from '../state/view.ts';
import { composerLines } from './composer.ts';
import { framed, pagePlace } from './place.ts';

type SheetMode = Extract<Mode, { kind: 'sheet' }>;
type ListMode = Extract<Mode, { kind: 'list' }>;

export function listPage(scene: Scene, mode: ListMode): Block {
  const place = pagePlace(scene);
  const { x, y, width, height } = place;
  return { x, y, lines: listPane(scene, mode.list, { width, height, focused: true }) };
}

/** The window of a page of `count` lines; tells the controller how far it can scroll. */
export function pageWindow(scene: Scene, mode: SheetMode, count: number, size: number): number {
  const last = Math.max(0, count - size);
  const top = Math.min(last, mode.top ?? last);
  scene.controller.lists.viewports.set('sheet', { first: top, size, count });
  return top;
}

export function sheetPage(scene: Scene, mode: SheetMode): Block {
  const place = pagePlace(scene);
  const inner = place.width - 2;
  const front = topMode(scene.controller.view);
  const typed =
    front?.kind === 'compose' && mode.sheet === 'session'
      ? composerLines(scene, front, inner - 2, place.height - 2)
      : [];
  const height = Math.max(0, place.height - 2 - typed.length);
  const sheet = sheetOf(scene, mode, inner - 2, height);
  const { view, lists } = scene.controller;
  const find = findOf(view);
  lists.found = foundLines(sheet.lines, find);
  lists.starts = 'starts' in sheet ? sheet.starts : [];
  const stands = standing(mode, lists.starts);
  const top = pageWindow(
    scene,
    searched(scene, stands, sheet.lines.length, height),
    sheet.lines.length,
    height,
  );
  const asked =
    mode.sheet === 'question' ? scene.controller.lists.subject('questions', mode.subject) : undefined;
  if (asked !== undefined && height > 0 && top + height >= sheet.lines.length)
    scene.controller.lists.drawn.read(callKey(asked));
  const lines = sheet.lines
    .slice(top, top + height)
    .map((line) => row(scene, [span(' '), ...withFound(line, find)], inner));
  while (typed.length > 0 && lines.length < height) lines.push([]);
  lines.push(...typed.map((line) => row(scene, [span(' '), ...line], inner)));
  const note =
    mode.sheet === 'session'
      ? followNote(mode, sheet, scene.controller.transcript.end())
      : positionNote(sheet.lines.length, top, height);
  const title: Line = [
    span(sheet.title, 'title'),
    ...(find === '' ? [] : [span(` /${clean(find, 60)} ${foundWords(scene, stands)}`, 'mark')]),
  ];
  return framed(scene, place, title, lines, note);
}

function positionNote(count: number, top: number, height: number): Line {
  return count <= height ? [] : [span(`${top + 1}-${Math.min(count, top + height)} of ${count}`, 'dim')];
}

function followNote(mode: SheetMode, sheet: Sheet, entries: number): Line {
  if (mode.top === undefined) return [...(sheet.note ?? []), span('  following', 'dim')];
  const fresh = Math.max(0, entries - (mode.seen ?? entries));
  return [
    ...(sheet.note ?? []),
    span('  paused', 'warn'),
    span(fresh > 0 ? `, ${fresh} new` : '', 'mark'),
    span(', G follows', 'warn'),
  ];
}

/** While the words are typed the page shows the place that is nearest to where it stood. */
function searched(scene: Scene, mode: SheetMode, count: number, size: number): SheetMode {
  const { view, lists } = scene.controller;
  if (topMode(view)?.kind !== 'search' || lists.found.length === 0) return mode;
  const at =
    mode.top === undefined
      ? lists.found.at(-1)
      : (lists.found.find((line) => line >= (mode.top ?? 0)) ?? lists.found[0]);
  return at === undefined ? mode : { ...mode, top: topFor(at, size, count) };
}

/** "2/5": which of the places it is. */
function foundWords({ controller }: Scene, mode: SheetMode): string {
  const { found } = controller.lists;
  if (found.length === 0) return '0';
  const at = mode.foundAt === undefined ? -1 : found.indexOf(mode.foundAt);
  return at < 0 ? String(found.length) : `${at + 1}/${found.length}`;
}

function gone(title: string): Sheet {
  return { title, lines: [[span('It is not there any more.', 'dim')]] };
}

export function sheetOf(
  scene: Scene,
  mode: SheetMode,
  width: number,
  height: number,
): Sheet | TranscriptSheet {
  const { controller } = scene;
  switch (mode.sheet) {
    case 'help':
      return helpSheet(scene, width);
    case 'adapter': {
      const entry = controller.lists.subject('adapters', mode.subject);
      return entry === undefined ? gone('Adapter') : adapterSheet(scene, entry, width, height);
    }
    case 'session':
      return transcriptSheet(
        scene,
        controller.lists.subject('sessions', mode.subject),
        controller.transcript.slice(),
        width,
      );
    case 'task': {
      const entry = controller.lists.subject('tasks', mode.subject);
      return entry === undefined ? gone('Task') : taskSheet(scene, entry, width);
    }
    case 'request': {
      const entry = controller.lists.subject('pairing', mode.subject);
      return entry === undefined ? gone('Request') : requestSheet(scene, entry, width);
    }
    case 'question': {
      const entry = controller.lists.subject('questions', mode.subject);
      return entry === undefined ? gone('Question') : questionSheet(scene, entry, width);
    }
    case 'line': {
      const entry = controller.lists.subject('log', mode.subject);
      return entry === undefined ? gone('Log line') : lineSheet(entry, width);
    }
    case 'refusal': {
      const entry = controller.lists.subject('refusals', mode.subject);
      return entry === undefined ? gone('Rejected') : refusalSheet(scene, entry, width);
    }
    case 'invite':
      return mode.invite === undefined
        ? gone('Your own phone')
        : inviteSheet(scene, mode.invite, mode.subject, width, height);
    case 'undo':
      return undoSheet(scene);
    case 'report':
    case 'status':
      return {
        title: mode.title ?? 'Report',
        lines: (mode.lines ?? []).flatMap((line) => paragraph(line, width)),
      };
  }
}
