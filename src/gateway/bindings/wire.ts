/**
 * What the gateway and the pi in a terminal say to each other while a chat is bound to it. Both sides number what they
 * say, and say it again until the peer has it: a link that breaks loses nothing and doubles nothing.
 */
import type { AgentEvent, AgentImage, TurnEnd } from '../agent/agent.ts';
import type { ApprovalDecision, ToolCall } from '../agent/question.ts';

/** From the gateway. */
export type Order =
  | {
      readonly type: 'run';
      readonly run: string;
      readonly text: string;
      readonly images?: readonly AgentImage[];
      /** What the model is told once about messages of the chat. */
      readonly note?: string;
      /** Names of the tools that a message of this chat may use; absent: those of the terminal. */
      readonly tools?: readonly string[];
      /** Ask before every tool call of this run. */
      readonly approvals: boolean;
    }
  | { readonly type: 'abort'; readonly run: string }
  | {
      readonly type: 'decided';
      readonly ask: string;
      readonly decision: ApprovalDecision;
      readonly reason?: string;
    };

export interface NumberedOrder {
  readonly number: number;
  readonly order: Order;
}

/** What the terminal has of its orders; `epoch` is that of the answer before. */
export interface OrdersSeen {
  readonly epoch?: string;
  readonly number: number;
}

/** The answer to a look for orders. Numbers begin again with each epoch. */
export interface Orders {
  readonly epoch: string;
  readonly orders: readonly NumberedOrder[];
}

/** What a run in the terminal tells of itself: which file it uses, and what else it takes up, is not its to say. */
export type ReportedEvent = Exclude<AgentEvent, { type: 'starting' | 'consumed' | 'session' | 'model' }>;

/** From the terminal. Its schema is `BindReport`; a test of types keeps the two the same. */
export type Report =
  | { readonly type: 'event'; readonly run: string; readonly event: ReportedEvent }
  | { readonly type: 'end'; readonly run: string; readonly end: TurnEnd }
  | {
      readonly type: 'ask';
      readonly run: string;
      readonly ask: string;
      readonly call: Omit<ToolCall, 'always'>;
    }
  /** Someone at the terminal has answered it. */
  | { readonly type: 'asked'; readonly ask: string }
  /** The operator wrote this in the terminal, or the model answered it there. */
  | { readonly type: 'typed' | 'said'; readonly text: string };

/** The pi that is open in a terminal. */
export interface TerminalPi {
  /** pi's own id of the session that it shows. */
  readonly sessionId: string;
  readonly sessionFile?: string;
  readonly cwd: string;
  readonly name?: string;
}

/** What `bind.terminal` answers. */
export interface TerminalLease {
  readonly lease: string;
  /** The gateway's id of the session. */
  readonly id: string;
}
