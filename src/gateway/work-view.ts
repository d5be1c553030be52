/** Background tasks and schedules as operators see them. */
import type { ChatRef } from './chat.ts';

export type TaskStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'timed_out' | 'lost';

export interface TaskView {
  readonly id: string;
  readonly sessionId: string;
  readonly parentSessionId: string | null;
  readonly command: string;
  readonly status: TaskStatus;
  /** 0–100. */
  readonly progress: number;
  readonly progressMessage?: string;
  readonly result?: string;
  readonly error?: string;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly completedAt?: number;
  readonly deliveredAt?: number;
  /** A program that an operator started; absent for a prompt. */
  readonly kind?: 'shell';
  /** Of a program that ended on its own. */
  readonly exitCode?: number;
  /** The ended task that this one tries again. */
  readonly retryOf?: string;
  /** The schedule that started it. */
  readonly scheduleId?: string;
  /** No one waits for its result: it belongs to no chat, or it says itself that there is nothing to tell. */
  readonly silent?: boolean;
}

/** One thing that a task did. */
export interface TaskStep {
  readonly at: number;
  /** How far the task was, 0–100. */
  readonly percent: number;
  readonly text: string;
}

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
