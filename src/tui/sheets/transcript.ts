/** The live transcript of a session. Wrapped lines are remembered for each entry: only new ones are wrapped again. */
import type { SessionView, TranscriptEntry } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import { type Line, span } from '../draw/line.ts';
import type { Style } from '../draw/theme.ts';
import { clockTime } from '../draw/times.ts';
import { isWorking, sessionName, sessionSign } from '../lists/sessions.ts';
import type { Scene } from '../screen/scene.ts';
import type { TranscriptSlice } from '../state/transcript.ts';
import { markdownLines } from './markdown.ts';
import { paragraph, type Sheet } from './sheet.ts';

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
  const head: Line = [span(name, style), span(`  ${clockTime(entry.at)}`, 'dim')];
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
