import type { Core } from '../core.ts';
import type { ChatRef } from '../model.ts';
import type { Tasks } from '../tasks/tasks.ts';
import type { ScheduleRecord } from './schedule-record.ts';

/** What schedules stand on. */
export interface SchedulesDeps extends Pick<Core, 'db' | 'clock' | 'events' | 'log' | 'decide' | 'persist'> {
  readonly tasks: Pick<Tasks, 'start' | 'get'>;
  /** Where wall-clock times are read when no one names a zone. */
  readonly zone: () => string;
  /** Whether anyone who asked for it may still have it run. */
  readonly mayRun: (schedule: ScheduleRecord) => boolean;
  /** The chats that get the result. Throws GatewayError for a target that leads nowhere. */
  readonly chats: (schedule: ScheduleRecord) => readonly ChatRef[];
  /** The session that the run belongs to, if there is one now. */
  readonly parent: (schedule: ScheduleRecord) => string | null;
}
