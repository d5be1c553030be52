/** Lists that open over the panes: outbox, allowlist, configuration, queue of a session. */
import type { AllowlistView, OutboxView } from '../../gateway/model.ts';
import { type ConfigValue, type QueueEntry, rowKey } from '../../gateway/operator/operator.ts';
import { clean, fillTo } from '../draw/cells.ts';
import { type Span, span, spread } from '../draw/line.ts';
import { type ListDefinition, oneLine, platformCell } from './list.ts';
import { gatewayOf, originSpans } from './origin.ts';

export const outboxList: ListDefinition<OutboxView> = {
  title: 'Outbox',
  rows: ({ slices }) => slices.outbox,
  key: (row) => row.id,
  haystack: (row) =>
    `${row.chat.platform} ${row.chat.chatId} ${row.kind} ${row.state} ${row.preview} ${row.error ?? ''}`,
  columns: {
    state: (row) => row.state,
    platform: (row) => row.chat.platform,
    tries: (row) => row.attempts,
    kind: (row) => row.kind,
    gateway: (row) => gatewayOf(row.id),
  },
  height: oneLine,
  count: (rows) => String(rows.length),
  empty: () => ['Everything is delivered.', 'Pending and failed deliveries appear here.'],
  draw(row, { width, glyphs, ticker, pending, ...context }) {
    const failed = row.state === 'failed';
    const left: Span[] = [
      failed ? span(glyphs.bad, 'bad') : span(glyphs.wait, 'warn'),
      span(' '),
      ...originSpans(row.id, glyphs.ellipsis),
      span(fillTo(row.state, 8), failed ? 'bad' : 'warn'),
      span(' '),
      platformCell(row.chat.platform, context),
      span(' '),
      span(`${clean(row.chat.chatId, 40)} `, 'strong'),
      ...(row.error === undefined ? [] : [span(`${clean(row.error, 200)} `, 'warn')]),
      span(clean(row.preview, 200), 'dim'),
    ];
    const tries = row.attempts === 1 ? '1 try' : `${row.attempts} tries`;
    const right = pending.has(row.id)
      ? [span(`working${glyphs.ellipsis}`, 'dim')]
      : [
          span(tries, 'dim'),
          ...(row.nextTryAt !== undefined && row.nextTryAt > ticker.now
            ? [span(`, next in ${ticker.left(row.nextTryAt)}`, 'dim')]
            : []),
        ];
    return [spread(left, right, width, glyphs.ellipsis, 24)];
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
  height: oneLine,
  count: (rows) => String(rows.length),
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

/** A configuration value as one line of text. */
export function configText(value: unknown): string {
  if (typeof value === 'string') return value === '' ? '""' : clean(value);
  return clean(JSON.stringify(value) ?? 'not set');
}

export const configList: ListDefinition<ConfigValue> = {
  title: 'Configuration',
  rows: ({ loaded }) => loaded.config,
  key: (row) => row.key,
  haystack: (row) => `${row.key} ${configText(row.value)} ${row.source} ${row.help}`,
  columns: { key: (row) => row.key, source: (row) => row.source },
  height: oneLine,
  count: (rows) => String(rows.length),
  empty: () => ['Loading the configuration.'],
  draw(row, { width, glyphs }) {
    const keyWidth = Math.min(34, Math.floor(width / 2));
    const changed = row.source !== 'default' || row.later !== undefined;
    const left: Span[] = [
      span(fillTo(clean(row.key, 80), keyWidth, 'left', glyphs.ellipsis), changed ? 'strong' : 'text'),
      span(' '),
      span(configText(row.value), changed ? 'accent' : 'dim'),
    ];
    const after = row.later === undefined ? '' : 'changed, after a restart ';
    return [spread(left, [span(after, 'warn'), span(row.source, 'dim')], width, glyphs.ellipsis, 20)];
  },
};

export const queueList: ListDefinition<QueueEntry> = {
  title: 'Queued messages',
  rows: ({ loaded }) => loaded.queue,
  key: (row) => row.messageId,
  haystack: (row) => `${row.senderName} ${row.text}`,
  height: oneLine,
  count: (rows) => String(rows.length),
  empty: () => ['No message is queued in this session.'],
  draw(row, { width, glyphs, ticker }) {
    const left: Span[] = [span(`${clean(row.senderName, 60)} `, 'strong'), span(clean(row.text, 300))];
    return [spread(left, [span(`${ticker.age(row.at)} ago`, 'dim')], width, glyphs.ellipsis)];
  },
};
