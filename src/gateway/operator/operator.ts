/**
 * Port: what an operator can see and do. The console, the CLI, the extension and `attach` all go through it,
 * whether the gateway sits in the same process or on the other end of a socket.
 */
import type { GatewayEvent, GatewayEventListener } from '../events.ts';
import type {
  AdapterView,
  AllowlistView,
  DialogView,
  GatewayView,
  LogLine,
  OutboxView,
  PairingView,
  Platform,
  RefusalView,
  ScheduleView,
  SessionView,
  TaskStep,
  TaskView,
  TranscriptEntry,
  UsageRow,
  UsageTotal,
} from '../model.ts';

export type { LogLevel } from '../../base/log.ts';
export type { GatewayEvent, GatewayEventListener, PairingOutcome, TurnEvent } from '../events.ts';

export interface OperatorSnapshot {
  readonly gateway: GatewayView;
  readonly adapters: readonly AdapterView[];
  readonly sessions: readonly SessionView[];
  readonly tasks: readonly TaskView[];
  /** Absent from a gateway that knows none yet. */
  readonly schedules?: readonly ScheduleView[];
  readonly pairing: readonly PairingView[];
  readonly allowlist: readonly AllowlistView[];
  readonly refusals: readonly RefusalView[];
  /** Rows that are not delivered yet or failed. */
  readonly outbox: readonly OutboxView[];
  /** Open questions of agents, the oldest first. Absent when the gateway at the other end is older. */
  readonly dialogs?: readonly DialogView[];
  /** The last lines, oldest first (at most 500). */
  readonly log: readonly LogLine[];
}

/** Everything an operator can do. Each is audited with actor and surface. */
export type OperatorCommand =
  /** By row (`requestId`) or by code; case, dash and spaces of a code are ignored. */
  | { readonly type: 'pairing.approve'; readonly requestId?: string; readonly code?: string }
  /** Also withdraws a code that was generated, and an invitation (`requestId` is its id). */
  | { readonly type: 'pairing.deny'; readonly requestId?: string; readonly code?: string }
  | { readonly type: 'pairing.block'; readonly requestId?: string; readonly code?: string }
  /**
   * Makes a single-use code that a new person (the operator's own phone) sends to the bot to be let in. `data` is
   * {id, code, expiresAt}; whoever comes in with it has the note `invitation <id>` on the allowlist.
   */
  | { readonly type: 'pairing.invite' }
  /** Makes a code for one user on one platform; approving it gives exactly that user access. `data` has the code. */
  | { readonly type: 'pairing.generate'; readonly platform: Platform; readonly userId: string }
  /** Takes a decision back: an approved sender is revoked, a blocked one unblocked; the request waits again. */
  | { readonly type: 'pairing.undo'; readonly requestId: string }
  | { readonly type: 'allow'; readonly platform: Platform; readonly userId: string; readonly note?: string }
  | { readonly type: 'revoke'; readonly platform: Platform; readonly userId: string }
  | { readonly type: 'block'; readonly platform: Platform; readonly userId: string }
  | { readonly type: 'unblock'; readonly platform: Platform; readonly userId: string }
  | { readonly type: 'session.reset'; readonly id: string }
  /** Makes a session that was reset the current one of its chat again. */
  | { readonly type: 'session.reopen'; readonly id: string }
  | { readonly type: 'session.stop'; readonly id: string }
  /** Takeover: messages wait while the operator answers by hand. */
  | { readonly type: 'session.pause'; readonly id: string }
  | { readonly type: 'session.resume'; readonly id: string }
  /** Lends the session to a terminal: `data` is {@link LentSession}. Messages wait until it is handed back. */
  | { readonly type: 'session.lend'; readonly id: string }
  /** Of the terminal, well within the lease; `pid` is its pi. */
  | {
      readonly type: 'session.renew';
      readonly id: string;
      readonly lease: string;
      readonly pid?: number;
    }
  | { readonly type: 'session.handBack'; readonly id: string; readonly lease: string }
  | { readonly type: 'session.write'; readonly id: string; readonly text: string }
  | { readonly type: 'queue.drop'; readonly sessionId: string; readonly messageId: string }
  /** Takes a drop of the last minutes back: the message waits again, at the end of the queue. */
  | { readonly type: 'queue.restore'; readonly sessionId: string; readonly messageId: string }
  | { readonly type: 'queue.up'; readonly sessionId: string; readonly messageId: string }
  /** `argv` runs a program instead of a prompt (`command` is then its title); `deliver` names targets. */
  | {
      readonly type: 'task.start';
      readonly sessionId?: string;
      readonly command: string;
      readonly argv?: readonly string[];
      readonly timeoutMs?: number;
      readonly deliver?: string;
    }
  | { readonly type: 'task.retry'; readonly id: string }
  | { readonly type: 'task.cancel'; readonly id: string }
  | { readonly type: 'task.deliver'; readonly id: string }
  /** Exactly one of `every`, `cron` and `at`. Results go to `deliver`, default the chat of `sessionId`. */
  | {
      readonly type: 'schedule.add';
      readonly every?: string;
      readonly cron?: string;
      readonly at?: string;
      readonly timezone?: string;
      readonly prompt: string;
      readonly deliver?: string;
      readonly sessionId?: string;
      readonly quietToken?: string;
      readonly overlap?: 'skip' | 'allow';
      readonly missedMinutes?: number;
    }
  /** As people write it in a chat: `every 30m <text>`, `at 18:30 <text>`. */
  | {
      readonly type: 'schedule.write';
      readonly text: string;
      readonly deliver?: string;
      readonly sessionId?: string;
    }
  | { readonly type: 'schedule.pause'; readonly id: string }
  | { readonly type: 'schedule.resume'; readonly id: string }
  | { readonly type: 'schedule.remove'; readonly id: string }
  | { readonly type: 'schedule.run'; readonly id: string }
  /** The chat that `home:<platform>` means: `<chat>` or `<chat>:<thread>`; without one it is taken away. */
  | { readonly type: 'home.set'; readonly platform: Platform; readonly chat?: string }
  | { readonly type: 'adapter.start'; readonly platform: Platform }
  | { readonly type: 'adapter.stop'; readonly platform: Platform }
  | { readonly type: 'adapter.restart'; readonly platform: Platform }
  /**
   * Asks the platform who the bot is and what is missing; `data` is an AdapterCheck. With `settings` (keys of
   * `platforms.<platform>`, laid over those in config.json; an empty text or null takes one away) nothing that runs
   * and nothing that is stored is touched.
   */
  | {
      readonly type: 'adapter.check';
      readonly platform: Platform;
      readonly settings?: Readonly<Record<string, unknown>>;
    }
  /**
   * `decision` for a tool call, and `deny` for any question that gets no answer; `value` for the others: an option, a
   * text, or "yes" and "no".
   */
  | {
      readonly type: 'dialog.answer';
      readonly id: string;
      readonly decision?: 'once' | 'session' | 'deny';
      readonly value?: string;
    }
  | { readonly type: 'outbox.retry'; readonly id: string }
  | { readonly type: 'outbox.abandon'; readonly id: string }
  | {
      readonly type: 'send';
      readonly platform: Platform;
      readonly channelId: string;
      readonly content: string;
    }
  /**
   * `key` may name a section (`platforms.telegram`): then `value` holds the keys to change, null takes one away, and
   * the file is written once. A change of a platform is in force at once; its adapter is started, stopped or
   * connected anew as needed.
   */
  | { readonly type: 'config.set'; readonly key: string; readonly value: unknown }
  /** Makes a new operator token, in force at once; links that came with the old one end. */
  | { readonly type: 'token.rotate' }
  | { readonly type: 'doctor' }
  /** Stops the gateway and starts it again with its configuration read anew. */
  | { readonly type: 'restart' }
  | { readonly type: 'stop' };

