/**
 * Port: what an operator can see and do. The console, the CLI, the extension and `attach` all go through it,
 * whether the gateway sits in the same process or on the other end of a socket.
 */

import type { GatewayEvent, GatewayEventListener, Timeline } from '../events.ts';
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
  TaskStep,
  TaskView,
  TranscriptEntry,
  UsageRow,
  UsageTotal,
} from '../model.ts';
import type { SessionView } from '../sessions/session-view.ts';
import type { LimitView } from '../spending/limit-view.ts';
import type { OperatorCommand } from './commands.ts';

export type { LogLevel } from '../../base/log.ts';
export type {
  GatewayEvent,
  GatewayEventListener,
  StepKind,
  Timeline,
  TimelineStep,
  TurnEvent,
} from '../events.ts';
export type { SessionView } from '../sessions/session-view.ts';
export type { OperatorCommand } from './commands.ts';

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

/** The lists of a gateway that is not up yet. */
export const NO_ROWS = {
  sessions: [],
  tasks: [],
  pairing: [],
  allowlist: [],
  refusals: [],
  outbox: [],
  dialogs: [],
  log: [],
} as const satisfies Partial<OperatorSnapshot>;

/** The lists whose rows come, change and go one by one. */
type Listed = Exclude<keyof OperatorSnapshot, 'gateway' | 'refusals' | 'log'>;
export type ListedRows = { readonly [L in Listed]-?: NonNullable<OperatorSnapshot[L]>[number] };

/** A row as it is now; undefined for one that is gone. */
export type RowChange<K extends keyof ListedRows = keyof ListedRows> = {
  [L in K]: { readonly list: L; readonly key: string; readonly row: ListedRows[L] | undefined };
}[K];

export const rowKey = {
  adapters: (row: { readonly platform: string }): string => row.platform,
  allowlist: (row: { readonly platform: string; readonly userId: string }): string =>
    `${row.platform} ${row.userId}`,
  id: (row: { readonly id: string }): string => row.id,
};

/** What an event changes in the lists: the one reading of events for consoles, mirrors and links. */
export function rowChange(event: GatewayEvent): RowChange | undefined {
  switch (event.type) {
    case 'adapter':
      return { list: 'adapters', key: rowKey.adapters(event.adapter), row: event.adapter };
    case 'session':
      return { list: 'sessions', key: event.session.id, row: event.session };
    case 'session-removed':
      return { list: 'sessions', key: event.id, row: undefined };
    case 'task':
      return { list: 'tasks', key: event.task.id, row: event.task };
    case 'schedule':
      return { list: 'schedules', key: event.schedule.id, row: event.schedule };
    case 'schedule-removed':
      return { list: 'schedules', key: event.id, row: undefined };
    case 'pairing':
      return { list: 'pairing', key: event.request.id, row: event.request };
    case 'pairing-closed':
      return { list: 'pairing', key: event.id, row: undefined };
    case 'allowlist':
      return { list: 'allowlist', key: rowKey.allowlist(event.entry), row: event.entry };
    case 'allowlist-removed':
      return { list: 'allowlist', key: rowKey.allowlist(event), row: undefined };
    case 'outbox': {
      // The snapshot lists what is not delivered yet or failed.
      const over = event.item.state === 'delivered' || event.item.state === 'abandoned';
      return { list: 'outbox', key: event.item.id, row: over ? undefined : event.item };
    }
    case 'dialog':
      return { list: 'dialogs', key: event.dialog.id, row: event.dialog };
    case 'dialog-closed':
      return { list: 'dialogs', key: event.id, row: undefined };
    case 'gateway':
    case 'refusal':
    case 'log':
    case 'decision':
    case 'traffic':
    case 'inbound':
    case 'turn':
    case 'usage':
    case 'limit':
    case 'transcript':
    case 'notice':
    case 'notice-over':
      return undefined;
    default:
      // A newer gateway may send what this version does not know.
      event satisfies never;
      return undefined;
  }
}

/** What a terminal needs to open a session. */
export interface LeasedSession {
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
  /** In force now. Secrets are masked, except for the name of an environment variable that holds one. */
  readonly value: unknown;
  /** What the file says since the start, in force after the next one; null: nothing, so the default. */
  readonly later?: unknown;
  readonly source: 'flag' | 'environment' | 'file' | 'default';
  /** The line of the file, the variable, or the flag. */
  readonly from?: string;
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
  /** The last entries of a session, even of an ended one; before the time `before`, when it is given. */
  transcript: {
    params: { sessionId: string; limit?: number; before?: number };
    result: readonly TranscriptEntry[];
  };
  /** Sessions, newest first: a page behind the one that began `at`; or those whose id begins with `id`. */
  sessions: {
    params: { limit?: number; after?: { at: number; id: string }; id?: string };
    result: readonly SessionView[];
  };
  /** Messages, tasks and rejected senders with these words, the newest first. */
  search: { params: { words: string; limit?: number }; result: readonly SearchHit[] };
  /** Lines of the log from a time on, also those before a restart, oldest first; the last `limit` of them. */
  log: {
    params: { since: number; until?: number; limit?: number };
    result: readonly LogLine[];
  };
  queue: { params: { sessionId: string }; result: readonly QueueEntry[] };
  /** How long the steps of the last messages of a session took, the oldest first; what lasts is at the end. */
  timings: { params: { sessionId: string; limit?: number }; result: readonly Timeline[] };
  /** What a task did, oldest first; the last few hundred steps. */
  steps: { params: { taskId: string }; result: readonly TaskStep[] };
  config: { params: Record<string, never>; result: readonly ConfigValue[] };
  audit: {
    /** `before`: the number of a line; older ones. */
    params: { limit?: number; before?: number };
    result: readonly {
      /** Its number in the chain; absent from an older gateway. */
      seq?: number;
      at: number;
      actor: string;
      surface: string;
      action: string;
      subject: string;
    }[];
  };
  usage: {
    params: { limit?: number };
    result: {
      today: UsageTotal;
      total: UsageTotal;
      rows: readonly UsageRow[];
      /** The fullest first. */
      limits?: readonly LimitView[];
    };
  };
  /** Spending limits in their present windows, the fullest first. */
  limits: { params: Record<string, never>; result: readonly LimitView[] };
  blocked: {
    params: Record<string, never>;
    result: readonly { platform: Platform; userId: string; at: number }[];
  };
}

/** An attached gateway that does not answer. */
export interface LinkWaiting {
  /** Where it should answer, as a person reads it. */
  readonly address: string;
  readonly since: number;
  /** Absent while a try is in progress. */
  readonly nextAt?: number;
  /** Why the last try failed, a sentence without a period. */
  readonly reason: string;
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
        /** It does not answer: what is tried, and when again. */
        readonly waiting?: LinkWaiting;
        /** Another number: the snapshot is another one, whatever events said. */
        readonly epoch?: number;
      };
  /** Ends the connection (remote) or nothing (local). */
  close(): Promise<void>;
}

export type OperatorEvent = GatewayEvent;
