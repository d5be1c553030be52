/** Open questions of agents, over the panes. */
import type { DialogView } from '../../gateway/model.ts';
import { clean, fillTo } from '../draw/cells.ts';
import { hides, marked } from '../draw/danger.ts';
import { type Line, type Span, span, spread } from '../draw/line.ts';
import { type ListDefinition, oneLine } from './list.ts';
import { gatewayOf, originSpans } from './origin.ts';

/** A call or question as one line. */
export function questionWords({ call, title }: DialogView): string {
  return call === undefined
    ? clean(title, 300)
    : `${clean(call.tool, 40)} ${clean(call.arguments.replace(/\s+/g, ' '), 400)}`;
}

/** Whether a drawn row holds the whole call: nothing cut off, nothing that is not drawn. */
export function showsWholeCall({ call }: DialogView, lines: readonly Line[]): boolean {
  if (call === undefined) return true;
  const flat = `${call.tool} ${call.arguments.replace(/\s+/g, ' ')}`;
  const drawn = lines.map((line) => line.map(({ text }) => text).join('')).join('');
  return !hides(call.arguments) && clean(flat, flat.length) === flat && drawn.includes(flat);
}

/** What tells one call from another. */
export function callKey({ id, call }: DialogView): string {
  return `${id} ${call?.hash ?? ''}`;
}

export const questionsList: ListDefinition<DialogView> = {
  title: 'Questions',
  rows: ({ slices }) => slices.dialogs,
  key: (row) => row.id,
  haystack: (row) =>
    `${gatewayOf(row.id) ?? ''} #${row.number} ${row.kind} ${row.chat?.platform ?? ''} ${row.requesterName ?? ''} ${questionWords(row)}`,
  columns: { gateway: (row) => gatewayOf(row.id) },
  height: oneLine,
  count: (rows) => String(rows.length),
  empty: () => [
    'No agent asks anything.',
    'Tool calls that need approval (agent.approvals) and other questions appear here.',
  ],
  draw(row, { width, glyphs, ticker, pending }) {
    const left: Span[] = [
      ...originSpans(row.id, glyphs.ellipsis),
      // Never cut: it is what an answer in the chat names.
      span(`#${row.number}`.padEnd(4), 'strong'),
      span(' '),
      span(
        fillTo(row.kind === 'approval' ? 'approve?' : row.kind, 8),
        row.kind === 'approval' ? 'warn' : 'text',
      ),
      span(' '),
      span(fillTo(row.chat?.platform ?? '', 9), 'dim'),
      span(' '),
      span(
        fillTo(
          clean(row.requesterName ?? 'operator', 60),
          Math.min(16, Math.floor(width / 5)),
          'left',
          glyphs.ellipsis,
        ),
        'strong',
      ),
      span(' '),
      ...(row.call === undefined ? [span(questionWords(row))] : marked(questionWords(row))),
    ];
    const right = pending.has(row.id)
      ? [span(`working${glyphs.ellipsis}`, 'dim')]
      : [span(`${ticker.left(row.expiresAt)} left`, 'dim')];
    return [spread(left, right, width, glyphs.ellipsis, 30)];
  },
};
