/** A snapshot kept current by folding events into it: what a console at the other end of a socket shows. */
import type { DialogView, ScheduleView } from '../gateway/model.ts';
import type { GatewayEvent, OperatorSnapshot } from '../gateway/operator/operator.ts';

/** The newest rows that are kept of lists that only grow. */
export const MIRROR_LIMITS = { log: 500, refusals: 200, endedTasks: 1_000 } as const;

export const rowKey = {
  adapters: (row: { readonly platform: string }): string => row.platform,
  allowlist: (row: { readonly platform: string; readonly userId: string }): string =>
    `${row.platform} ${row.userId}`,
  id: (row: { readonly id: string }): string => row.id,
};

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

type Row<K extends keyof OperatorSnapshot> = OperatorSnapshot[K] extends readonly (infer R)[] ? R : never;

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
  let gateway = before.gateway;
  const adapters: Changes<Row<'adapters'>> = new Map();
  const sessions: Changes<Row<'sessions'>> = new Map();
  const tasks: Changes<Row<'tasks'>> = new Map();
  const schedules: Changes<ScheduleView> = new Map();
  const pairing: Changes<Row<'pairing'>> = new Map();
  const allowlist: Changes<Row<'allowlist'>> = new Map();
  const outbox: Changes<Row<'outbox'>> = new Map();
  const dialogs: Changes<DialogView> = new Map();
  const refusals: Row<'refusals'>[] = [];
  const log: Row<'log'>[] = [];

  for (const event of events) {
    switch (event.type) {
      case 'gateway':
        gateway = event.gateway;
        break;
      case 'adapter':
        adapters.set(rowKey.adapters(event.adapter), event.adapter);
        break;
      case 'session':
        sessions.set(event.session.id, event.session);
        break;
      case 'session-removed':
        sessions.set(event.id, undefined);
        break;
      case 'task':
        tasks.set(event.task.id, event.task);
        break;
      case 'schedule':
        schedules.set(event.schedule.id, event.schedule);
        break;
      case 'schedule-removed':
        schedules.set(event.id, undefined);
        break;
      case 'pairing':
        pairing.set(event.request.id, event.request);
        break;
      case 'pairing-closed':
        pairing.set(event.id, undefined);
        break;
      case 'allowlist':
        allowlist.set(rowKey.allowlist(event.entry), event.entry);
        break;
      case 'allowlist-removed':
        allowlist.set(rowKey.allowlist(event), undefined);
        break;
      case 'refusal':
        refusals.push(event.refusal);
        break;
      case 'outbox': {
        // The snapshot lists what is not delivered yet or failed.
        const over = event.item.state === 'delivered' || event.item.state === 'abandoned';
        outbox.set(event.item.id, over ? undefined : event.item);
        break;
      }
      case 'dialog':
        dialogs.set(event.dialog.id, event.dialog);
        break;
      case 'dialog-closed':
        dialogs.set(event.id, undefined);
        break;
      case 'log':
        log.push(event.line);
        break;
      case 'decision':
      case 'traffic':
      case 'inbound':
      case 'turn':
      case 'usage':
      case 'limit':
      case 'transcript':
      case 'notice':
      case 'notice-over':
        // Passing events: nothing of them stays in a snapshot.
        break;
      default:
        // A newer gateway may send what this version does not know.
        event satisfies never;
    }
  }

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
