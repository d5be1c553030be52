import type { Way } from '../../../src/adapters/kit/way.ts';
import type { Adapter } from '../../../src/gateway/adapter.ts';
import type { ChatRef, Platform } from '../../../src/gateway/model.ts';

/** How the next send of the bot goes wrong. `before` and `after` refer to the platform acting on the request. */
export type SendFault =
  /** Refused with a wait (429 or the platform's own way); not delivered. */
  | 'rate-limited'
  /** A server error (5xx) for a message that was not delivered. */
  | 'error-before'
  /** A server error (5xx) although the message was delivered. */
  | 'error-after'
  /** The socket is cut and the message was not delivered. */
  | 'cut-before'
  /** The socket is cut although the message was delivered. */
  | 'cut-after'
  /** The chat takes no message any more: blocked, deleted, forbidden. */
  | 'gone'
  /** The platform cannot parse the markup. */
  | 'markup'
  /** The platform refuses the text as too long. */
  | 'too-long';

/** What a platform may lack. A missing feature is declared with a reason and shows as a skipped test with it. */
export type ContractFeature =
  /** Real direct messages. Where there are none, `dm` writes in a group that only this user and the bot share. */
  | 'dm'
  | 'group'
  /** Threads or topics: `group(text, { thread: true })`. */
  | 'thread'
  | 'reply-to-bot'
  | 'attachment-in'
  | 'attachment-out'
  | 'edit'
  | 'delete'
  | 'typing'
  | 'buttons'
  /** The platform has bots that are not us: `fromBot`. */
  | 'bots'
  /** The platform can deliver the same update twice. */
  | 'replay'
  /** The platform can deliver updates out of order. */
  | 'reorder'
  /** The platform waits for an acknowledgement that a test can observe. */
  | 'ack'
  /** The platform keeps messages while no client is connected. */
  | 'offline-queue'
  /** The live connection can be cut. */
  | 'drop'
  /** The credentials can be revoked while running. */
  | 'revoke'
  | SendFault;

/** A message of a user, as the platform delivered it to the adapter. */
export interface UserMessage {
  /** What the adapter must report as `messageId`. */
  readonly messageId: string;
  /** What the adapter must report as `chat`. */
  readonly chat: ChatRef;
  /** What the adapter must report as `sender.id`. */
  readonly senderId: string;
  /** The raw update, for `replay`. */
  readonly update: unknown;
  /** Where the platform keeps nothing for later: whether it got the message to the adapter's connection. */
  readonly reached?: () => boolean;
}

/** A message of the bot, as the platform holds it now. */
export interface BotMessage {
  readonly id: string;
  /** What a reader sees: the platform's markup is gone, entities are decoded. */
  readonly text: string;
  /** As the adapter sent it, for limits. */
  readonly raw: string;
  readonly deleted: boolean;
  readonly attachment?: { readonly name: string; readonly bytes: Uint8Array };
  /** Labels of the buttons under the message. */
  readonly buttons?: readonly string[];
}

export interface UserOptions {
  /** 0 or 1: which of two people writes. In DMs each has their own chat. Default 0. */
  readonly user?: 0 | 1;
}

export interface GroupOptions extends UserOptions {
  /** Mentions the bot in the platform's usual form, before the text. */
  readonly mention?: boolean;
  /** Inside a thread or topic of the group. */
  readonly thread?: boolean;
  /** Replies to this message of the bot. */
  readonly replyToBot?: string;
}

/** A press of a button, as the platform delivered it. */
export interface Press {
  /** What the adapter must report as `sender.id`. */
  readonly senderId: string;
  /** Whether the platform was told that the press has arrived. */
  acknowledged(): boolean;
  /** Delivers the same press once more. */
  again(): void;
}

export interface TestFile {
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Uint8Array;
}

/**
 * Drives one platform for the contract suite: a local server that speaks the platform's protocol, and the adapter
 * under test pointed at it. Every test gets a fresh peer. Members for a feature in `lacks` are never called.
 */
export interface ContractPeer {
  readonly platform: Platform;
  /** Feature -> why the platform does not have it. */
  readonly lacks: Partial<Record<ContractFeature, string>>;
  /** Everything that must never appear in a log line, an error or the health. */
  readonly secrets: readonly string[];
  /** Longest time for anything to happen, default 15 000 ms. */
  readonly patienceMs?: number;

  /** Starts the server. */
  start(): Promise<void>;
  /** Ends the server for good and every connection with it. Idempotent. */
  stop(): Promise<void>;
  /** The server is gone: its port refuses, live connections are cut. Its state is kept. */
  goDown(): Promise<void>;
  /** The server goes silent without a word (true) and speaks again (false): connections stay open. */
  blackhole(on: boolean): void;
  /** The server is back on the same port with the same state. */
  comeBack(): Promise<void>;

  /** A new adapter with valid settings. `stateDir` is the folder its host will offer (seed credentials here). */
  createAdapter(stateDir: string): Adapter | Promise<Adapter>;

  /** A user writes to the bot directly. */
  dm(text: string, options?: UserOptions): Promise<UserMessage>;
  /** A user writes in a group (channel) where the bot is. */
  group(text: string, options?: GroupOptions): Promise<UserMessage>;
  /** A user sends a file in a DM, with `caption` as text. */
  attach(file: TestFile, caption: string): Promise<UserMessage>;
  /** Another bot writes in the group and mentions ours. */
  fromBot(text: string): Promise<void>;
  /** Delivers the same update once more. */
  replay(message: UserMessage): Promise<void>;
  /**
   * A user presses the button with this label under a message of the bot; in a group anybody can. Only where the
   * platform has buttons.
   */
  press?(chat: ChatRef, messageId: string, label: string, options?: UserOptions): Press;
  /** Two DMs of user 0; the one written later is delivered first. Returns them in order of delivery. */
  reordered(first: string, second: string): Promise<readonly [UserMessage, UserMessage]>;

  /** What the bot wrote in exactly this chat and thread, in order of arrival, deleted messages included. */
  sent(chat: ChatRef): readonly BotMessage[];
  /** How often the typing indicator was shown in this chat. */
  typingShown(chat: ChatRef): number;
  /** Whether the platform has got the acknowledgement for the message. */
  acknowledged(message: UserMessage): boolean;

  failNextSend(fault: SendFault): void;
  /** Cuts the live connection (socket or poll) once; the server stays up. */
  drop(): void;
  /** From now on the platform refuses the credentials; live connections end the way the platform does it. */
  revoke(): void;
}

/** The settings of a peer's adapter that say how it reaches the server. */
export function wayOf({ way }: { readonly way?: Way | undefined }): { readonly way?: Way } {
  return way === undefined ? {} : { way };
}
