/**
 * What the console draws from: immutable slices of the gateway's state, and the order of their rows. A slice that did
 * not change is the same object.
 */

import {
  type AdapterView,
  type AllowlistView,
  type DialogView,
  type GatewayView,
  type LogLine,
  type OutboxView,
  type PairingView,
  PLATFORMS,
  type Platform,
  type RefusalView,
  type ScheduleView,
  type TaskView,
} from '../../gateway/model.ts';
import { type LinkWaiting, rowKey, type SessionView } from '../../gateway/operator/operator.ts';
import type { PulseSlice, TrafficSlice } from './pulse.ts';

export interface LogEntry extends LogLine {
  /** Position in everything that was ever logged; stays the same while older lines are forgotten. */
  readonly seq: number;
}

/** A session with the tokens that were read and written for it, as far as the console knows. */
export interface SessionRow extends SessionView {
  readonly tokens?: number;
}

export interface LinkSlice {
  readonly kind: 'local' | 'remote';
  readonly url?: string;
  readonly connected: boolean;
  /** The gateway is silent: everything is as it was at this time. */
  readonly asOf?: number;
  /** It does not answer: which address is tried, since when, and when again. */
  readonly waiting?: LinkWaiting;
}

/** A gateway that this console can show. */
export interface ContextView {
  readonly name: string;
  /** Where it answers, for people. */
  readonly address: string;
  /** It is the one on the screen. */
  readonly shown: boolean;
  /** `unopened`: no one has looked at it yet. */
  readonly state: 'unopened' | 'connected' | 'waiting' | 'silent';
  readonly waiting?: LinkWaiting;
  readonly pairing: number;
  readonly questions: number;
  readonly failures: number;
}

export interface Slices {
  readonly gateway: GatewayView;
  readonly link: LinkSlice;
  readonly adapters: readonly AdapterView[];
  readonly sessions: readonly SessionRow[];
  readonly tasks: readonly TaskView[];
  readonly schedules: readonly ScheduleView[];
  readonly pairing: readonly PairingView[];
  readonly allowlist: readonly AllowlistView[];
  readonly refusals: readonly RefusalView[];
  readonly outbox: readonly OutboxView[];
  /** Open questions of agents, the oldest first. */
  readonly dialogs: readonly DialogView[];
  readonly log: readonly LogEntry[];
  /** Empty where there is only the one gateway. */
  readonly contexts: readonly ContextView[];
  readonly traffic: TrafficSlice;
  readonly pulse: PulseSlice;
  /** Events folded since the console opened; exact. */
  readonly events: number;
  /** When these slices were published, epoch milliseconds. */
  readonly now: number;
}

/**
 * A bounded list that forgets its oldest entries. Every entry keeps its sequence number, so a reader can stay on one
 * entry while others are forgotten in front of it.
 */
export class Ring<T> {
  readonly #capacity: number;
  #items: T[] = [];
  #first = 0;

  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new RangeError(`a ring needs a capacity of at least 1, got ${capacity}`);
    this.#capacity = capacity;
  }

  /** Sequence number of the oldest entry kept; also how many were forgotten. */
  get first(): number {
    return this.#first;
  }

  /** Sequence number the next entry will get; also how many were ever pushed. */
  get end(): number {
    return this.#first + this.#items.length;
  }

  /** The newest entry. */
  get last(): T | undefined {
    return this.#items.at(-1);
  }

  push(item: T): void {
    this.#items.push(item);
    // Forgetting in slabs keeps push cheap: one move for every quarter of the capacity.
    if (this.#items.length >= this.#capacity + Math.max(1, this.#capacity >> 2)) this.#trim();
  }

  /** The entries kept, oldest first; a copy. */
  toArray(): T[] {
    this.#trim();
    return this.#items.slice();
  }

  clear(): void {
    this.#first = this.end;
    this.#items = [];
  }

  #trim(): void {
    const extra = this.#items.length - this.#capacity;
    if (extra <= 0) return;
    this.#items = this.#items.slice(extra);
    this.#first += extra;
  }
}

const SESSION_RANK = { running: 0, queued: 0, paused: 0, idle: 1, ended: 2 } as const;
const OUTBOX_RANK = { failed: 0, sending: 1, pending: 2, delivered: 3, abandoned: 3 } as const;

function text(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function platformRank(platform: Platform): number {
  return PLATFORMS.indexOf(platform);
}

// In which order rows are listed. Every order is total: equal rows are told apart by their keys.

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
