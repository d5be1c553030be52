import { type ChatText, joined, moment, say } from '../language/chat-text.ts';
import { nextRuns } from './next-run.ts';
import type { ScheduleRecord } from './schedule-record.ts';

/** What someone reads who has just made a schedule: its id and its next three runs, in its zone. */
export function announce(schedule: ScheduleRecord, now: number): ChatText {
  const { id, spec, zone } = schedule;
  const runs = nextRuns(spec, zone, now, 3).map((at) => moment(at, zone));
  return say('schedule.next', { id, n: runs.length, runs: joined(runs, ', '), zone });
}
