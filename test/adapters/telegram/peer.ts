import type { Way } from '../../../src/adapters/kit/way.ts';
import type { TelegramSettings } from '../../../src/adapters/telegram/client.ts';
import { createTelegramAdapter } from '../../../src/adapters/telegram/definition.ts';
import type { Adapter } from '../../../src/gateway/adapter.ts';
import type { ChatRef } from '../../../src/gateway/model.ts';
import { TelegramServer } from '../../platforms/telegram-server.ts';
import { ADA, BOB, type Json, OTHER_BOT, TOPIC } from '../../platforms/telegram-state.ts';
import { wayOf } from '../contract/peer.ts';
import type {
  BotMessage,
  ContractPeer,
  GroupOptions,
  Press,
  SendFault,
  TestFile,
  UserMessage,
  UserOptions,
} from '../contract.ts';

export const TOKEN = '424242:TEST-token_with-SECRET-part';

export function chatRef(chatId: number, threadId?: number): ChatRef {
  return {
    platform: 'telegram',
    accountId: 'default',
    chatId: String(chatId),
    ...(threadId === undefined ? {} : { threadId: String(threadId) }),
  };
}

const refusal = (code: number, description: string, parameters?: Json) => ({
  status: code,
  body: { ok: false, error_code: code, description, ...(parameters === undefined ? {} : { parameters }) },
});

const FAULTS: Record<SendFault, Omit<TelegramServer['faults'][number], 'method'>> = {
  'rate-limited': {
    reply: refusal(429, 'Too Many Requests: retry after 1', { retry_after: 1 }),
  },
  'error-before': { reply: { status: 502, body: '<html>Bad Gateway</html>' } },
  'error-after': { when: 'after', reply: { status: 502, body: '<html>Bad Gateway</html>' } },
  'cut-before': { reply: 'cut' },
  'cut-after': { when: 'after', reply: 'cut' },
  gone: { reply: refusal(403, 'Forbidden: bot was blocked by the user') },
  markup: { reply: refusal(400, "Bad Request: can't parse entities: Unmatched end tag at byte offset 3") },
  'too-long': { reply: refusal(400, 'Bad Request: message is too long') },
};

/** The local Bot API server with an adapter that polls it. */
export class TelegramPeer implements ContractPeer {
  readonly platform = 'telegram';
  readonly lacks: ContractPeer['lacks'] = {};
  readonly secrets: readonly string[] = [TOKEN];
  readonly server = new TelegramServer(TOKEN);
  readonly overrides: Partial<TelegramSettings>;
  /** How the adapter reaches the server; default: directly. */
  way?: Way;

  constructor(overrides: Partial<TelegramSettings> = {}) {
    this.overrides = overrides;
  }

