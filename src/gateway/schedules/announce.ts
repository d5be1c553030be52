import { writeTime } from './local-time.ts';
import { nextRuns } from './next-run.ts';
import type { ScheduleRecord } from './schedule-record.ts';

/** What somebody reads who has just made a schedule: its id and its next three runs, in its zone. */
export function announce(schedule: ScheduleRecord, now: number): string {
  const { id, spec, zone } = schedule;
  const runs = nextRuns(spec, zone, now, 3).map((at) => writeTime(at, zone));
  return `Schedule ${id}: next ${runs.length === 1 ? 'and only run' : 'runs'} ${runs.join(', ')} (${zone}).`;
}
