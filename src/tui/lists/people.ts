/**
 * People who want to talk to the agent: pairing requests, senders of rejected messages, blocked senders, the allowlist,
 * links of an invitation.
 */

import type { AdapterView, AllowlistView, PairingView, RefusalView } from '../../gateway/model.ts';
import { rowKey } from '../../gateway/operator/operator.ts';
import { clean, cut, fillTo } from '../draw/cells.ts';
import { cutLine, type Line, type Span, span, spread } from '../draw/line.ts';
import type { Style } from '../draw/theme.ts';
import {
  type Blocked,
  type DrawContext,
  gatewayOf,
  type ListDefinition,
  originSpans,
  platformCell,
  type RejectedPerson,
} from './list.ts';

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

export const allowlistList: ListDefinition<AllowlistView> = {
  title: 'Allowlist',
  rows: ({ slices }) => slices.allowlist,
  key: rowKey.allowlist,
  haystack: (row) => `${row.platform} ${row.userId} ${row.name} ${row.note ?? ''} ${row.origin}`,
  columns: {
    name: (row) => row.name,
    platform: (row) => row.platform,
    origin: (row) => row.origin,
    added: (row) => row.addedAt,
    id: (row) => row.userId,
  },
  empty: () => ['The allowlist is empty.', 'Approve a pairing request, or : allow <platform> <userId>.'],
  draw(row, { width, glyphs, ticker, pending, ...context }) {
    const left: Span[] = [
      platformCell(row.platform, context),
      span(' '),
      span(
        fillTo(clean(row.name, 120), Math.min(24, Math.floor(width / 3)), 'left', glyphs.ellipsis),
        'strong',
      ),
      span(' '),
      span(clean(row.userId, 80)),
      ...(row.note === undefined ? [] : [span(`  ${clean(row.note, 200)}`, 'dim')]),
    ];
    const right = pending.has(rowKey.allowlist(row))
      ? [span(`working${glyphs.ellipsis}`, 'dim')]
      : [span(`${row.origin}, ${ticker.age(row.addedAt)} ago`, 'dim')];
    return [spread(left, right, width, glyphs.ellipsis)];
  },
};

/** Platforms on which a code can be used now; those with a link that carries it first. */
export function invitePlatforms(adapters: readonly AdapterView[]): readonly AdapterView[] {
  const up = adapters.filter((row) => row.state === 'connected');
  return [...up].sort(
    (a, b) => Number(inviteLink(b, '') !== undefined) - Number(inviteLink(a, '') !== undefined),
  );
}

/**
 * How a person opens the chat with the bot, with the code of an invitation in it. A link that opens the chat with the
 * code in it; undefined where the platform knows none.
 */
export function inviteLink({ platform, account }: AdapterView, code: string): string | undefined {
  const name = account?.name ?? '';
  if (platform === 'telegram') {
    const user = /^@?([A-Za-z]\w{4,31})$/u.exec(name)?.[1];
    return user === undefined ? undefined : `https://t.me/${user}?start=${code}`;
  }
  if (platform === 'whatsapp') {
    const phone = /^\+?[\d ()-]{7,20}$/u.test(name) ? name.replaceAll(/\D/gu, '') : '';
    return phone.length < 7 ? undefined : `https://wa.me/${phone}?text=${code}`;
  }
  return undefined;
}
