/** Rejected messages by person, with what they wrote; and blocked senders. */
import type { RefusalView } from '../../gateway/model.ts';
import { clean, fillTo } from '../draw/cells.ts';
import { type Span, span, spread } from '../draw/line.ts';
import { type Blocked, type ListDefinition, oneLine, platformCell, type RejectedPerson } from './list.ts';

export function personKey({ platform, senderId }: Pick<RefusalView, 'platform' | 'senderId'>): string {
  return `${platform} ${senderId}`;
}

const grouped = new WeakMap<readonly RefusalView[], readonly RejectedPerson[]>();

/** One row for each person, in the order of the first of their messages in the list. */
function byPerson(refusals: readonly RefusalView[]): readonly RejectedPerson[] {
  const known = grouped.get(refusals);
  if (known !== undefined) return known;
  const people = Map.groupBy(refusals, personKey);
  const rows = [...people.values()].map((messages): RejectedPerson => {
    const sorted = messages.toSorted((a, b) => a.at - b.at);
    const [first] = messages;
    const last = sorted.at(-1) ?? first;
    const count = messages.reduce((sum, each) => sum + (each.count ?? 1), 0);
    if (last === undefined) throw new RangeError('a group has a member');
    const { count: _one, ...row } = last;
    return { ...row, messages: sorted, ...(count === 1 ? {} : { count }) };
  });
  grouped.set(refusals, rows);
  return rows;
}

export const refusalsList: ListDefinition<RejectedPerson> = {
  title: 'Rejected',
  rows: ({ slices }) => byPerson(slices.refusals),
  key: personKey,
  haystack: (row) =>
    `${row.platform} ${row.senderName} ${row.senderId} ${row.code} ${row.reason} ${row.text ?? ''}`,
  columns: {
    platform: (row) => row.platform,
    user: (row) => [row.senderName, row.senderId],
    code: (row) => row.code,
    at: (row) => row.at,
    messages: (row) => row.count ?? 1,
  },
  height: oneLine,
  count: (rows) => String(rows.length),
  empty: () => ['No rejected messages.', 'Every rejected message appears here with its reason.'],
  draw(row, { width, glyphs, ticker, pending, ...context }) {
    const left: Span[] = [
      platformCell(row.platform, context),
      span(' '),
      span(
        fillTo(clean(row.senderName, 120), Math.min(20, Math.floor(width / 4)), 'left', glyphs.ellipsis),
        'strong',
      ),
      span(' '),
      ...(width >= 60 ? [span(`${clean(row.senderId, 40)} `, 'dim')] : []),
      span(clean(row.reason, 300)),
      ...(row.count === undefined ? [] : [span(` (${row.count} messages)`, 'dim')]),
      ...(row.text === undefined
        ? []
        : [span(` ${glyphs.quote[0]}${clean(row.text, 200)}${glyphs.quote[1]}`, 'dim')]),
    ];
    const right = pending.has(personKey(row))
      ? [span(`working${glyphs.ellipsis}`, 'dim')]
      : [span(`${ticker.age(row.at)} ago`, 'dim')];
    return [spread(left, right, width, glyphs.ellipsis)];
  },
};

export const blockedList: ListDefinition<Blocked> = {
  title: 'Blocked',
  rows: ({ loaded }) => loaded.blocked,
  key: (row) => `${row.platform} ${row.userId}`,
  haystack: (row) => `${row.platform} ${row.userId}`,
  columns: { platform: (row) => row.platform, id: (row) => row.userId, since: (row) => row.at },
  height: oneLine,
  count: (rows) => String(rows.length),
  empty: () => ['No one is blocked.', 'b blocks the sender of a request or of a rejected message.'],
  draw(row, { width, glyphs, ticker, pending, ...context }) {
    const left: Span[] = [
      platformCell(row.platform, context),
      span(' '),
      span(clean(row.userId, 80), 'strong'),
    ];
    const right = pending.has(`${row.platform} ${row.userId}`)
      ? [span(`working${glyphs.ellipsis}`, 'dim')]
      : [span(`blocked ${ticker.age(row.at)} ago`, 'dim')];
    return [spread(left, right, width, glyphs.ellipsis)];
  },
};
