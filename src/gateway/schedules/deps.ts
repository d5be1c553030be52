import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Database, Tx } from '../../store/database.ts';
import type { Decide } from '../decisions.ts';
import type { EventStream } from '../events.ts';
import type { ChatRef } from '../model.ts';
import type { Tasks } from '../tasks/tasks.ts';
import type { ScheduleRecord } from './schedule-record.ts';

/** What schedules stand on. */
export interface SchedulesDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly events: EventStream;
  readonly log: Logger;
  readonly decide: Decide;
  /** Tries until the store takes it; rejects only when the gateway stops. */
  readonly persist: <T>(body: (tx: Tx) => T) => Promise<T>;
  readonly tasks: Pick<Tasks, 'start' | 'get'>;
  /** Where wall-clock times are read when nobody names a zone. */
  readonly zone: string;
  /** Whether whoever asked for it may still have it run. */
  readonly mayRun: (schedule: ScheduleRecord) => boolean;
  /** The chats that get the result. Throws GatewayError for a target that leads nowhere. */
  readonly chats: (schedule: ScheduleRecord) => readonly ChatRef[];
  /** The session that the run belongs to, if there is one now. */
  readonly parent: (schedule: ScheduleRecord) => string | null;
}