  start(): Promise<void> {
    return this.server.start();
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  goDown(): Promise<void> {
    return this.server.goDown();
  }

  blackhole(on: boolean): void {
    this.server.blackhole(on);
  }

  comeBack(): Promise<void> {
    return this.server.comeBack();
  }

  createAdapter(): Adapter {
    return createTelegramAdapter(
      { token: TOKEN, mode: 'polling', apiRoot: this.server.url, ...this.overrides, ...wayOf(this) },
      { minDelayMs: 50, maxDelayMs: 500 },
    );
  }

  async dm(text: string, { user = 0 }: UserOptions = {}): Promise<UserMessage> {
    return said(this.server.say(text, user === 0 ? ADA : BOB));
  }

  async group(text: string, options: GroupOptions = {}): Promise<UserMessage> {
    const { mention = false, thread = false, replyToBot, user = 0 } = options;
    const fields: Json = {
      from: user === 0 ? ADA : BOB,
      ...(mention ? { entities: [{ type: 'mention', offset: 0, length: '@gate_bot'.length }] } : {}),
      ...(replyToBot === undefined
        ? {}
        : {
            reply_to_message: { message_id: Number(replyToBot), from: this.server.state.bot, text: 'before' },
          }),
    };
    return said(this.server.group(mention ? `@gate_bot ${text}` : text, fields, thread));
  }

  async attach(file: TestFile, caption: string): Promise<UserMessage> {
    const id = this.server.file(file.name, file.bytes);
    const document = {
      file_id: id,
      file_unique_id: id,
      file_name: file.name,
      mime_type: file.mimeType,
      file_size: file.bytes.byteLength,
    };
    return said(this.server.message({ from: ADA, chat: this.server.state.dm(ADA), caption, document }));
  }

  async fromBot(text: string): Promise<void> {
    this.server.group(`@gate_bot ${text}`, {
      from: OTHER_BOT,
      entities: [{ type: 'mention', offset: 0, length: 9 }],
    });
  }

  async replay(message: UserMessage): Promise<void> {
    this.server.replay(message.update);
  }

  async reordered(first: string, second: string): Promise<readonly [UserMessage, UserMessage]> {
    const { state } = this.server;
    const make = (text: string): { update_id: number } & Json => ({
      update_id: state.nextUpdateId(),
      message: {
        message_id: state.nextMessageId(),
        date: 1_700_000_000,
        from: ADA,
        chat: state.dm(ADA),
        text,
      },
    });
    const a = make(first);
    const b = make(second);
    this.server.enqueue(b, a);
    return [said(b), said(a)];
  }

  sent(chat: ChatRef): readonly BotMessage[] {
    return this.server.state.messages
      .filter((m) => String(m.chatId) === chat.chatId && m.threadId === number(chat.threadId))
      .map((m) => {
        const buttons = buttonsOf(m.markup);
        return {
          id: String(m.message_id),
          text: m.text,
          raw: m.raw,
          deleted: m.deleted,
          ...(m.file === undefined ? {} : { attachment: m.file }),
          ...(buttons === undefined ? {} : { buttons }),
        };
      });
  }

  press(chat: ChatRef, messageId: string, label: string, { user = 0 }: UserOptions = {}): Press {
    const { state } = this.server;
    const chatId = Number(chat.chatId);
    const button = keysOf(state.stored(chatId, Number(messageId))?.markup).find((key) => key.text === label);
    if (button === undefined) throw new Error(`there is no button "${label}"`);
    const from = user === 0 ? ADA : BOB;
    const update = this.server.press(chatId, Number(messageId), button.callback_data, from);
    const id = String((update['callback_query'] as Json)['id']);
    return {
      senderId: String(from.id),
      acknowledged: () => state.answeredCallbacks.includes(id),
      again: () => this.server.replay(update),
    };
  }

  typingShown(chat: ChatRef): number {
    return this.server.state.actions.filter((action) => String(action.chatId) === chat.chatId).length;
  }

  acknowledged(message: UserMessage): boolean {
    return !this.server.state.queue.includes(message.update as { update_id: number });
  }

  failNextSend(fault: SendFault): void {
    this.server.faults.push({ method: 'sendMessage', ...FAULTS[fault] });
  }

  drop(): void {
    this.server.drop();
  }

  revoke(): void {
    this.server.revoke();
  }
}

function number(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function said(update: Json): UserMessage {
  const message = update['message'] as {
    message_id: number;
    chat: { id: number };
    from: { id: number };
    is_topic_message?: boolean;
  };
  return {
    messageId: String(message.message_id),
    chat: chatRef(message.chat.id, message.is_topic_message === true ? TOPIC : undefined),
    senderId: String(message.from.id),
    update,
  };
}

function buttonsOf(markup: unknown): string[] | undefined {
  if (typeof markup !== 'object' || markup === null || !('inline_keyboard' in markup)) return undefined;
  return keysOf(markup).map((button) => button.text);
}

function keysOf(markup: unknown): { readonly text: string; readonly callback_data: string }[] {
  if (typeof markup !== 'object' || markup === null || !('inline_keyboard' in markup)) return [];
  return (markup.inline_keyboard as { text: string; callback_data: string }[][]).flat();
}

export { ADA };
