/**
 * The one typed event stream. Console, HTTP, metrics and log are its readers; rows arrive whole (upsert). Next to it how
 * long each step of a message took.
 */

import type { ChatText } from './language/chat-text.ts';
import type {
  AdapterView,
  AllowlistView,
  ChatRef,
  DecisionView,
  DialogKind,
  DialogOutcome,
  DialogView,
  GatewayView,
  LogLine,
  OutboxView,
  PairingView,
  Platform,
  RefusalView,
  ScheduleView,
  TaskView,
  TranscriptEntry,
} from './model.ts';
import type { Notice } from './notify/notice.ts';
import type { SessionView } from './sessions/session-view.ts';

/** What a turn shows while it runs; also the `event` frames of the WebSocket. */
export type TurnEvent =
  | { readonly type: 'queued'; readonly position: number }
  | { readonly type: 'started' }
  | { readonly type: 'text_delta'; readonly delta: string }
  | { readonly type: 'tool_start'; readonly id: string; readonly name: string }
  | { readonly type: 'tool_end'; readonly id: string; readonly name: string; readonly ok: boolean }
  | { readonly type: 'progress'; readonly percent: number; readonly message: string }
  | { readonly type: 'steered'; readonly by?: string }
  /** The agent asks; it is answered by a prompt (`/approve`, `/deny`, `/answer #4 …`). */
  | {
      readonly type: 'dialog';
      readonly id: string;
      readonly number: number;
      readonly kind: DialogKind;
      readonly title: string;
      readonly text?: string;
      readonly options?: readonly string[];
      readonly preset?: string;
      readonly call?: { readonly tool: string; readonly arguments: string };
      readonly expiresAt: number;
    }
  | { readonly type: 'dialog_closed'; readonly id: string; readonly outcome: DialogOutcome };

export type PairingOutcome = 'approved' | 'denied' | 'blocked' | 'expired' | 'revoked';

export type GatewayEvent =
  | { readonly type: 'gateway'; readonly gateway: GatewayView }
  | { readonly type: 'adapter'; readonly adapter: AdapterView }
  | { readonly type: 'session'; readonly session: SessionView }
  | { readonly type: 'session-removed'; readonly id: string }
  | { readonly type: 'task'; readonly task: TaskView }
  | { readonly type: 'schedule'; readonly schedule: ScheduleView }
  | { readonly type: 'schedule-removed'; readonly id: string }
  | { readonly type: 'pairing'; readonly request: PairingView }
  | {
      readonly type: 'pairing-closed';
      readonly id: string;
      readonly outcome: PairingOutcome;
      readonly actor: string;
    }
  | { readonly type: 'dialog'; readonly dialog: DialogView }
  | {
      readonly type: 'dialog-closed';
      readonly id: string;
      readonly outcome: DialogOutcome;
      readonly actor: string;
    }
  | { readonly type: 'allowlist'; readonly entry: AllowlistView }
  | { readonly type: 'allowlist-removed'; readonly platform: Platform; readonly userId: string }
  | { readonly type: 'refusal'; readonly refusal: RefusalView }
  /** Also a log line; the last ones are in `GET /api/status`. */
  | { readonly type: 'decision'; readonly decision: DecisionView }
  | { readonly type: 'outbox'; readonly item: OutboxView }
  | {
      readonly type: 'traffic';
      readonly direction: 'in' | 'out';
      readonly platform: Platform;
      readonly at: number;
    }
  | {
      readonly type: 'inbound';
      readonly chat: ChatRef;
      readonly sessionId: string;
      readonly messageId: string;
      readonly promptId?: string;
      readonly senderId: string;
      readonly senderName: string;
      readonly text: string;
    }
  /** An answer of the model was counted. Without a platform: for tasks that belong to no chat. */
  | {
      readonly type: 'usage';
      readonly platform?: Platform;
      readonly senderId: string;
      readonly sessionId: string;
      readonly inputTokens: number;
      readonly outputTokens: number;
      readonly costUsd: number;
    }
  /** `near` and `reached` come once in a window of a spending limit; `text` is a sentence for operators. */
  | {
      readonly type: 'limit';
      readonly what: 'near' | 'reached' | 'refused' | 'raised';
      readonly scope: string;
      readonly subject: string;
      readonly text: string;
    }
  | { readonly type: 'turn'; readonly sessionId: string; readonly event: TurnEvent }
  | { readonly type: 'transcript'; readonly sessionId: string; readonly entry: TranscriptEntry }
  /** The operator should know: it goes to owners and other ways (docs/notices.md). Any part may emit one. */
  | { readonly type: 'notice'; readonly notice: Notice }
  /** What a notice was about has ended. */
  | { readonly type: 'notice-over'; readonly key: string; readonly how: ChatText }
  | { readonly type: 'log'; readonly line: LogLine };

export type GatewayEventListener = (event: GatewayEvent) => void;

/** Synchronous fan-out. A listener that throws is dropped from that event only and never stops the others. */
export class EventStream {
  readonly #listeners = new Set<GatewayEventListener>();
  readonly #onFault: (error: unknown) => void;

  constructor(onFault: (error: unknown) => void = () => {}) {
    this.#onFault = onFault;
  }

  emit(event: GatewayEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#onFault(error);
      }
    }
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: GatewayEventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}

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

/** How long each step of one message took. It holds no words of people: it is shown, and leaves for a collector of traces. */
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
