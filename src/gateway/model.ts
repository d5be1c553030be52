/**
 * The words of the domain. Everything here is plain data: it crosses the operator socket as JSON.
 * Times are milliseconds since the epoch unless the name says otherwise.
 */
import type { ChatKind, ChatRef, Platform } from './chat.ts';

export * from './chat.ts';
export type { DecisionView, RefusalView } from './decision-view.ts';
export { userIdFault } from './platform-ids.ts';
export * from './work-view.ts';

export interface Sender {
  /** The platform's stable id; never a name. */
  readonly id: string;
  /** Other stable ids of the same person (WhatsApp: phone JID next to LID). */
  readonly aliases?: readonly string[];
  readonly name: string;
  /** The platform knows no name: the one here is made up, and no better one gives way to it. */
  readonly unnamed?: true;
  readonly isBot?: boolean;
  /** True for our own bot's messages and the platform's echo of them. */
  readonly isSelf?: boolean;
}

export interface Attachment {
  readonly kind: 'image' | 'audio' | 'video' | 'file';
  readonly name: string;
  readonly mimeType: string;
  readonly sizeBytes?: number;
  /** Opaque to the core: the adapter fetches the bytes from it, even after a restart. */
  readonly ref: string;
}

/** A message that another one refers to: quoted, forwarded, or above it in a thread. Texts are raw, as in `InboundMessage`. */
export interface ReferredMessage {
  readonly messageId?: string;
  /** Display name of its author; absent where the platform hides it. */
  readonly author?: string;
  /** Written by this gateway's bot. */
  readonly fromBot?: boolean;
  readonly text?: string;
  readonly attachments?: readonly Attachment[];
  /** When the platform says it was sent. */
  readonly sentAt?: number;
}

/** A message as an adapter hands it in. Texts are raw here; the inbox sanitises them. */
export interface InboundMessage {
  /** Identity of the platform's update on this account; the same update delivered again has the same key. */
  readonly dedupeKey: string;
  /** Further identities of the same message (for example chat + message id next to the update id). */
  readonly alsoKnownAs?: readonly string[];
  readonly chat: ChatRef;
  readonly chatKind: ChatKind;
  readonly chatName?: string;
  readonly sender: Sender;
  readonly text: string;
  /** The platform's id of this message: replies refer to it. */
  readonly messageId: string;
  /** The client's own correlation id (WebSocket `prompt.id`). */
  readonly promptId?: string;
  /** It has its outcome, and its text was too long to be kept. */
  readonly textForgotten?: true;
  /** The message that this one answers. Its attachments are given to the agent like the message's own. */
  readonly replyTo?: ReferredMessage & { readonly messageId: string };
  /**
   * The content was forwarded: who wrote it first (a person, a channel), as far as the platform says. With a `text` or
   * `attachments` of its own this is the forwarded message, and the message's own text is a comment on it; without, the
   * message's own content is what was forwarded.
   */
  readonly forwardedFrom?: ReferredMessage;
  /** The messages above this one in a thread that the bot was called into, oldest first; at most 30. */
  readonly above?: readonly ReferredMessage[];
  /** Name of the topic or thread, where the platform sends it. */
  readonly threadName?: string;
  /** The thread is a room of the group (a forum topic), not a branch of one message: follow-ups need their mention. */
  readonly topic?: boolean;
  /** Spoken: an attachment of this message is a voice recording. */
  readonly voice?: boolean;
  /**
   * What the message contains that cannot be read, as a noun phrase ("a story", "a game"). With no text and no
   * attachment next to it, a direct message is answered with one sentence that names it.
   */
  readonly unreadable?: string;
  /**
   * Written in another chat that only shows up here (Twitch shared chat): the rules of this chat say nothing about its
   * author, and it is not answered.
   */
  readonly fromElsewhere?: true;
  /** The platform has no direct messages: a new user who calls the bot here is paired here. */
  readonly pairsHere?: true;
  /** The bot was mentioned, or the message replies to the bot. Always true in DMs. */
  readonly mentioned: boolean;
  readonly attachments?: readonly Attachment[];
  /** Pieces of one album share this id: the core joins them. */
  readonly albumId?: string;
  /**
   * Set by the core: the pieces that this message was joined from, in order. An edit of one changes its part. `cut`: the
   * next piece goes on in the middle of a line.
   */
  readonly joinedFrom?: readonly {
    readonly messageId: string;
    readonly text: string;
    readonly cut?: boolean;
    readonly files?: number;
  }[];
  /** Set by the core: its author edited it before its turn began. */
  readonly revised?: boolean;
  /** Set by the core: no mention, but the bot was called in this thread before. */
  readonly followsUp?: boolean;
  /** This is an edit of the message with the same `messageId`. */
  readonly edited?: boolean;
  /** When the platform says it was sent; absent where unknown. */
  readonly sentAt?: number;
  /** The language code that the platform gives for the sender (`de`, `pt-BR`); absent where it gives none. */
  readonly language?: string;
}

// ---- what an operator sees ------------------------------------------------------------------------------------

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

export type { LogLine } from './log-file.ts';

export type { MessageMark, TranscriptEntry } from './sessions/transcript-entry.ts';

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
