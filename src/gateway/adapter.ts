/**
 * Port: what a platform adapter is. The core defines it, `adapters/<platform>/` implements it with the
 * platform's own client library. One adapter's throw, hang or crash never touches another or the gateway. Below: how
 * settings are checked before they are used, and the port to the sockets of chat clients.
 */

import { type Clock, withDeadline } from '../base/async.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { TurnEvent } from './events.ts';
import type { ChatText } from './language/chat-text.ts';
import type { Language } from './language/languages.ts';
import type { AdapterHealth, Attachment, ChatRef, InboundMessage, Platform } from './model.ts';

export interface Capabilities {
  /** Own messages can be edited: drafts stream by edits. */
  readonly edit: boolean;
  readonly delete: boolean;
  readonly typing: boolean;
  readonly threads: boolean;
  readonly reactions: boolean;
  readonly attachmentsIn: boolean;
  readonly attachmentsOut: boolean;
  /** Choices can be shown as buttons; elsewhere they are numbered text. */
  readonly buttons: boolean;
  /** Turn events go to the adapter itself (WebSocket); no drafts are edited then. */
  readonly streamsEvents: boolean;
  /** The largest text of one message, in `textUnit`. */
  readonly textLimit: number;
  readonly textUnit: 'utf16' | 'codepoints' | 'bytes';
  /** How long a sent message can be edited; absent: for as long as a turn may take. */
  readonly editWindowMs?: number;
  /** Least time between two edits of a draft in one chat. */
  readonly editIntervalMs: number;
  /** How often the typing indicator has to be refreshed; 0 where there is none. */
  readonly typingRefreshMs: number;
  /** `!word` is accepted next to `/word` (Slack threads, Twitch). */
  readonly bangCommands: boolean;
  /** Sends with the same `idempotencyKey` are delivered once by the platform itself. */
  readonly idempotentSend: boolean;
}

/** One message ready to be sent: what `format` returns and the outbox stores byte for byte. */
export interface Part {
  /** In the platform's markup. */
  readonly text: string;
  /** The same without markup: sent again when the platform refuses the markup. */
  readonly plain: string;
  readonly attachment?: { readonly path: string; readonly name: string; readonly mimeType: string };
  readonly buttons?: readonly { readonly label: string; readonly command: string }[];
}

export type OutboundKind =
  /** The answer to a message. */
  | 'reply'
  /** How a turn ended otherwise; `code` is aborted, timed_out, failed, interrupted or refused. */
  | 'outcome'
  /** The answer of a chat command. */
  | 'command'
  /** A line that no one asked for: reset notice, rate limit, restart. */
  | 'notice'
  /** The pairing code for a new user. Never stored: the code must not touch the disk. */
  | 'pairing'
  | 'paired'
  | 'denied'
  | 'task'
  /** Written by the operator or by a program through the API. */
  | 'operator';

export interface OutboundMeta {
  readonly kind: OutboundKind;
  readonly promptId?: string;
  readonly sessionId?: string;
  readonly code?: string;
  /** May have been delivered before a crash. */
  readonly repeat?: boolean;
  /** When the turn began whose draft this replaces. */
  readonly draftAt?: number;
  /** `code` is null while too many others have one: the operator sees the request anyway. */
  readonly pairing?: { readonly code: string | null; readonly expiresInMs: number };
  /** Its text is changed when what it asks has ended: kept after the delivery. */
  readonly amendable?: true;
  /** The reply is empty because its message was joined into a later one of the same turn. */
  readonly joinedTo?: string;
}

export interface SendRequest {
  /** Stable over retries and restarts, one per part. */
  readonly idempotencyKey: string;
  readonly chat: ChatRef;
  readonly part: Part;
  readonly partIndex: number;
  readonly partCount: number;
  readonly replyToMessageId?: string;
  readonly meta: OutboundMeta;
}

export interface SendReceipt {
  /** The platform's id of the delivered message: the proof. */
  readonly messageId: string;
}

