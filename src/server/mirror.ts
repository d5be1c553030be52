/** A snapshot kept current by folding events into it: what a console at the other end of a socket shows. */
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
