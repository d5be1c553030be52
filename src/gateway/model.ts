/**
 * The words of the domain. Everything here is plain data: it crosses the operator socket as JSON.
 * Times are milliseconds since the epoch unless the name says otherwise.
 */

import type { LogLevel } from '../base/log.ts';
import type { ChatRef, Platform } from './chat.ts';

export * from './chat.ts';
export { userIdFault } from './chat.ts';
export type { DecisionView, RefusalView } from './decisions.ts';

export type AdapterState =
  | 'disabled'
  | 'stopped'
  | 'starting'
  | 'connected'
  | 'reconnecting'
  /** Needs the operator: no retry can fix it. `nextStep` says what to do. */
  | 'parked';

/** Health as three facts: transport, ingress, authorization. */
export interface AdapterHealth {
  readonly state: AdapterState;
  /** One phrase for the row: "@mybot", "reconnecting, try 3", "token revoked". */
  readonly detail: string;
  readonly transport: { readonly alive: boolean; readonly attempt?: number; readonly nextTryAt?: number };
  readonly ingress: { readonly lastUpdateAt?: number; readonly lastHeartbeatAt?: number };
  readonly authorisation: 'unknown' | 'valid' | 'expired' | 'revoked';
  readonly account?: { readonly id: string; readonly name: string };
  /** The operator's next step, one sentence; only when parked. */
  readonly nextStep?: string;
  /** WhatsApp: the QR payload to show, or the pairing code. */
  readonly qr?: string;
  readonly pairingCode?: string;
}

export interface AdapterView extends AdapterHealth {
  readonly platform: Platform;
  readonly lastErrors: readonly { readonly at: number; readonly text: string }[];
  readonly received: number;
  readonly sent: number;
  /** Safety badge: this platform lets everyone in. */
  readonly open: boolean;
}

export type SessionState = 'idle' | 'running' | 'queued' | 'paused' | 'ended';

/** The session of pi that a chat is bound to: one that is open in a terminal, or one that the gateway works in. */
export interface BoundView {
  readonly to: 'terminal' | 'session';
  /** pi's own id of the session. */
  readonly piSession?: string;
  readonly file?: string;
  /** Where the terminal works. */
  readonly cwd?: string;
}

export interface UsageTotal {
  /** Answers of the model. */
  readonly answers: number;
  /** Everything that was read, cached or not. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** As the agent calculates it from the provider's prices; 0 for models without a price. */
  readonly costUsd: number;
}

/** What one sender has used in one session on one day. */
export interface UsageRow extends UsageTotal {
  /** `2026-05-06`, in the gateway's time zone. */
  readonly day: string;
  /** Empty for tasks that belong to no chat. */
  readonly platform: string;
  readonly senderId: string;
  readonly senderName: string;
  readonly sessionId: string;
}

