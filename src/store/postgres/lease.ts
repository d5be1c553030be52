import { uptime } from 'node:os';

/**
 * Who may send, and who may take over. A leader proves with every beat that it is there, and may send for a while after
 * the moment at which it asked for one that was granted. A standby takes over when it has seen the same beat for longer
 * than that. Each measures with its own clock; only that both run at nearly the same speed is relied on.
 */
export const LEASE_MS = 3_000;
export const BEAT_MS = 500;
/** What a standby waits longer than a leader sends: clocks that differ by a tenth, and a request on its way. */
const MARGIN_MS = LEASE_MS / 10;

/** What the database says about its leader. */
export interface LeaderRow {
  readonly term: number;
  readonly beat: number;
  /** It has ended and said so. */
  readonly released: boolean;
  /** The data directory and machine of the leader. */
  readonly holder: string;
  /** For people. */
  readonly name: string;
}

/** Since when a standby sees the same beat, by its own clock. */
export interface Watch {
  readonly term: number;
  readonly beat: number;
  readonly sinceMs: number;
}

/** Every look at the row; a beat that is new starts the time again. */
export function watched(before: Watch | undefined, row: LeaderRow, nowMs: number): Watch {
  if (before !== undefined && before.term === row.term && before.beat === row.beat) return before;
  return { term: row.term, beat: row.beat, sinceMs: nowMs };
}

export type TakeOver =
  | { readonly take: true; readonly reason: 'no leader' | 'released' | 'own' | 'silent' }
  | { readonly take: false; readonly waitMs: number };

/**
 * `holder` is who asks. Its own row is of a run that is over: the lock on the data directory, which it holds, says so.
 * What is taken has to be exactly the row that was seen: a beat that comes between prevents it.
 */
export function takeOver(row: LeaderRow, watch: Watch, nowMs: number, holder: string): TakeOver {
  if (row.term === 0) return { take: true, reason: 'no leader' };
  if (row.released) return { take: true, reason: 'released' };
  if (row.holder === holder) return { take: true, reason: 'own' };
  const waitMs = watch.sinceMs + LEASE_MS - nowMs;
  return waitMs <= 0 ? { take: true, reason: 'silent' } : { take: false, waitMs };
}

/** A look at every clock. Each may stand still or be set: only together they tell how much time has passed. */
export interface Moment {
  /** Stands still while the machine is suspended. */
  readonly monotonicMs: number;
  /** Is set by people and by time servers. */
  readonly wallMs: number;
  /** Since the machine was started, suspended time included; 0 where no such clock is known. */
  readonly uptimeMs: number;
}

export function moment(): Moment {
  return { monotonicMs: performance.now(), wallMs: Date.now(), uptimeMs: uptimeMs() };
}

/** The same, for many looks: `uptimeMs` is a file on Linux, and read only when it is asked for. */
export function hotMoment(): Moment {
  return {
    monotonicMs: performance.now(),
    wallMs: Date.now(),
    get uptimeMs() {
      return uptimeMs();
    },
  };
}

/** Linux: the clock that neither stands still nor is set. Elsewhere it follows the wall clock. */
function uptimeMs(): number {
  return process.platform === 'linux' ? uptime() * 1000 : 0;
}

/** Closer than this, nothing stood still and nobody has set a clock. */
const AGREE_MS = 5;

/** As the clock has it that shows the most. */
function elapsedMs(from: Moment, to: Moment): number {
  const monotonic = to.monotonicMs - from.monotonicMs;
  const wall = to.wallMs - from.wallMs;
  if (Math.abs(monotonic - wall) < AGREE_MS) return Math.max(monotonic, wall);
  return Math.max(monotonic, wall, to.uptimeMs - from.uptimeMs);
}

/** `asked`: when the last beat that was granted had been asked for. */
export function maySend(asked: Moment, now: Moment): boolean {
  return elapsedMs(asked, now) < LEASE_MS - MARGIN_MS;
}
