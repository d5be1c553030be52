/** What is to be done about a schedule at a moment. Pure; the clock may have been moved in either direction. */
import { nextRun } from './next-run.ts';
import type { ScheduleRecord } from './schedule-record.ts';
import { DAY_MS, MINUTE_MS } from './spec.ts';

export type Due =
  | { readonly action: 'wait'; readonly next: number | undefined }
  /** `due` is the moment that it was to run at; `missed` further runs before it are left out. */
  | {
      readonly action: 'run';
      readonly due: number;
      readonly missed: number;
      readonly next: number | undefined;
    }
  | {
      readonly action: 'skip';
      readonly missed: number;
      readonly last: number;
      readonly next: number | undefined;
    };

/** A run that begins this late is on time: the machine was busy. */
const ON_TIME_MS = MINUTE_MS;
/** Missed runs are counted up to here; beyond, "many" is all that matters. */
const COUNTED = 1000;

type Timed = Pick<ScheduleRecord, 'spec' | 'zone' | 'lastDue' | 'nextRunAt' | 'missedMs'>;

/**
 * The moment after which the next run lies. Never before the last one that ran, so that a clock that is moved back
 * doubles nothing; but a "last run" more than a day ahead was made by a clock that was wrong, and counts no more.
 */
function floorOf({ lastDue }: Timed, now: number): number {
  return lastDue !== undefined && lastDue <= now + DAY_MS ? Math.max(lastDue, now) : now;
}

/** The next run of a schedule that nothing is due of. */
export function plannedNext(schedule: Timed, now: number): number | undefined {
  return nextRun(schedule.spec, schedule.zone, floorOf(schedule, now));
}

export function whatIsDue(schedule: Timed, now: number): Due {
  const { spec, zone, nextRunAt, missedMs } = schedule;
  if (nextRunAt === undefined) return { action: 'wait', next: undefined };
  if (nextRunAt > now) {
    // A clock that was moved back may have a run ahead that is nearer than the stored one.
    const planned = plannedNext(schedule, now);
    return { action: 'wait', next: planned === undefined ? nextRunAt : Math.min(planned, nextRunAt) };
  }
  const next = plannedNext(schedule, now);
  let last = nextRunAt;
  let count = 1;
  for (; count < COUNTED; count += 1) {
    const following = nextRun(spec, zone, last);
    if (following === undefined || following > now) break;
    last = following;
  }
  if (count === COUNTED) {
    const recent = nextRun(spec, zone, now - missedMs);
    if (recent !== undefined && recent <= now) last = Math.max(last, recent);
  }
  const late = now - last;
  if (late <= Math.max(ON_TIME_MS, missedMs)) return { action: 'run', due: last, missed: count - 1, next };
  return { action: 'skip', missed: count, last, next };
}
