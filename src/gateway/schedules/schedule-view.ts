import type { ChatRef, TaskStatus } from '../model.ts';

/** A schedule as operators see it. */
export interface ScheduleView {
  readonly id: string;
  readonly source: 'chat' | 'config' | 'console';
  readonly state: 'active' | 'paused' | 'ended';
  /** Why it is paused, one phrase. */
  readonly pauseReason?: string;
  /** When it runs, in words: "every 30m", "cron 0 9 * * 1-5", "once". */
  readonly when: string;
  /** IANA name. */
  readonly timezone: string;
  readonly prompt: string;
  /** Where results go, as targets are written. */
  readonly deliver: readonly string[];
  readonly chat?: ChatRef;
  readonly senderId?: string;
  readonly senderName?: string;
  readonly quietToken: string;
  /** What happens while the last run is still at work. */
  readonly overlap: 'skip' | 'allow';
  readonly missedWithinMs: number;
  readonly createdAt: number;
  readonly nextRunAt?: number;
  readonly lastRunAt?: number;
  readonly lastTaskId?: string;
  readonly lastStatus?: TaskStatus;
  readonly endedAt?: number;
}
