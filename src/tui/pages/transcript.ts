/** The live transcript of a session. Wrapped lines are remembered for each entry: only new ones are wrapped again. */

import type { MessageMark, TranscriptEntry } from '../../gateway/model.ts';
import type { SessionView } from '../../gateway/operator/operator.ts';
import { cellWidth, clean, wrap } from '../draw/cells.ts';
import { cutLine, type Line, type Page, paragraph, type Span, span } from '../draw/line.ts';
import type { Glyphs, Style } from '../draw/theme.ts';
import { clockTime, dayOf } from '../draw/times.ts';
import type { Field } from '../forms/form.ts';
import { boundWords, isWorking, sessionName, sessionSign } from '../lists/sessions.ts';
import type { Scene } from '../screen/scene.ts';
import type { Starts } from '../state/scroll.ts';
import type { TranscriptSlice } from '../state/transcript.ts';
import type { Mode } from '../state/view.ts';

const LIMIT = 4_000;

/**
 * Markdown for reading in a terminal: headings, lists, quotes, code and emphasis, line by line. It does not parse the
 * whole language: a streamed answer is incomplete most of the time, and a line that is not understood stays unchanged.
 */
function markdownLines(text: string, width: number): Line[] {
  const lines: Line[] = [];
  let fenced = false;
  for (const raw of text.slice(0, 200_000).split('\n')) {
    if (/^\s*(```|~~~)/u.test(raw)) {
      fenced = !fenced;
      continue;
    }
    if (fenced) pushPlain(lines, `  ${clean(raw.replaceAll('\t', '  '), 8_000)}`, width, 'code');
    else pushBlock(lines, clean(raw, 8_000), width);
    if (lines.length >= LIMIT) break;
  }
  return lines;
}

function pushPlain(lines: Line[], text: string, width: number, style: Style): void {
  for (const part of wrap(text, width)) lines.push([span(part, style)]);
}

function pushBlock(lines: Line[], text: string, width: number): void {
  const title = /^#{1,6}\s+(.*)$/u.exec(text);
  if (title !== null) {
    pushPlain(lines, title[1] ?? '', width, 'title');
    return;
  }
  const quote = /^>\s?(.*)$/u.exec(text);
  if (quote !== null) {
    pushIndented(lines, '> ', quote[1] ?? '', width, 'dim');
    return;
  }
  const item = /^(\s*)([-*+]|\d{1,3}[.)])\s+(.*)$/u.exec(text);
  if (item !== null) {
    const mark = /\d/u.test(item[2] ?? '') ? (item[2] ?? '') : '-';
    pushIndented(lines, `${(item[1] ?? '').slice(0, 8)}${mark} `, item[3] ?? '', width, 'text');
    return;
  }
  pushIndented(lines, '', text, width, 'text');
}

function pushIndented(lines: Line[], prefix: string, text: string, width: number, style: Style): void {
  const room = Math.max(4, width - prefix.length);
  for (const [index, part] of wrap(text, room).entries())
    lines.push([span(index === 0 ? prefix : ' '.repeat(prefix.length), 'dim'), ...inline(part, style)]);
}

/** `code` and **strong** within one line; marks that do not close on it stay visible. */
function inline(text: string, style: Style): Span[] {
  const out: Span[] = [];
  let from = 0;
  for (const match of text.matchAll(/`([^`]+)`|\*\*([^*]+)\*\*/gu)) {
    if (match.index > from) out.push(span(text.slice(from, match.index), style));
    out.push(match[1] === undefined ? span(match[2] ?? '', 'strong') : span(match[1], 'code'));
    from = match.index + match[0].length;
  }
  if (from < text.length) out.push(span(text.slice(from), style));
  return out;
}

const ROLES: Readonly<Record<TranscriptEntry['role'], { name: string; style: Style }>> = {
  user: { name: 'user', style: 'accent' },
  agent: { name: 'agent', style: 'ok' },
  operator: { name: 'operator', style: 'mark' },
  notice: { name: 'notice', style: 'dim' },
  tool: { name: 'tool', style: 'dim' },
};

/** What became of a message, where it was not simply answered. */
const MARKS: Readonly<Record<MessageMark, { words: string; style: Style }>> = {
  queued: { words: 'queued', style: 'warn' },
  running: { words: 'running', style: 'accent' },
  offered: { words: 'waits for /retry', style: 'warn' },
  answered: { words: 'answered', style: 'dim' },
  joined: { words: 'joined the running turn', style: 'dim' },
  dropped: { words: 'dropped', style: 'bad' },
  stopped: { words: 'stopped', style: 'warn' },
  interrupted: { words: 'interrupted', style: 'warn' },
  timed_out: { words: 'timed out', style: 'bad' },
  failed: { words: 'failed', style: 'bad' },
};

const wrapped = new WeakMap<TranscriptEntry, { readonly key: string; readonly lines: readonly Line[] }>();

function entryLines(
  entry: TranscriptEntry,
  width: number,
  toolsOpen: boolean,
  glyphs: Glyphs,
): readonly Line[] {
  const key = `${width} ${entry.role === 'tool' ? toolsOpen : ''}`;
  const known = wrapped.get(entry);
  if (known !== undefined && known.key === key) return known.lines;
  const lines =
    entry.role === 'tool' && !toolsOpen ? [foldedTool(entry, width, glyphs)] : wholeEntry(entry, width);
  wrapped.set(entry, { key, lines });
  return lines;
}

/** A tool call on one line: what was run; what it returned is behind `T`. */
function foldedTool(entry: TranscriptEntry, width: number, glyphs: Glyphs): Line {
  const [call = ''] = entry.text.split('\n', 1);
  const name = entry.name === undefined ? '' : ` ${clean(entry.name, 60)}`;
  return cutLine(
    [span(`  ${glyphs.sub} tool${name} `, 'accent'), span(clean(call, 400), 'dim')],
    width,
    glyphs.ellipsis,
  ).line;
}

function wholeEntry(entry: TranscriptEntry, width: number): Line[] {
  const { name, style } = ROLES[entry.role];
  const shown = entry.name === undefined ? name : clean(entry.name, 60);
  const mark = entry.mark === undefined ? undefined : MARKS[entry.mark];
  const head: Line = [
    span(entry.role === 'tool' && entry.name !== undefined ? `tool ${shown}` : shown, style),
    span(`  ${clockTime(entry.at)}`, 'dim'),
    ...(mark === undefined ? [] : [span(`  ${mark.words}`, mark.style)]),
  ];
  const body =
    entry.role === 'agent'
      ? markdownLines(entry.text, width - 2)
      : paragraph(entry.text, width - 2, entry.role === 'tool' || entry.role === 'notice' ? 'dim' : 'text');
  return [head, ...body.map((line): Line => [span('  '), ...line])];
}

interface Said {
  readonly key: string;
  readonly lines: readonly Line[];
  readonly starts: Starts;
}

const said = new WeakMap<readonly TranscriptEntry[], Said>();

/** The lines of all entries; the same object for the same slice, however often it is drawn. */
function saidLines(slice: TranscriptSlice, width: number, toolsOpen: boolean, glyphs: Glyphs): Said {
  const key = `${width} ${toolsOpen} ${slice.older}`;
  const known = said.get(slice.entries);
  if (known !== undefined && known.key === key) return known;
  const lines: Line[] = [];
  const starts: { number: number; line: number }[] = [];
  if (slice.older === 'loading') lines.push([span(`Loading older messages${glyphs.ellipsis}`, 'dim')]);
  else if (slice.older === 'more' && slice.entries.length > 0)
    lines.push([span('Scroll up for older messages.', 'dim')]);
  let day = '';
  for (const [index, entry] of slice.entries.entries()) {
    starts.push({ number: slice.first + index, line: lines.length });
    const today = dayOf(entry.at);
    if (today !== day)
      lines.push([span(`${glyphs.box.h.repeat(2)} ${today} ${glyphs.box.h.repeat(2)}`, 'dim')]);
    day = today;
    for (const line of entryLines(entry, width, toolsOpen, glyphs)) lines.push(line);
  }
  const made = { key, lines, starts };
  said.set(slice.entries, made);
  return made;
}

export interface TranscriptPage extends Page {
  readonly starts: Starts;
}

export function transcriptPage(
  scene: Scene,
  row: SessionView | undefined,
  slice: TranscriptSlice | undefined,
  width: number,
): TranscriptPage {
  const { glyphs } = scene;
  const title = row === undefined ? 'Session' : `${row.chat.platform} ${sessionName(row, glyphs.sub)}`;
  const note: Line =
    row === undefined
      ? []
      : [
          sessionSign(row.state, glyphs),
          span(isWorking(row) && row.state === 'paused' ? ' running, then paused' : ` ${row.state}`),
          ...(row.bound === undefined
            ? []
            : [span(` ${boundWords(row)} ${clean(row.bound.piSession ?? '', 40)}`.trimEnd(), 'mark')]),
          span(row.waiting > 0 ? ` +${row.waiting}` : '', 'warn'),
        ];
  if (slice === undefined || slice.loading)
    return { title, note, lines: [[span('Loading the conversation.', 'dim')]], starts: [] };
  const { lines: all, starts } = saidLines(slice, width, scene.controller.view.toolsOpen, glyphs);
  const now: Line[] = [];
  if (slice.error !== undefined) now.push(...paragraph(slice.error, width, 'bad'));
  if (slice.live !== '') {
    now.push([span('agent', 'ok'), span(`  now ${glyphs.ellipsis}`, 'dim')]);
    for (const line of markdownLines(slice.live, width - 2)) now.push([span('  '), ...line]);
  }
  if (slice.activity !== '') now.push([span(`  ${glyphs.busy} ${clean(slice.activity, 120)}`, 'warn')]);
  const lines = now.length === 0 ? all : [...all, ...now];
  return {
    title,
    note,
    lines: lines.length === 0 ? [[span('Nothing was said yet.', 'dim')]] : lines,
    starts,
  };
}

/** The text takes at most this part of the page. */
const PART = 3;

/**
 * The composer at the foot of a transcript: a rule that says to whom, and the text around the cursor. Lines of exactly
 * what is shown; none when there is no room.
 */
export function composerLines(
  scene: Scene,
  mode: Extract<Mode, { kind: 'compose' }>,
  width: number,
  height: number,
): Line[] {
  if (height < 3) return [];
  const { glyphs, controller } = scene;
  const row = controller.lists.subject('sessions', mode.session);
  const name = row === undefined ? 'this chat' : `${row.chat.platform} ${sessionName(row, glyphs.sub)}`;
  const rule = cutLine(
    [
      span(`${glyphs.box.h} Write to ${name} `, 'title'),
      span('as the bot; the agent does not answer it. ', 'dim'),
      span(glyphs.box.h.repeat(width), 'border'),
    ],
    width,
    '',
  ).line;
  const { lines, caret } = laid(mode.field, Math.max(1, width - 2));
  const room = Math.max(1, Math.floor(height / PART));
  const first = Math.max(0, Math.min(caret - room + 1, lines.length - room));
  return [
    rule,
    ...lines
      .slice(first, first + room)
      .map((line, at): Line => [span(first + at === 0 ? '> ' : '  ', 'key'), ...line]),
  ];
}

/** The field in lines of at most `width` cells, and the line in which the cursor stands. */
function laid(field: Field, width: number): { readonly lines: readonly Line[]; readonly caret: number } {
  const lines: Span[][] = [[]];
  let used = 0;
  let caret = 0;
  let text = '';
  const flush = (): void => {
    if (text !== '') lines.at(-1)?.push(span(text));
    text = '';
  };
  const next = (): void => {
    flush();
    lines.push([]);
    used = 0;
  };
  for (const [index, char] of [...field.chars, ' '].entries()) {
    const here = index === field.cursor;
    const shown = char === '\n' ? ' ' : char;
    const cells = cellWidth(shown);
    if (used + cells > width) next();
    if (here) {
      flush();
      lines.at(-1)?.push(span(shown, 'caret'));
      caret = lines.length - 1;
    } else if (char !== '\n' && index < field.chars.length) text += shown;
    used += cells;
    if (char === '\n') next();
  }
  flush();
  return { lines, caret };
}
