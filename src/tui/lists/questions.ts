/** Open questions of agents, over the panes. */
import type { DialogView } from '../../gateway/model.ts';
import { clean, fillTo } from '../draw/cells.ts';
import { type Span, span, spread } from '../draw/line.ts';
import { type ListDefinition, oneLine } from './list.ts';

/** A call or question as one line. */
export function questionWords({ call, title }: DialogView): string {
  return call === undefined
    ? clean(title, 300)
    : `${clean(call.tool, 40)} ${clean(call.arguments.replace(/\s+/g, ' '), 400)}`;
}

export const questionsList: ListDefinition<DialogView> = {
  title: 'Questions',
  rows: ({ slices }) => slices.dialogs,
  key: (row) => row.id,
  haystack: (row) =>
    `#${row.number} ${row.kind} ${row.chat?.platform ?? ''} ${row.requesterName ?? ''} ${questionWords(row)}`,
  height: oneLine,
  count: (rows) => String(rows.length),
  empty: () => [
    'No agent asks anything.',
    'Tool calls that wait for an approval (agent.approvals) and other questions appear here.',
  ],
  draw(row, { width, glyphs, ticker, pending }) {
    const left: Span[] = [
      span(fillTo(`#${row.number}`, 4), 'strong'),
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
      span(questionWords(row)),
    ];
    const right = pending.has(row.id)
      ? [span(`working${glyphs.ellipsis}`, 'dim')]
      : [span(`${ticker.left(row.expiresAt)} left`, 'dim')];
    return [spread(left, right, width, glyphs.ellipsis, 30)];
  },
};
