import type { Platform } from './chat.ts';

/** Why a message was not accepted. `code` is stable, `reason` is a sentence. */
export interface RefusalView {
  readonly id: string;
  readonly at: number;
  readonly platform: Platform;
  readonly chatId: string;
  readonly senderId: string;
  readonly senderName: string;
  readonly code: string;
  readonly reason: string;
  /** The beginning of what they wrote; kept on this machine for 7 days. */
  readonly text?: string;
  /** Messages of that sender that the row stands for; absent for one. The first is shown at once, the others once a minute. */
  readonly count?: number;
}

/** Something that was refused, dropped, reset, retried or given up. `code` is stable, `reason` is a sentence. */
export interface DecisionView {
  readonly at: number;
  readonly what: 'message' | 'turn' | 'session' | 'delivery' | 'task' | 'schedule';
  readonly kind:
    | 'refused'
    | 'dropped'
    | 'reset'
    | 'retried'
    /** Not done on its own anymore: anyone who wrote it may ask for it again. */
    | 'offered'
    | 'interrupted'
    /** A turn or task that was cut off continues. */
    | 'resumed'
    | 'aborted'
    | 'timed_out'
    | 'failed'
    | 'abandoned'
    /** Waits or runs for longer than it should: someone should look. */
    | 'stuck';
  readonly code: string;
  readonly reason: string;
  readonly platform?: Platform;
  readonly chatId?: string;
  readonly senderId?: string;
  readonly sessionId?: string;
  /** Of the message, delivery or task. */
  readonly id?: string;
  /** How often it happened; absent for once. */
  readonly count?: number;
}