/** News of a platform that no one asked for in a chat (a stream began). */
export interface Announcement {
  /** Of the news on this platform; the same id again is not told again. */
  readonly id: string;
  /** Markdown, in the language of each chat. */
  readonly text: ChatText;
  /** Where it goes: `<platform>:<chat>[:<thread>]` or `home:<platform>`. */
  readonly targets: readonly string[];
}

export interface MenuCommand {
  readonly name: string;
  readonly help: string;
  readonly args?: string;
}

/** The chat commands as people of one language read them. */
export interface CommandMenu {
  readonly language: Language;
  readonly commands: readonly MenuCommand[];
}

/** What the gateway offers to an adapter. */
export interface AdapterHost {
  /**
   * Takes a message. Resolves when it is durable (or knowingly ignored): only then acknowledge to the platform.
   * Rejects with a GatewayError (for example `storage_full`) when it was NOT taken; the platform should redeliver.
   */
  accept(message: InboundMessage): Promise<void>;
  /** The author deleted a message: one that still waits is dropped. Never rejects. */
  deleted?(chat: ChatRef, messageId: string): Promise<void>;
  /**
   * The sentence for a sender who may not speak here; undefined for everyone else, new users included. For platforms that
   * want a first reply before the message is taken. Counts towards no limit: the message is handed to `accept` anyway.
   */
  refusal?(message: InboundMessage): string | undefined;
  /** Report every change of health; cheap, may be called often. */
  health(health: AdapterHealth): void;
  readonly log: Logger;
  readonly clock: Clock;
  /** A private directory (0700) for credentials and offsets; exists when `start` is called. */
  readonly stateDir: string;
  /** Chat commands for the platform's menu, in English. */
  readonly commands: readonly MenuCommand[];
  /**
   * The menu in each language that people may read on this platform. The first is for everyone whose language has none; it is
   * the only one where the configuration names a language. Rejects when a language cannot be read.
   */
  menus?(): Promise<readonly CommandMenu[]>;
  /** Takes news to the chats it names, through the outbox. Durable when it resolves; rejects for a target that leads nowhere. */
  announce?(announcement: Announcement): Promise<void>;
  /** Register a text that must never appear in a log line, an error or a chat. */
  secret(value: string): void;
}

/** A path of the gateway's HTTP server that a platform calls (webhooks). */
export interface AdapterRoute {
  /** Begins with a slash, for example `/webhooks/telegram`. */
  readonly path: string;
  /** Never rejects; the adapter itself checks who is calling. Answers once what it took is durable. */
  handle(request: Request): Promise<Response>;
}

export interface Adapter {
  readonly platform: Platform;
  readonly capabilities: Capabilities;
  /** Known from the settings alone, the same before and after `start`. */
  readonly routes?: readonly AdapterRoute[];
  /**
   * Begins supervision and returns soon; connecting goes on behind it, forever, with capped jittered back-off.
   * Errors that no retry can fix park the adapter (health `parked` with `nextStep`) instead of throwing.
   */
  start(host: AdapterHost): Promise<void>;
  /** Ends every timer and socket, even while offline. Bounded (5 s); idempotent. */
  stop(): Promise<void>;
  /** Pure: Markdown to parts that each fit the platform. Never empty for non-empty text. */
  format(markdown: string): readonly Part[];
  /** Resolves with proof of delivery, rejects with a DeliveryError. Never retries on its own. */
  send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt>;
  edit?(chat: ChatRef, messageId: string, part: Part, signal: AbortSignal): Promise<void>;
  delete?(chat: ChatRef, messageId: string, signal: AbortSignal): Promise<void>;
  /** Shows or refreshes the typing indicator; best effort, never throws for long. */
  typing?(chat: ChatRef, on: boolean): Promise<void>;
  /** Nothing will answer this message: what the platform shows until an answer comes goes away. Never rejects. */
  unanswered?(chat: ChatRef, messageId: string): Promise<void>;
  /** Live events of the turn that answers `promptId`; only with `capabilities.streamsEvents`. */
  turnEvent?(chat: ChatRef, promptId: string | undefined, event: TurnEvent): void;
  /** The bytes of an attachment, at most `maxBytes` (a larger one rejects). */
  fetchAttachment?(attachment: Attachment, maxBytes: number, signal: AbortSignal): Promise<Uint8Array>;
  /**
   * Live check of the settings: who the bot is and what is missing. Also before `start`; leaves nothing behind.
   * `stateDir` is the private directory, which may not exist yet: it is only read.
   */
  check?(signal: AbortSignal, stateDir?: string): Promise<AdapterCheck>;
  /**
   * Takes what is kept about a person out of the private directory; called while the adapter is stopped. Only for files that
   * are not JSON: entries of those are taken out without it.
   */
  forget?(
    person: { readonly ids: readonly string[]; readonly chatIds: readonly string[] },
    stateDir: string,
  ): Promise<void>;
}

