/** Over the panes: pages that scroll as text, and list views. */
import { clean } from '../draw/cells.ts';
import { type Line, span } from '../draw/line.ts';
import { callKey } from '../lists/questions.ts';
import { adapterPage } from '../pages/adapter.ts';
import { helpPage } from '../pages/help.ts';
import { invitePage } from '../pages/invite.ts';
import { type Page, paragraph } from '../pages/page.ts';
import { pulsePage } from '../pages/pulse.ts';
import { questionPage } from '../pages/question.ts';
import { linePage, refusalPage, requestPage, taskPage } from '../pages/records.ts';
import { timingsPage } from '../pages/timings.ts';
import { type TranscriptPage, transcriptPage } from '../pages/transcript.ts';
import { undoPage } from '../pages/undo.ts';
import { listPane } from '../screen/list-pane.ts';
import { type Block, row, type Scene } from '../screen/scene.ts';
import { foundLines, standing, topFor, withFound } from '../state/find.ts';
import { findOf, type Mode, topMode } from '../state/view.ts';
import { composerLines } from './composer.ts';
import { framed, pagePlace } from './place.ts';

type PageMode = Extract<Mode, { kind: 'page' }>;
type ListMode = Extract<Mode, { kind: 'list' }>;

export function listPage(scene: Scene, mode: ListMode): Block {
  const place = pagePlace(scene);
  const { x, y, width, height } = place;
  return { x, y, lines: listPane(scene, mode.list, { width, height, focused: true }) };
}

/** The window of a page of `count` lines; tells the controller how far it can scroll. */
export function pageWindow(scene: Scene, mode: PageMode, count: number, size: number): number {
  const last = Math.max(0, count - size);
  const top = Math.min(last, mode.top ?? last);
  scene.controller.lists.viewports.set('page', { first: top, size, count });
  return top;
}

export function pagePane(scene: Scene, mode: PageMode): Block {
  const place = pagePlace(scene);
  const inner = place.width - 2;
  const front = topMode(scene.controller.view);
  const typed =
    front?.kind === 'compose' && mode.page === 'session'
      ? composerLines(scene, front, inner - 2, place.height - 2)
      : [];
  const height = Math.max(0, place.height - 2 - typed.length);
  const page = pageOf(scene, mode, inner - 2, height);
  const { view, lists } = scene.controller;
  const find = findOf(view);
  lists.found = foundLines(page.lines, find);
  lists.starts = 'starts' in page ? page.starts : [];
  const stands = standing(mode, lists.starts);
  const top = pageWindow(
    scene,
    searched(scene, stands, page.lines.length, height),
    page.lines.length,
    height,
  );
  const asked =
    mode.page === 'question' ? scene.controller.lists.subject('questions', mode.subject) : undefined;
  if (asked !== undefined && height > 0 && top + height >= page.lines.length)
    scene.controller.lists.drawn.read(callKey(asked));
  const lines = page.lines
    .slice(top, top + height)
    .map((line) => row(scene, [span(' '), ...withFound(line, find)], inner));
  while (typed.length > 0 && lines.length < height) lines.push(row(scene, [], inner));
  lines.push(...typed.map((line) => row(scene, [span(' '), ...line], inner)));
  const note =
    mode.page === 'session'
      ? followNote(mode, page, scene.controller.transcript.end())
      : positionNote(page.lines.length, top, height);
  const title: Line = [
    span(page.title, 'title'),
    ...(find === '' ? [] : [span(` /${clean(find, 60)} ${foundWords(scene, stands)}`, 'mark')]),
  ];
  return framed(scene, place, title, lines, note);
}

function positionNote(count: number, top: number, height: number): Line {
  return count <= height ? [] : [span(`${top + 1}-${Math.min(count, top + height)} of ${count}`, 'dim')];
}

function followNote(mode: PageMode, page: Page, entries: number): Line {
  if (mode.top === undefined) return [...(page.note ?? []), span('  following', 'dim')];
  const fresh = Math.max(0, entries - (mode.seen ?? entries));
  return [
    ...(page.note ?? []),
    span('  paused', 'warn'),
    span(fresh > 0 ? `, ${fresh} new` : '', 'mark'),
    span(', G follows', 'warn'),
  ];
}

/** While the words are typed the page shows the place that is nearest to where it stood. */
function searched(scene: Scene, mode: PageMode, count: number, size: number): PageMode {
  const { view, lists } = scene.controller;
  if (topMode(view)?.kind !== 'search' || lists.found.length === 0) return mode;
  const at =
    mode.top === undefined
      ? lists.found.at(-1)
      : (lists.found.find((line) => line >= (mode.top ?? 0)) ?? lists.found[0]);
  return at === undefined ? mode : { ...mode, top: topFor(at, size, count) };
}

/** "2/5": which of the places it is. */
function foundWords({ controller }: Scene, mode: PageMode): string {
  const { found } = controller.lists;
  if (found.length === 0) return '0';
  const at = mode.foundAt === undefined ? -1 : found.indexOf(mode.foundAt);
  return at < 0 ? String(found.length) : `${at + 1}/${found.length}`;
}

function gone(title: string): Page {
  return { title, lines: [[span('It no longer exists.', 'dim')]] };
}

export function pageOf(scene: Scene, mode: PageMode, width: number, height: number): Page | TranscriptPage {
  const { controller } = scene;
  switch (mode.page) {
    case 'help':
      return helpPage(scene, width);
    case 'pulse':
      return pulsePage(scene, width, height);
    case 'adapter': {
      const entry = controller.lists.subject('adapters', mode.subject);
      return entry === undefined ? gone('Adapter') : adapterPage(scene, entry, width, height);
    }
    case 'session':
      return transcriptPage(
        scene,
        controller.lists.subject('sessions', mode.subject),
        controller.transcript.slice(),
        width,
      );
    case 'task': {
      const entry = controller.lists.subject('tasks', mode.subject);
      return entry === undefined ? gone('Task') : taskPage(scene, entry, width);
    }
    case 'request': {
      const entry = controller.lists.subject('pairing', mode.subject);
      return entry === undefined ? gone('Request') : requestPage(scene, entry, width);
    }
    case 'question': {
      const entry = controller.lists.subject('questions', mode.subject);
      return entry === undefined ? gone('Question') : questionPage(scene, entry, width);
    }
    case 'line': {
      const entry = controller.lists.subject('log', mode.subject);
      return entry === undefined ? gone('Log line') : linePage(entry, width);
    }
    case 'refusal': {
      const entry = controller.lists.subject('refusals', mode.subject);
      return entry === undefined ? gone('Rejected') : refusalPage(scene, entry, width);
    }
    case 'invite':
      return mode.invite === undefined
        ? gone('Pair my phone')
        : invitePage(scene, mode.invite, mode.subject, width, height);
    case 'timings':
      return timingsPage(scene, mode.timelines ?? [], width);
    case 'undo':
      return undoPage(scene);
    case 'report':
    case 'status':
      return {
        title: mode.title ?? 'Report',
        lines: (mode.lines ?? []).flatMap((line) => paragraph(line, width)),
      };
  }
}
