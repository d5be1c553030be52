/**
 * What a console at the other end of a socket shows: a snapshot kept current by folding events into it, and the events
 * that lead from one snapshot to another after a gap in the stream.
 */

import { isDeepStrictEqual } from 'node:util';
import type { LogLine, RefusalView } from '../gateway/model.ts';
import {
  type GatewayEvent,
  type ListedRows,
  type OperatorSnapshot,
  type RowChange,
  rowChange,
  rowKey,
} from '../gateway/operator/operator.ts';

/** The newest rows that are kept of lists that only grow. */
export const MIRROR_LIMITS = { log: 500, refusals: 200, endedTasks: 1_000 } as const;

/** A row that changed, or undefined for one that is gone. */
type Changes<T> = Map<string, T | undefined>;

function applyChanges<T>(rows: readonly T[], key: (row: T) => string, changes: Changes<T>): readonly T[] {
  if (changes.size === 0) return rows;
  const left = new Map(changes);
  const next: T[] = [];
  for (const row of rows) {
    const id = key(row);
    if (!left.has(id)) next.push(row);
    else {
      const changed = left.get(id);
      left.delete(id);
      if (changed !== undefined) next.push(changed);
    }
  }
  for (const added of left.values()) if (added !== undefined) next.push(added);
  return next;
}

function append<T>(rows: readonly T[], added: readonly T[], limit: number): readonly T[] {
  return added.length === 0 ? rows : [...rows, ...added].slice(-limit);
}

const LIVE_TASK = new Set(['queued', 'running']);

function boundTasks(tasks: OperatorSnapshot['tasks']): OperatorSnapshot['tasks'] {
  let surplus = tasks.length - MIRROR_LIMITS.endedTasks;
  if (surplus <= 0) return tasks;
  return tasks.filter((task) => LIVE_TASK.has(task.status) || surplus-- <= 0);
}

/**
 * The snapshot after these events, in order. Pure: parts that no event touched are the same objects as before, so a
 * reader can compare by identity. Costs one pass over each list that changed, however many events there are.
 */
export function foldEvents(before: OperatorSnapshot, events: readonly GatewayEvent[]): OperatorSnapshot {
  let { gateway } = before;
  const changed: { readonly [L in keyof ListedRows]: Changes<ListedRows[L]> } = {
    adapters: new Map(),
    sessions: new Map(),
    tasks: new Map(),
    schedules: new Map(),
    pairing: new Map(),
    allowlist: new Map(),
    outbox: new Map(),
    dialogs: new Map(),
  };
  const note = <K extends keyof ListedRows>({ list, key, row }: RowChange<K>): void => {
    changed[list].set(key, row);
  };
  const refusals: RefusalView[] = [];
  const log: LogLine[] = [];

  for (const event of events) {
    const change = rowChange(event);
    if (change !== undefined) note(change);
    else if (event.type === 'gateway') gateway = event.gateway;
    else if (event.type === 'refusal') refusals.push(event.refusal);
    else if (event.type === 'log') log.push(event.line);
  }

  const { adapters, sessions, tasks, schedules, pairing, allowlist, outbox, dialogs } = changed;
  return {
    gateway,
    adapters: applyChanges(before.adapters, rowKey.adapters, adapters),
    sessions: applyChanges(before.sessions, rowKey.id, sessions),
    tasks: tasks.size === 0 ? before.tasks : boundTasks(applyChanges(before.tasks, rowKey.id, tasks)),
    ...(before.schedules === undefined && schedules.size === 0
      ? {}
      : { schedules: applyChanges(before.schedules ?? [], rowKey.id, schedules) }),
    pairing: applyChanges(before.pairing, rowKey.id, pairing),
    allowlist: applyChanges(before.allowlist, rowKey.allowlist, allowlist),
    refusals: append(before.refusals, refusals, MIRROR_LIMITS.refusals),
    outbox: applyChanges(before.outbox, rowKey.id, outbox),
    ...(before.dialogs === undefined && dialogs.size === 0
      ? {}
      : { dialogs: applyChanges(before.dialogs ?? [], rowKey.id, dialogs) }),
    log: append(before.log, log, MIRROR_LIMITS.log),
  };
}

/** One event folded in; see `foldEvents`. */
export function foldEvent(before: OperatorSnapshot, event: GatewayEvent): OperatorSnapshot {
  return foldEvents(before, [event]);
}

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