/** What a terminal needs to open a session. */
export interface LentSession {
  readonly lease: string;
  /** The lease ends after this many milliseconds without a renewal. */
  readonly leaseMs: number;
  readonly argv: readonly string[];
  readonly cwd: string;
}

export interface CommandResult {
  /** One sentence for the toast or the terminal. */
  readonly message: string;
  readonly data?: unknown;
}

export interface QueueEntry {
  readonly messageId: string;
  readonly senderName: string;
  readonly text: string;
  readonly at: number;
}

/** What may be typed for a value; `other` is JSON. */
export type ConfigKind = 'text' | 'number' | 'boolean' | 'choice' | 'list' | 'other';

export interface ConfigValue {
  readonly key: string;
  /** Secrets are masked, except for the name of an environment variable that holds one. */
  readonly value: unknown;
  readonly source: 'flag' | 'environment' | 'file' | 'default';
  readonly help: string;
  /** Absent when the gateway at the other end is older. */
  readonly kind?: ConfigKind;
  /** What a choice is made from. */
  readonly choices?: readonly string[];
  readonly secret?: boolean;
  /** The default, where there is one. */
  readonly fallback?: unknown;
}

/** Questions whose answers are too large or too rare for the snapshot. */
export interface SearchHit {
  readonly kind: 'message' | 'task' | 'refusal';
  /** Of the session, the task or the rejection. */
  readonly id: string;
  readonly at: number;
  /** Who wrote or asked for it. */
  readonly who: string;
  readonly text: string;
}

export interface OperatorQueries {
  /** The last entries of a session, also of an ended one; before the time `before`, when it is given. */
  transcript: {
    params: { sessionId: string; limit?: number; before?: number };
    result: readonly TranscriptEntry[];
  };
  /** Messages, tasks and rejected senders with these words, the newest first. */
  search: { params: { words: string; limit?: number }; result: readonly SearchHit[] };
  queue: { params: { sessionId: string }; result: readonly QueueEntry[] };
  /** What a task did, oldest first; the last few hundred steps. */
  steps: { params: { taskId: string }; result: readonly TaskStep[] };
  config: { params: Record<string, never>; result: readonly ConfigValue[] };
  audit: {
    params: { limit?: number };
    result: readonly { at: number; actor: string; surface: string; action: string; subject: string }[];
  };
  usage: {
    params: { limit?: number };
    result: { today: UsageTotal; total: UsageTotal; rows: readonly UsageRow[] };
  };
  blocked: {
    params: Record<string, never>;
    result: readonly { platform: Platform; userId: string; at: number }[];
  };
}

export interface Operator {
  /** Current state; a remote operator answers from its mirror. */
  snapshot(): OperatorSnapshot;
  /** Events after the snapshot taken in the same tick. Returns the function that ends the subscription. */
  subscribe(listener: GatewayEventListener): () => void;
  /** Rejects with a GatewayError whose `hint` is the operator's next step. */
  run(command: OperatorCommand): Promise<CommandResult>;
  query<K extends keyof OperatorQueries>(
    name: K,
    params: OperatorQueries[K]['params'],
  ): Promise<OperatorQueries[K]['result']>;
  /** "local", or the URL of the gateway at the other end and whether it answers. */
  link():
    | { readonly kind: 'local' }
    | {
        readonly kind: 'remote';
        readonly url: string;
        readonly connected: boolean;
        /** When the gateway was heard last, epoch milliseconds; absent where that is not known. */
        readonly heardAt?: number;
      };
  /** Ends the connection (remote) or nothing (local). */
  close(): Promise<void>;
}

export type OperatorEvent = GatewayEvent;
