import type { PairingView } from '../../gateway/model.ts';
import { clean, cut } from '../draw/cells.ts';
import { cutLine, type Line, type Span, span, spread } from '../draw/line.ts';
import type { Style } from '../draw/theme.ts';
import { type DrawContext, type ListDefinition, platformCell } from './list.ts';
import { gatewayOf, originSpans } from './origin.ts';

/** Below this width the facts of a request take two lines instead of one: the id must be seen whole, names lie. */
const WIDE = 84;
const SOON_MS = 5 * 60_000;

/** The code, or why it is not shown. */
export function codeWords(row: PairingView): Span {
  if (row.code !== undefined) return span(clean(row.code, 16), 'code');
  return span(row.kind === 'queued' ? 'asked, no code' : 'code hidden', 'dim');
}

function times(row: PairingView, { ticker }: DrawContext): Line {
  const style: Style = row.expiresAt - ticker.now < SOON_MS ? 'warn' : 'dim';
  return [
    span(`${ticker.age(row.createdAt)} ago`, 'dim'),
    span('  '),
    span(`${ticker.left(row.expiresAt)} left`, style),
  ];
}

export const pairingList: ListDefinition<PairingView> = {
  title: 'Pairing',
  rows: ({ slices }) => slices.pairing,
  key: (row) => row.id,
  haystack: (row) =>
    `${gatewayOf(row.id) ?? ''} ${row.platform} ${row.senderName} ${row.senderId} ${row.code ?? ''} ${row.firstWords} ${row.accountId}`,
  columns: {
    name: (row) => row.senderName,
    platform: (row) => row.platform,
    asked: (row) => row.createdAt,
    account: (row) => row.accountId,
    id: (row) => row.senderId,
    gateway: (row) => gatewayOf(row.id),
  },
  height: (width) => (width >= WIDE ? 2 : 3),
  count: (rows, slices) =>
    slices.gateway.turnedAway > 0
      ? `${rows.length}, ${slices.gateway.turnedAway} rejected`
      : String(rows.length),
  empty: () => [
    'No pending requests.',
    'New users who message a bot appear here: a approve, d deny, b block.',
  ],
  draw(row, context) {
    const { width, glyphs, pending } = context;
    const platform = [...originSpans(row.id, glyphs.ellipsis), platformCell(row.platform, context)];
    const id = row.senderId === '' ? [] : [span('id ', 'dim'), span(clean(row.senderId, 80))];
    const state = pending.has(row.id) ? [span(`working${glyphs.ellipsis}`, 'warn')] : times(row, context);
    const made =
      row.kind === 'generated'
        ? 'Code made for this user; approve it when they have told you.'
        : row.kind === 'invitation'
          ? 'Invite code: its holder gets access by sending it to the bot.'
          : undefined;
    const words: Line =
      made !== undefined
        ? [span(`  ${made}`, 'dim')]
        : [
            span(`  ${glyphs.quote[0]}`, 'dim'),
            ...cutLine([span(clean(row.firstWords, 600))], width - 4, glyphs.ellipsis).line,
            span(glyphs.quote[1], 'dim'),
          ];
    const name = span(cut(clean(row.senderName, 120), Math.floor(width / 3), glyphs.ellipsis), 'strong');
    if (width >= WIDE) {
      const facts = [...platform, span(' '), name, span('  '), ...id, span('  ')];
      return [spread(facts, [codeWords(row), span('  '), ...state], width, glyphs.ellipsis, 20), words];
    }
    return [
      spread([...platform, span(' '), name], state, width, glyphs.ellipsis, 14),
      cutLine([span('  '), codeWords(row), span('  '), ...id], width, glyphs.ellipsis).line,
      words,
    ];
  },
};
