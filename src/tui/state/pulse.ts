/** What each platform did lately, and the messages of the last minute. */

import type { Platform } from '../../gateway/model.ts';
import type { SessionView } from '../../gateway/operator/operator.ts';

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

export interface TrafficSlice {
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