export interface AdapterCheck {
  readonly ok: boolean;
  /** Findings, one sentence each, the worst first. */
  readonly findings: readonly string[];
}

/** Keys of `platforms.<platform>` as an operator typed them: not validated yet. */
export type CandidateSettings = Readonly<Record<string, unknown>>;

/** Longest time that a platform gets to answer. */
const CHECK_MS = 15_000;

/**
 * Asks an adapter about its settings. What cannot be made or does not answer is a finding, not an exception;
 * undefined when this adapter has nothing to ask. Always settles within about 15 s.
 */
export async function checkAdapter(options: {
  readonly make: () => Promise<Adapter>;
  readonly stateDir: string;
  readonly redact: (text: string) => string;
}): Promise<AdapterCheck | undefined> {
  const { make, stateDir, redact } = options;
  try {
    const check = await withDeadline(CHECK_MS, async (signal) => (await make()).check?.(signal, stateDir), {
      reason: () => new Error('the platform gave no answer in time'),
    });
    return check === undefined ? undefined : { ok: check.ok, findings: check.findings.map(redact) };
  } catch (error) {
    const hint = error instanceof GatewayError ? error.hint : undefined;
    const sentence = messageOf(error).replace(/[^.!?]$/, '$&.');
    return { ok: false, findings: [redact(sentence), ...(hint === undefined ? [] : [redact(hint)])] };
  }
}

/**
 * Port between the server and anyone who speaks the chat protocol over its sockets. The server owns bytes, limits and
 * liveness; the acceptor owns the meaning of frames and knows no socket library.
 */

/** Code of the error frame for input that makes no sense; such frames are counted. */
export const BAD_FRAME = 'bad_frame';

/** A parsed JSON object from a client; `ping` frames are answered by the server and never arrive here. */
export type Frame = Readonly<Record<string, unknown>>;

/**
 * Takes one frame. A returned promise counts as work in flight: a client with too much of it is not read from until
 * some of it settles. May throw or reject: the client then gets an error frame with the code and sentence of a
 * GatewayError and the frame's own id, or code `failed` for anything else.
 */
export type FrameListener = (frame: Frame) => void | Promise<void>;

export interface ChatSocket {
  /** The peer's IP address. */
  readonly remoteAddress: string;
  /** Opened with the operator token: a program of the operator, which may see what others write. */
  readonly privileged: boolean;
  /** Bytes written but not yet taken by the network. */
  readonly bufferedBytes: number;
  /** Sends one JSON frame. False: the socket is closed or was just cut off, nothing was sent. */
  send(frame: unknown): boolean;
  /** The same for a frame that is already JSON text: serialise once, send to many. */
  sendText(json: string): boolean;
  /**
   * Sends a frame whose arrival matters. The promise resolves when the client has answered a WebSocket ping that lies
   * in the frame behind its whole text, and rejects when the socket closes first (the client may have it or not).
   * Undefined: the socket is closed or was just cut off, nothing was sent.
   */
  sendProven(json: string): Promise<void> | undefined;
  onFrame(listener: FrameListener): void;
  /** Called once, even when the socket has already closed. */
  onClose(listener: () => void): void;
  /** Says goodbye; a peer that does not answer is dropped after a moment. */
  close(code: number, reason: string): void;
}

export interface ChatSocketAcceptor {
  /** Owns the socket from here on. Must register its listeners before it returns. */
  accept(socket: ChatSocket): void;
}
