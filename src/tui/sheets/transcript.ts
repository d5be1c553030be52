/** The live transcript of a session. Wrapped lines are remembered for each entry: only new ones are wrapped again. */
import type { SessionView, TranscriptEntry } from '../../gateway/model.ts';
import { clean, wrap } from '../draw/cells.ts';
import { type Line, type Span, span } from '../draw/line.ts';
import type { Style } from '../draw/theme.ts';
import { clockTime } from '../draw/times.ts';
import { isWorking, sessionName, sessionSign } from '../lists/sessions.ts';
import type { Scene } from '../screen/scene.ts';
import type { TranscriptSlice } from '../state/transcript.ts';
import { paragraph, type Sheet } from './sheet.ts';

/**
 * Markdown for reading in a terminal: headings, lists, quotes, code and emphasis, line by line. It does not parse the
 * whole language: a streamed answer is incomplete most of the time, and a line that is not understood stays as it is.
 */

const LIMIT = 4_000;

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

const wrapped = new WeakMap<TranscriptEntry, { readonly width: number; readonly lines: readonly Line[] }>();

function entryLines(entry: TranscriptEntry, width: number): readonly Line[] {
  const known = wrapped.get(entry);
  if (known !== undefined && known.width === width) return known.lines;
  const { name, style } = ROLES[entry.role];
  const head: Line = [
    span(entry.name === undefined ? name : clean(entry.name, 60), style),
    span(`  ${clockTime(entry.at)}`, 'dim'),
    ...(entry.mark === undefined || entry.mark === 'answered'
      ? []
      : [span(`  ${entry.mark.replace('_', ' ')}`, 'warn')]),
  ];
  const body =
    entry.role === 'agent'
      ? markdownLines(entry.text, width - 2)
      : paragraph(entry.text, width - 2, entry.role === 'tool' || entry.role === 'notice' ? 'dim' : 'text');
  const lines: Line[] = [head, ...body.map((line): Line => [span('  '), ...line])];
  wrapped.set(entry, { width, lines });
  return lines;
}

export function transcriptSheet(
  scene: Scene,
  row: SessionView | undefined,
  slice: TranscriptSlice | undefined,
  width: number,
): Sheet {
  const { glyphs } = scene;
  const lines: Line[] = [];
  if (slice === undefined || slice.loading) lines.push([span('Loading the conversation.', 'dim')]);
  else {
    if (slice.error !== undefined) lines.push(...paragraph(slice.error, width, 'bad'));
    if (slice.first > 0) lines.push([span(`${slice.first} older entries are not kept here`, 'dim')]);
    for (const entry of slice.entries) lines.push(...entryLines(entry, width));
    if (slice.live !== '') {
      lines.push([span('agent', 'ok'), span(`  now ${glyphs.ellipsis}`, 'dim')]);
      for (const line of markdownLines(slice.live, width - 2)) lines.push([span('  '), ...line]);
    }
    if (slice.activity !== '') lines.push([span(`  ${glyphs.busy} ${clean(slice.activity, 120)}`, 'warn')]);
    if (lines.length === 0) lines.push([span('Nothing was said yet.', 'dim')]);
  }
  const title = row === undefined ? 'Session' : `${row.chat.platform} ${sessionName(row, glyphs.sub)}`;
  const note: Line =
    row === undefined
      ? []
      : [
          sessionSign(row.state, glyphs),
          span(isWorking(row) && row.state === 'paused' ? ' running, then paused' : ` ${row.state}`),
          span(row.waiting > 0 ? ` +${row.waiting}` : '', 'warn'),
        ];
  return { title, lines, note };
}
