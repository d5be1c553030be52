/** Over the panes: pages that scroll as text, and list views. The pages of help, undo and invitation. */

import type { AdapterView } from '../../gateway/model.ts';
import { clean, fillTo, wrap } from '../draw/cells.ts';
import {
  BLANK,
  fact,
  heading,
  type Line,
  type Page,
  paragraph,
  qrLines,
  span,
  widest,
} from '../draw/line.ts';
import { UNICODE_GLYPHS } from '../draw/theme.ts';
import { commandTable, keyTable } from '../keys/bindings.ts';
import { inviteLink, invitePlatforms } from '../lists/people.ts';
import { callKey } from '../lists/questions.ts';
import { pulsePage, timingsPage } from '../pages/pulse.ts';
import { linePage, questionPage, refusalPage, requestPage, taskPage } from '../pages/records.ts';
import { adapterPage } from '../pages/status.ts';
import { composerLines, type TranscriptPage, transcriptPage } from '../pages/transcript.ts';
import { listPane } from '../screen/panes.ts';
import { type Block, framed, pagePlace, row, type Scene } from '../screen/scene.ts';
import { foundLines, standing, topFor, withFound } from '../state/scroll.ts';
import { findOf, type Invite, type Mode, topMode } from '../state/view.ts';

/** Every key, then every command; made from the registry. */
function helpPage({ controller, glyphs }: Scene, width: number): Page {
  const rows = keyTable(controller.bindings, glyphs !== UNICODE_GLYPHS);
  const keyWidth = widest(
    rows.map((row) => row.keys),
    Math.max(8, Math.floor(width / 3)),
  );
  const lines: Line[] = [];
  let scope = '';
  const entry = (keys: string, help: string, column: number): void => {
    for (const [index, text] of wrap(help, Math.max(10, width - column - 4)).entries())
      lines.push([
        span('  '),
        span(fillTo(index === 0 ? keys : '', column, 'left', glyphs.ellipsis), 'key'),
        span('  '),
        span(text),
      ]);
  };
  for (const row of rows) {
    if (row.scope !== scope) {
      if (scope !== '') lines.push(BLANK);
      lines.push(heading(row.scope));
      scope = row.scope;
    }
    entry(row.keys, row.help, keyWidth);
  }
  lines.push(BLANK, heading('Commands (:)'));
  const commands = commandTable();
  const wordWidth = widest(
    commands.map((row) => row.words),
    Math.max(8, Math.floor(width / 2)),
  );
  for (const row of commands) entry(row.words, row.help, wordWidth);
  return { title: 'Help', lines };
}

/** The code for the operator's phone: QR or text, and how it is used on each platform that is up. */
function invitePage(scene: Scene, invite: Invite, subject: string, width: number, height: number): Page {
  const platforms = invitePlatforms(scene.controller.slices.adapters);
  const row = platforms.find((entry) => entry.platform === subject) ?? platforms[0];
  const head: Line[] = [
    [span('Code'.padEnd(14), 'dim'), span(clean(invite.code, 20), 'code')],
    ...fact(
      'Good for',
      `one person, ${scene.ticker.left(invite.expiresAt)}; this page closes when it is used`,
      width,
    ),
    BLANK,
  ];
  const title = 'Pair my phone';
  if (row === undefined)
    return {
      title,
      lines: [
        ...head,
        ...paragraph('No platform is connected: start an adapter first (1, then s).', width, 'warn'),
      ],
    };
  const link = inviteLink(row, invite.code);
  const bot = clean(row.account?.name ?? 'the bot', 60);
  const others = platforms.filter((entry) => entry !== row).map((entry) => entry.platform);
  const lines = [...head, heading(row.platform), ...howTo(row, bot, link, width)];
  if (others.length > 0) lines.push(...paragraph(`Or on ${others.join(', ')}: press n.`, width, 'dim', '  '));
  if (link !== undefined) lines.push(BLANK, ...picture(scene, link, width, height - lines.length - 1));
  return { title, lines };
}

function howTo(row: AdapterView, bot: string, link: string | undefined, width: number): Line[] {
  if (link !== undefined)
    return [
      ...paragraph(`Scan the code with the phone, or open ${link}`, width, 'text', '  '),
      ...paragraph(
        row.platform === 'telegram' ? 'Then press Start.' : 'Then send the message that is already written.',
        width,
        'text',
        '  ',
      ),
    ];
  if (row.platform === 'websocket')
    return paragraph('Run pi-gateway-tui chat and send the code as the first message.', width, 'text', '  ');
  const where = row.platform === 'twitch' ? `whisper it to ${bot}` : `send it to ${bot} as a direct message`;
  return paragraph(
    `From the account on the phone, ${where}: the code alone, nothing else.`,
    width,
    'text',
    '  ',
  );
}

/** The QR code when it fits whole: half a code cannot be scanned, and the link above does the same. */
function picture(scene: Scene, link: string, width: number, height: number): readonly Line[] {
  const code = qrLines(link, scene.theme);
  if (code === undefined) return [];
  if (code.width <= width && code.lines.length <= height) return code.lines;
  return paragraph(
    `The QR code needs ${code.width + 4}x${code.lines.length + 12} cells: enlarge the window, or use the link or the code above.`,
    width,
    'warn',
    '  ',
  );
}

/** What can be undone, the newest first. */
function undoPage({ controller, ticker }: Scene): Page {
  const entries = controller.view.undos.filter((entry) => entry.until > ticker.now).toReversed();
  for (const { until } of entries) ticker.at(until);
  return {
    title: 'Undo',
    lines:
      entries.length === 0
        ? [[span('Nothing can be undone.', 'dim')]]
        : entries.map(
            ({ text, until }, at): Line => [
              span(at === 0 ? 'u  ' : '   ', 'key'),
              span(`${ticker.left(until)} left`.padEnd(10), 'dim'),
              span(clean(text, 300)),
            ],
          ),
  };
}

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
  const written = topMode(scene.controller.view);
  const typed =
    written?.kind === 'compose' && mode.page === 'session'
      ? composerLines(scene, written, inner - 2, place.height - 2)
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
