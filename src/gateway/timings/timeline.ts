/** How long each step of one message took. It holds no words of people: it is shown, and leaves for a collector of traces. */
import type { Platform } from '../model.ts';

/**
 * - `accept`: from its arrival until it is durable
 * - `queue`: until its turn begins
 * - `turn`: what the agent needs; `start`, `model`, `tool` and `question` are parts of it
 * - `start`: until the agent has the prompt: a free place, its process, its session
 * - `store`: until the answer is durable
 * - `send`: until the platform has taken the answer
 */
export type StepKind =
  | 'accept'
  | 'queue'
  | 'turn'
  | 'start'
  | 'model'
  | 'tool'
  | 'question'
  | 'store'
  | 'send';

/** Times are milliseconds after the `at` of the timeline. */
export interface TimelineStep {
  readonly kind: StepKind;
  /** Of a tool. */
  readonly name?: string;
  readonly from: number;
  /** Absent while it lasts. */
  readonly to?: number;
  /** Of a call to the model: when its first words came. */
  readonly firstToken?: number;
  readonly ok?: boolean;
}

export interface Timeline {
  /** The gateway's id of the message. */
  readonly id: string;
  readonly sessionId: string;
  readonly platform: Platform;
  /** The host of `agent.hosts` that worked on it. */
  readonly host?: string;
  /** When the message arrived. */
  readonly at: number;
  /** In the order in which they began. */
  readonly steps: readonly TimelineStep[];
  /** Steps that are not kept, because there were too many. */
  readonly leftOut?: number;
  /** What became of the message: `answered`, `failed`, …; absent while it has no outcome. */
  readonly outcome?: string;
  /** From its arrival until the answer was taken by the platform; absent while something lasts. */
  readonly took?: number;
}
