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

const PULSE_BUCKET_MS = 10_000;
export const PULSE_BUCKETS = 60;

interface Bucket {
  in: number;
  out: number;
  errors: number;
  answers: number;
  /** Of all answers of the bucket. */
  answerMs: number;
}

export interface PlatformPulse {
  /** Oldest first, one for each bucket. */
  readonly in: readonly number[];
  readonly out: readonly number[];
  readonly errors: readonly number[];
  /** Mean time of an answer, milliseconds; 0 where none was given. */
  readonly latency: readonly number[];
  readonly answers: number;
  /** Of all answers of the ten minutes. */
  readonly meanMs: number;
  readonly slowestMs: number;
  /** The last minute. */
  readonly inPerMinute: number;
  readonly outPerMinute: number;
}

export interface PulseSlice {
  readonly platforms: Readonly<Partial<Record<Platform, PlatformPulse>>>;
  /** When the figures change although nothing happens; absent when nothing happened lately. */
  readonly nextChangeAt?: number;
}

const NOTHING: PulseSlice = { platforms: {} };

/**
 * What each platform did lately, for sparklines: messages in and out, how long answers took, what failed. One bucket
 * for ten seconds; the last ten minutes.
 */
export class Pulse {
  readonly #buckets = new Map<Platform, Map<number, Bucket>>();
  /** Turns in progress: what is answered, since when. */
  readonly #turns = new Map<string, { readonly message: string; readonly since: number }>();
  #changed = true;
  #last = 0;
  #slice: PulseSlice = NOTHING;
  readonly #platformOf: (row: SessionView) => Platform;

  /** `platformOf`: as the adapter of a session is called. */
  constructor(platformOf: (row: SessionView) => Platform = (row) => row.chat.platform) {
    this.#platformOf = platformOf;
  }

  message(platform: Platform, direction: 'in' | 'out', now: number): void {
    this.#bucket(platform, now)[direction] += 1;
  }

  error(platform: Platform, now: number): void {
    this.#bucket(platform, now).errors += 1;
  }

  /** A session's row changed: a turn began or ended. */
  session(row: SessionView, now: number): void {
    const turn = this.#turns.get(row.id);
    const running = row.state === 'running' || (row.state === 'paused' && row.current !== undefined);
    const message = running ? `${row.turns} ${row.current ?? ''}` : undefined;
    if (turn?.message === message) return;
    if (turn !== undefined) {
      const bucket = this.#bucket(this.#platformOf(row), now);
      if (row.lastFailure !== undefined && row.lastFailure.at >= turn.since) bucket.errors += 1;
      else {
        bucket.answers += 1;
        bucket.answerMs += Math.max(0, now - turn.since);
      }
    }
    if (message === undefined) this.#turns.delete(row.id);
    else this.#turns.set(row.id, { message, since: now });
  }

  gone(sessionId: string): void {
    this.#turns.delete(sessionId);
  }

  /** The same object as long as nothing changes. */
  slice(now: number): PulseSlice {
    const last = Math.floor(now / PULSE_BUCKET_MS);
    if (!this.#changed && (last === this.#last || this.#slice === NOTHING)) return this.#slice;
    this.#changed = false;
    this.#last = last;
    const platforms: Partial<Record<Platform, PlatformPulse>> = {};
    for (const [platform, buckets] of this.#buckets) {
      for (const at of buckets.keys()) if (at <= last - PULSE_BUCKETS) buckets.delete(at);
      if (buckets.size === 0) this.#buckets.delete(platform);
      else platforms[platform] = pulseOf(buckets, last);
    }
    this.#slice =
      this.#buckets.size === 0 ? NOTHING : { platforms, nextChangeAt: (last + 1) * PULSE_BUCKET_MS };
    return this.#slice;
  }

  #bucket(platform: Platform, now: number): Bucket {
    this.#changed = true;
    let buckets = this.#buckets.get(platform);
    if (buckets === undefined) {
      buckets = new Map();
      this.#buckets.set(platform, buckets);
    }
    const at = Math.floor(now / PULSE_BUCKET_MS);
    let bucket = buckets.get(at);
    if (bucket === undefined) {
      bucket = { in: 0, out: 0, errors: 0, answers: 0, answerMs: 0 };
      buckets.set(at, bucket);
      // No one may look at the console for days.
      if (buckets.size > PULSE_BUCKETS * 2)
        for (const old of buckets.keys()) if (old <= at - PULSE_BUCKETS) buckets.delete(old);
    }
    return bucket;
  }
}

function pulseOf(buckets: ReadonlyMap<number, Bucket>, last: number): PlatformPulse {
  const of = (pick: (bucket: Bucket) => number): number[] =>
    Array.from({ length: PULSE_BUCKETS }, (_, index) => {
      const bucket = buckets.get(last - PULSE_BUCKETS + 1 + index);
      return bucket === undefined ? 0 : pick(bucket);
    });
  const minute = (values: readonly number[]): number =>
    values.slice(-60_000 / PULSE_BUCKET_MS).reduce((sum, value) => sum + value, 0);
  const received = of((bucket) => bucket.in);
  const sent = of((bucket) => bucket.out);
  const latency = of(({ answers, answerMs }) => (answers === 0 ? 0 : answerMs / answers));
  const answers = of((bucket) => bucket.answers).reduce((sum, value) => sum + value, 0);
  const answerMs = of((bucket) => bucket.answerMs).reduce((sum, value) => sum + value, 0);
  return {
    in: received,
    out: sent,
    errors: of((bucket) => bucket.errors),
    latency,
    answers,
    meanMs: answers === 0 ? 0 : answerMs / answers,
    slowestMs: Math.max(...latency),
    inPerMinute: minute(received),
    outPerMinute: minute(sent),
  };
}

/** Messages of the last minute in buckets of five seconds, and exact totals. */
const BUCKET_MS = 5_000;
const BUCKETS = 12;

interface TrafficSlice {
  readonly in: number;
  readonly out: number;
  /** Inbound messages of the last minute. */
  readonly perMinute: number;
  /** Inbound messages in each five seconds, oldest first. */
  readonly history: readonly number[];
  /** When the figures change although nothing arrives; absent when they are zero. */
  readonly nextChangeAt?: number;
}

export class Traffic {
  #in = 0;
  #out = 0;
  readonly #counts = new Map<number, number>();

  count(direction: 'in' | 'out', now: number): void {
    if (direction === 'out') {
      this.#out += 1;
      return;
    }
    this.#in += 1;
    const bucket = Math.floor(now / BUCKET_MS);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    if (this.#counts.size > BUCKETS * 2) this.#forget(bucket);
  }

  slice(now: number): TrafficSlice {
    const last = Math.floor(now / BUCKET_MS);
    this.#forget(last);
    const history: number[] = [];
    let perMinute = 0;
    for (let bucket = last - BUCKETS + 1; bucket <= last; bucket += 1) {
      const count = this.#counts.get(bucket) ?? 0;
      history.push(count);
      perMinute += count;
    }
    return {
      in: this.#in,
      out: this.#out,
      perMinute,
      history,
      ...(perMinute > 0 ? { nextChangeAt: (last + 1) * BUCKET_MS } : {}),
    };
  }

  #forget(last: number): void {
    for (const bucket of this.#counts.keys()) if (bucket <= last - BUCKETS) this.#counts.delete(bucket);
  }
}
