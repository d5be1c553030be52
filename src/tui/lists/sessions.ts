/** Sessions, and the places that a search found. */

import type { SessionState } from '../../gateway/model.ts';
import type { SearchHit, SessionView } from '../../gateway/operator/operator.ts';
import { cellWidth, clean, fillTo } from '../draw/cells.ts';
import { type Line, type Span, span, spread } from '../draw/line.ts';
import type { Glyphs, Style } from '../draw/theme.ts';
import { momentOf } from '../draw/times.ts';
import type { SessionRow, Slices } from '../state/slices.ts';
import {
  type Columns,
  type DrawContext,
  drawnColumns,
  gatewayOf,
  type Hit,
  type ListDefinition,
  originSpans,
  platformCell,
  showsAll,
} from './list.ts';

const SIGNS: Readonly<Record<SessionState, { sign: (g: Glyphs) => string; style: Style }>> = {
  running: { sign: (g) => g.on, style: 'ok' },
  queued: { sign: (g) => g.wait, style: 'warn' },
  paused: { sign: (g) => g.alert, style: 'mark' },
  idle: { sign: (g) => g.off, style: 'dim' },
  ended: { sign: (g) => g.done, style: 'dim' },
};

export function sessionSign(state: SessionState, glyphs: Glyphs): Span {
  const { sign, style } = SIGNS[state];
  return span(sign(glyphs), style);
}

/** A turn runs, whether later messages wait for the operator or not. */
export function isWorking(row: SessionView): boolean {
  return row.state === 'running' || (row.state === 'paused' && row.current !== undefined);
}

/** Who the session is with: the person, or the room and thread. */
export function sessionName(row: SessionView, sub = '›'): string {
  const sender = row.senderName === '' ? row.senderId : row.senderName;
  if (row.chatKind === 'dm') return clean(sender);
  const room = clean(row.chatName ?? row.chat.chatId);
  const thread = row.chat.threadId === undefined ? '' : ` ${sub} ${clean(row.chat.threadId)}`;
  return `${room}${thread} ${clean(sender)}`;
}

/** The session of pi that the chat is bound to, where it is not one of its own. */
export function boundWords({ bound }: SessionView): string | undefined {
  if (bound === undefined) return undefined;
  return bound.to === 'terminal' ? 'bound to pi in a terminal' : 'bound to a session';
}

function stateWords(row: SessionView, { ticker, glyphs }: DrawContext): Line {
  const waiting = row.waiting > 0 ? [span(` +${row.waiting} waiting`, 'warn')] : [];
  const quote = (text: string): Span[] => [
    span(` ${glyphs.quote[0]}${clean(text, 200)}${glyphs.quote[1]}`, 'text'),
  ];
  const failure =
    row.lastFailure === undefined
      ? []
      : [span(`${glyphs.bad} failed ${ticker.age(row.lastFailure.at)} `, 'bad')];
  const host = row.host === undefined ? [] : [span(` on ${clean(row.host, 40)}`, 'dim')];
  switch (row.state) {
    case 'running':
      return [
        span(row.doing ?? 'running', row.doing === 'starting' ? 'warn' : 'ok'),
        ...host,
        ...waiting,
        ...quote(row.current ?? row.title),
      ];
    case 'queued':
      return [span(`${Math.max(1, row.waiting)} queued`, 'warn'), ...quote(row.current ?? row.title)];
    case 'paused':
      return isWorking(row)
        ? [
            span('running', 'ok'),
            span(', then paused', 'mark'),
            ...waiting,
            ...quote(row.current ?? row.title),
          ]
        : [...failure, span('paused', 'mark'), ...waiting, span(' you answer this chat')];
    case 'idle':
      return row.lastFailure === undefined
        ? [
            span(`idle ${ticker.age(row.lastUserAt)}`, 'dim'),
            ...host,
            span(` ${clean(row.title, 200)}`, 'dim'),
          ]
        : [...failure, span(clean(row.lastFailure.reason, 200))];
    case 'ended':
      return [...failure, span(`ended ${clean(row.endReason ?? '')}`, 'dim')];
  }
}

