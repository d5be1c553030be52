/** In which order rows are listed. Every order is total: equal rows are told apart by their keys. */
import type { AllowlistView, OutboxView, PairingView, ScheduleView, TaskView } from '../../gateway/model.ts';
import { PLATFORMS, type Platform } from '../../gateway/model.ts';
import { rowKey, type SessionView } from '../../gateway/operator/operator.ts';

const SESSION_RANK = { running: 0, queued: 0, paused: 0, idle: 1, ended: 2 } as const;
const OUTBOX_RANK = { failed: 0, sending: 1, pending: 2, delivered: 3, abandoned: 3 } as const;

function text(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function platformRank(platform: Platform): number {
  return PLATFORMS.indexOf(platform);
}

/** Sessions at work first, then the most recently used, ended ones last. */
export function compareSessions(a: SessionView, b: SessionView): number {
  return SESSION_RANK[a.state] - SESSION_RANK[b.state] || b.lastUserAt - a.lastUserAt || text(a.id, b.id);
}

export function isOpenTask(task: TaskView): boolean {
  return task.status === 'queued' || task.status === 'running';
}

/** Open tasks in the order of their start, then the finished ones, newest first. */
export function compareTasks(a: TaskView, b: TaskView): number {
  const openA = isOpenTask(a);
  if (openA !== isOpenTask(b)) return openA ? -1 : 1;
  const byTime = openA
    ? a.createdAt - b.createdAt
    : (b.completedAt ?? b.createdAt) - (a.completedAt ?? a.createdAt);
  return byTime || text(a.id, b.id);
}

const SCHEDULE_RANK = { active: 0, paused: 1, ended: 2 } as const;

/** The next to run first, then the paused ones, then those that are over. */
export function compareSchedules(a: ScheduleView, b: ScheduleView): number {
  return (
    SCHEDULE_RANK[a.state] - SCHEDULE_RANK[b.state] ||
    (a.nextRunAt ?? 0) - (b.nextRunAt ?? 0) ||
    (b.endedAt ?? 0) - (a.endedAt ?? 0) ||
    text(a.id, b.id)
  );
}

/** Oldest first: it expires first, and a new request never moves the row under the cursor. */
export function comparePairing(a: PairingView, b: PairingView): number {
  return a.createdAt - b.createdAt || text(a.id, b.id);
}

export function compareAllowlist(a: AllowlistView, b: AllowlistView): number {
  return b.addedAt - a.addedAt || text(rowKey.allowlist(a), rowKey.allowlist(b));
}

export function compareOutbox(a: OutboxView, b: OutboxView): number {
  return OUTBOX_RANK[a.state] - OUTBOX_RANK[b.state] || a.createdAt - b.createdAt || text(a.id, b.id);
}
