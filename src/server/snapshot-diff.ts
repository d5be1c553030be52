/** The events that lead from one snapshot to another: what a console is told after a gap in the stream. */
import { isDeepStrictEqual } from 'node:util';
import type { LogLine } from '../gateway/model.ts';
import { type GatewayEvent, type OperatorSnapshot, rowKey } from '../gateway/operator/operator.ts';

interface Difference<T> {
  readonly changed: readonly T[];
  readonly gone: readonly T[];
}

function compare<T>(before: readonly T[], after: readonly T[], key: (row: T) => string): Difference<T> {
  const left = new Map(before.map((row) => [key(row), row]));
  const changed: T[] = [];
  for (const row of after) {
    const known = left.get(key(row));
    left.delete(key(row));
    if (known === undefined || !isDeepStrictEqual(known, row)) changed.push(row);
  }
  return { changed, gone: [...left.values()] };
}

/** Lines of `after` that follow the last line both have. */
function newLines(before: readonly LogLine[], after: readonly LogLine[]): readonly LogLine[] {
  const last = before.at(-1);
  if (last === undefined) return after;
  return after.slice(after.findLastIndex((line) => isDeepStrictEqual(line, last)) + 1);
}

/**
 * Events that turn `before` into `after` when folded. What happened in between is only known by its result: a
 * pairing request that is gone counts as approved when its sender is on the allowlist, else as expired; an outbox
 * row that is gone counts as delivered; a question that is gone counts as withdrawn.
 */
export function eventsBetween(before: OperatorSnapshot, after: OperatorSnapshot): readonly GatewayEvent[] {
  const events: GatewayEvent[] = [];
  if (!isDeepStrictEqual(before.gateway, after.gateway))
    events.push({ type: 'gateway', gateway: after.gateway });

  for (const adapter of compare(before.adapters, after.adapters, rowKey.adapters).changed)
    events.push({ type: 'adapter', adapter });

  const sessions = compare(before.sessions, after.sessions, rowKey.id);
  for (const session of sessions.changed) events.push({ type: 'session', session });
  for (const { id } of sessions.gone) events.push({ type: 'session-removed', id });

  for (const task of compare(before.tasks, after.tasks, rowKey.id).changed)
    events.push({ type: 'task', task });

  const schedules = compare(before.schedules ?? [], after.schedules ?? [], rowKey.id);
  for (const schedule of schedules.changed) events.push({ type: 'schedule', schedule });
  for (const { id } of schedules.gone) events.push({ type: 'schedule-removed', id });

  const allowlist = compare(before.allowlist, after.allowlist, rowKey.allowlist);
  for (const entry of allowlist.changed) events.push({ type: 'allowlist', entry });
  for (const { platform, userId } of allowlist.gone)
    events.push({ type: 'allowlist-removed', platform, userId });

  const pairing = compare(before.pairing, after.pairing, rowKey.id);
  const allowed = new Set(after.allowlist.map(rowKey.allowlist));
  for (const request of pairing.changed) events.push({ type: 'pairing', request });
  for (const { id, platform, senderId } of pairing.gone) {
    const approved = allowed.has(rowKey.allowlist({ platform, userId: senderId }));
    events.push({ type: 'pairing-closed', id, outcome: approved ? 'approved' : 'expired', actor: 'unknown' });
  }

  for (const refusal of compare(before.refusals, after.refusals, rowKey.id).changed)
    events.push({ type: 'refusal', refusal });

  const outbox = compare(before.outbox, after.outbox, rowKey.id);
  for (const item of outbox.changed) events.push({ type: 'outbox', item });
  for (const item of outbox.gone) events.push({ type: 'outbox', item: { ...item, state: 'delivered' } });

  const dialogs = compare(before.dialogs ?? [], after.dialogs ?? [], rowKey.id);
  for (const dialog of dialogs.changed) events.push({ type: 'dialog', dialog });
  for (const { id } of dialogs.gone)
    events.push({ type: 'dialog-closed', id, outcome: 'withdrawn', actor: 'unknown' });

  for (const line of newLines(before.log, after.log)) events.push({ type: 'log', line });
  return events;
}