/** "940", "12k", "3.1M". */
function shortCount(count: number): string {
  if (count < 1_000) return String(count);
  return count < 1_000_000 ? `${Math.round(count / 1_000)}k` : `${(count / 1_000_000).toFixed(1)}M`;
}

/** Rows are immutable, and there may be thousands: they are counted once. */
const counted = new WeakMap<readonly SessionView[], number>();

function activeOf(rows: readonly SessionView[]): number {
  let active = counted.get(rows);
  if (active === undefined) {
    active = rows.filter((row) => isWorking(row) || row.state === 'queued').length;
    counted.set(rows, active);
  }
  return active;
}

/** A column that is drawn, too, is `{ of, draw }`. */
const COLUMNS: Columns<SessionRow> = {
  name: (row) => sessionName(row),
  platform: (row) => row.chat.platform,
  state: (row) => (row.lastFailure === undefined ? row.state : [row.state, 'failed']),
  turns: (row) => row.turns,
  tok: {
    of: (row) => row.tokens,
    draw: ({ tokens }, { width }) =>
      tokens === undefined || width < 60 ? undefined : span(`${shortCount(tokens)} tok`, 'dim'),
  },
  queued: (row) => row.waiting,
  active: (row) => row.lastUserAt,
  model: (row) => row.model,
  gateway: (row) => gatewayOf(row.id),
  kind: (row) => row.chatKind,
};

export const sessionsList: ListDefinition<SessionRow> = {
  title: 'Sessions',
  rows: ({ slices }) => slices.sessions,
  key: (row) => row.id,
  haystack: (row) =>
    `${row.chat.platform} ${row.senderName} ${row.senderId} ${row.chatName ?? ''} ${row.state} ${row.title} ${row.current ?? ''} ${row.host ?? ''} ${row.id} ${boundWords(row) ?? ''}${row.lastFailure === undefined ? '' : ` failed ${row.lastFailure.reason}`}`,
  columns: COLUMNS,
  name: (row, glyphs) => sessionName(row, glyphs.sub),
  count: (rows) => {
    const active = activeOf(rows);
    return active > 0 ? `${rows.length}, ${active} running` : String(rows.length);
  },
  empty: (slices) =>
    showsAll(slices)
      ? ['No session has failed.', 'Sessions whose last turn failed appear here, from all gateways.']
      : slices.pairing.length > 0
        ? ['No conversation yet.', 'Approve a request in pane 4 (key 4, then a): its chat starts here.']
        : ['No conversation yet.', 'Write to one of the bots: the chat appears here.'],
  draw(row, context) {
    const { width, glyphs, pending, widest = 24 } = context;
    // As wide as the names on the screen need, as long as enough is left for what they do.
    const most = Math.floor(width * (width < 72 ? 0.36 : 0.45));
    const nameWidth = Math.max(8, Math.min(widest, most));
    const name = fillTo(sessionName(row, glyphs.sub), nameWidth, 'left', glyphs.ellipsis);
    const quiet = row.state === 'ended';
    const left: Span[] = [
      sessionSign(row.state, glyphs),
      span(' '),
      ...originSpans(row.id, glyphs.ellipsis),
      ...(width >= 44 ? [platformCell(row.chat.platform, context), span(' ')] : []),
      span(name, quiet ? 'dim' : 'strong'),
      span(' '.repeat(Math.max(1, nameWidth - cellWidth(name) + 1))),
      ...(row.bound === undefined ? [] : [span(`${boundWords(row)} `, 'mark')]),
      ...stateWords(row, context),
    ];
    const right = pending.has(row.id)
      ? [span(`working${glyphs.ellipsis}`, 'dim')]
      : drawnColumns(COLUMNS, row, context);
    return [spread(left, right, width, glyphs.ellipsis)];
  },
};

export const hitsList: ListDefinition<Hit> = {
  title: 'Search',
  rows: ({ loaded }) => loaded.hits,
  key: (row) => `${row.kind} ${row.id} ${row.at} ${row.text}`,
  haystack: (row) => `${row.kind} ${row.who} ${row.where} ${row.text}`,
  columns: { kind: (row) => row.kind, who: (row) => row.who, where: (row) => row.where, at: (row) => row.at },
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
