/** What a search found. */
import type { SearchHit } from '../../gateway/operator/operator.ts';
import { clean, fillTo } from '../draw/cells.ts';
import { type Span, span, spread } from '../draw/line.ts';
import { momentOf } from '../draw/times.ts';
import type { Slices } from '../state/slices.ts';
import { type Hit, type ListDefinition, oneLine } from './list.ts';
import { sessionName } from './sessions.ts';

export const hitsList: ListDefinition<Hit> = {
  title: 'Search',
  rows: ({ loaded }) => loaded.hits,
  key: (row) => `${row.kind} ${row.id} ${row.at} ${row.text}`,
  haystack: (row) => `${row.kind} ${row.who} ${row.where} ${row.text}`,
  columns: { kind: (row) => row.kind, who: (row) => row.who, where: (row) => row.where, at: (row) => row.at },
  height: oneLine,
  count: (rows) => String(rows.length),
  empty: () => [
    'Nothing was found.',
    ': search <words> looks in all transcripts, tasks and rejected messages.',
  ],
  draw(row, { width, glyphs, ticker }) {
    const left: Span[] = [
      ...(width >= 60 ? [span(fillTo(momentOf(row.at, ticker.now), 12), 'dim'), span(' ')] : []),
      span(fillTo(row.kind === 'refusal' ? 'rejected' : row.kind, 8), 'accent'),
      span(' '),
      ...(width >= 80 && row.where !== ''
        ? [span(fillTo(clean(row.where, 80), 20, 'left', glyphs.ellipsis), 'dim'), span(' ')]
        : []),
      span(`${clean(row.who, 40)}: `, 'strong'),
      span(clean(row.text, 400)),
    ];
    return [spread(left, [], width, glyphs.ellipsis)];
  },
};

/** Hits with the names of their chats. */
export function placed(hits: readonly SearchHit[], { sessions }: Pick<Slices, 'sessions'>): Hit[] {
  const names = new Map(sessions.map((row) => [row.id, `${row.chat.platform} ${sessionName(row)}`]));
  return hits.map((hit) => ({ ...hit, where: names.get(hit.id) ?? '' }));
}