export interface PairingView {
  readonly id: string;
  /**
   * Absent: someone asked and got a code. `queued`: someone asked and got none, because too many wait. `generated`: a
   * code that the operator made for this person. `invitation`: a code for anyone who sends it (no platform, no person).
   */
  readonly kind?: 'queued' | 'generated' | 'invitation';
  readonly platform: Platform | 'any';
  readonly accountId: string;
  readonly senderId: string;
  readonly senderName: string;
  /** Clear code as `ABCD-EFGH`; absent after a restart, when only its hash is left. */
  readonly code?: string;
  readonly firstWords: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export type DialogKind = 'select' | 'confirm' | 'input' | 'editor' | 'approval';

/** An open question of an agent: it waits for an answer, and the agent with it. */
export interface DialogView {
  readonly id: string;
  /** What people call it: "#4". */
  readonly number: number;
  readonly kind: DialogKind;
  readonly title: string;
  readonly text?: string;
  readonly options?: readonly string[];
  /** What an `editor` begins with, or what an `input` suggests. */
  readonly preset?: string;
  /** For `approval`: the call as it will run. Control and invisible characters are shown as `\u{…}`. */
  readonly call?: {
    readonly tool: string;
    /** The exact arguments, readable: indented JSON. */
    readonly arguments: string;
    readonly hash: string;
    readonly reason: string;
    /** What "for this session" would cover. */
    readonly group: string;
  };
  readonly sessionId: string;
  /** Absent for a question that no one in a chat is asked. */
  readonly chat?: ChatRef;
  /** Who may answer in the chat; absent when only the operator may. */
  readonly requesterId?: string;
  readonly requesterName?: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export type DialogOutcome =
  | 'approved'
  | 'approved_session'
  | 'denied'
  | 'answered'
  | 'cancelled'
  | 'timed_out'
  /** The agent does not wait anymore: its turn ended, or it is gone. */
  | 'withdrawn';

export interface AllowlistView {
  readonly platform: Platform;
  readonly userId: string;
  readonly name: string;
  readonly note?: string;
  readonly addedAt: number;
  /** How it got here: "pairing" or "manual". */
  readonly origin: 'pairing' | 'manual';
}

export type OutboxState = 'pending' | 'sending' | 'delivered' | 'failed' | 'abandoned';

export interface OutboxView {
  readonly id: string;
  readonly chat: ChatRef;
  readonly kind: string;
  readonly state: OutboxState;
  readonly attempts: number;
  readonly preview: string;
  /** Of a failed one: everything that did not reach the chat, to be copied. */
  readonly text?: string;
  readonly createdAt: number;
  readonly nextTryAt?: number;
  readonly error?: string;
}

export interface LogLine {
  readonly at: number;
  readonly level: LogLevel;
  readonly source: string;
  readonly text: string;
  /** What `text` ends with, one by one. */
  readonly fields?: Readonly<Record<string, string>>;
}

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

/** One host of a pool of agents. */
export interface AgentHostView {
  readonly name: string;
  /** `retrying`: failed a moment ago. `parked`: needs the operator; it is looked at again anyway. */
  readonly state: 'up' | 'retrying' | 'parked';
  /** Turns at work there. */
  readonly running: number;
  readonly maxConcurrent: number;
  /** Sessions that have a place there, at work or resting. Absent from a gateway that is older. */
  readonly sessions?: number;
  /** Places that a session could take at once. */
  readonly free?: number;
  /** The operator wants no further sessions there; `leaving`: and none that are there to stay. */
  readonly draining?: true;
  readonly leaving?: true;
  readonly detail: string;
  readonly nextTryAt?: number;
  /** The operator's next step; only when parked. */
  readonly hint?: string;
}

/** What operators read for the state of a host: `parked` (the name in the API) is a failure that needs them. */
export function hostState({ state }: Pick<AgentHostView, 'state'>): string {
  return state === 'parked' ? 'failed' : state;
}

export interface AgentView {
  readonly backend: string;
  readonly running: number;
  readonly maxConcurrent: number;
  /** Only with `agent.hosts`. */
  readonly hosts?: readonly AgentHostView[];
  readonly ok: boolean;
  readonly detail: string;
  /** The operator's next step when `ok` is false. */
  readonly hint?: string;
}

export interface GatewayView {
  readonly version: string;
  readonly state: 'starting' | 'running' | 'stopping' | 'stopped';
  readonly host: string;
  readonly port: number;
  readonly startedAt: number;
  readonly dataDir: string;
  readonly demo: boolean;
  readonly agent: AgentView;
  readonly clients: number;
  /** Permanent red badges, one phrase each ("allowAll: everyone has access"). */
  readonly badges: readonly string[];
  /** New users who got no code because too many requests were pending. */
  readonly turnedAway: number;
  readonly sessions?: { readonly open: number; readonly ended: number };
}

/** One line of a session's transcript. */
export interface TranscriptEntry {
  readonly at: number;
  readonly role: 'user' | 'agent' | 'operator' | 'notice' | 'tool';
  readonly text: string;
  /** Of a person's message: its id, and who wrote it. Of a tool call: the tool. */
  readonly id?: string;
  readonly name?: string;
  /** What became of a person's message; absent where that is not known. */
  readonly mark?: MessageMark;
  /** This line is the outcome of that message. */
  readonly settles?: { readonly id: string; readonly mark: MessageMark };
}

export type MessageMark =
  | 'queued'
  | 'running'
  | 'offered'
  | 'answered'
  | 'joined'
  | 'dropped'
  | 'stopped'
  | 'interrupted'
  | 'timed_out'
  | 'failed';
