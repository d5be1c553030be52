/** What Telegram's servers remember: people, chats, messages, files and the queue of updates. */
export type Json = Record<string, unknown>;

export interface TelegramUser {
  readonly id: number;
  readonly is_bot: boolean;
  readonly first_name: string;
  readonly last_name?: string;
  readonly username?: string;
  readonly language_code?: string;
}

export interface StoredMessage {
  readonly message_id: number;
  readonly chatId: number;
  readonly threadId: number | undefined;
  /** Before entity parsing. */
  raw: string;
  /** What a reader sees. */
  text: string;
  parseMode: string | undefined;
  deleted: boolean;
  edits: number;
  readonly file?: { readonly name: string; readonly bytes: Uint8Array };
  readonly kind: string;
  markup: unknown;
  readonly body: Json;
}

export interface StoredFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export const ADA: TelegramUser = {
  id: 1001,
  is_bot: false,
  first_name: 'Ada',
  last_name: 'Lovelace',
  username: 'ada',
};
export const BOB: TelegramUser = { id: 1002, is_bot: false, first_name: 'Bob' };
export const OTHER_BOT: TelegramUser = {
  id: 3001,
  is_bot: true,
  first_name: 'Beeper',
  username: 'beeper_bot',
};
export const GROUP = { id: -1_001_234_567_890, type: 'supergroup', title: 'Engine room', is_forum: true };
export const TOPIC = 77;

export class TelegramState {
  readonly bot: TelegramUser = { id: 4242, is_bot: true, first_name: 'Gate', username: 'gate_bot' };
  readonly messages: StoredMessage[] = [];
  readonly files = new Map<string, StoredFile>();
  readonly actions: { readonly chatId: number; readonly threadId: number | undefined }[] = [];
  readonly answeredCallbacks: string[] = [];
  /** Updates that no client has confirmed yet, in the order in which they are delivered. */
  queue: { readonly update_id: number; readonly [key: string]: unknown }[] = [];
  commands: unknown[] = [];
  /** The menus of single languages, by code. */
  readonly menus = new Map<string, unknown[]>();
  webhook: { readonly url: string; readonly secret: string | undefined } | undefined;
  /** Old group id -> id of the supergroup it became. */
  readonly migrated = new Map<number, number>();
  #updateId = 500;
  #messageId = 10;

  nextUpdateId(): number {
    this.#updateId += 1;
    return this.#updateId;
  }

  nextMessageId(): number {
    this.#messageId += 1;
    return this.#messageId;
  }

  dm(user: TelegramUser): Json {
    return { id: user.id, type: 'private', first_name: user.first_name, username: user.username };
  }

  /** Removes what the offset confirms: every update below it. */
  confirm(offset: number): void {
    if (offset > 0) this.queue = this.queue.filter((update) => update.update_id >= offset);
  }

  stored(chatId: number, messageId: number): StoredMessage | undefined {
    return this.messages.find((m) => m.chatId === chatId && m.message_id === messageId && !m.deleted);
  }
}
