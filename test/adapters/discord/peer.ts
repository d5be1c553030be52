import type { DiscordTuning } from '../../../src/adapters/discord/definition.ts';
import { createDiscordAdapter } from '../../../src/adapters/discord/definition.ts';
import type { DiscordSettings } from '../../../src/adapters/discord/rest.ts';
import type { Way } from '../../../src/adapters/kit/way.ts';
import type { Adapter } from '../../../src/gateway/adapter.ts';
import type { ChatRef } from '../../../src/gateway/model.ts';
import { visibleDiscord } from '../../platforms/discord-markdown.ts';
import { DiscordServer } from '../../platforms/discord-server.ts';
import {
  ADA,
  BOB,
  CHANNEL,
  type DiscordUser,
  DM_OF,
  type Json,
  OTHER_BOT,
  THREAD,
} from '../../platforms/discord-state.ts';
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

export const TOKEN = 'MTAwMDAwMDAwMDAwMDAwMDQy.TEST-x.secret_part-of-the-token';

/** Shorter waits than Discord asks for; everything else as in production. */
export const FAST: DiscordTuning = { minDelayMs: 50, maxDelayMs: 500, identifySpacingMs: 50 };

export function chatRef(chatId: string, threadId?: string): ChatRef {
  return {
    platform: 'discord',
    accountId: 'default',
    chatId,
    ...(threadId === undefined ? {} : { threadId }),
  };
}

const refusal = (status: number, code: number, message: string) => ({ status, body: { code, message } });

const FAULTS: Record<SendFault, Omit<DiscordServer['faults'][number], 'method'>> = {
  'rate-limited': {
    reply: {
      status: 429,
      body: { message: 'You are being rate limited.', retry_after: 1, global: false },
      headers: {
        'retry-after': '1',
        'x-ratelimit-limit': '5',
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset-after': '1',
        'x-ratelimit-bucket': 'abcd',
        'x-ratelimit-scope': 'user',
      },
    },
  },
  'error-before': { reply: { status: 502, body: '<html>Bad Gateway</html>' } },
  'error-after': { when: 'after', reply: { status: 502, body: '<html>Bad Gateway</html>' } },
  'cut-before': { reply: 'cut' },
  'cut-after': { when: 'after', reply: 'cut' },
  gone: { reply: refusal(403, 50007, 'Cannot send messages to this user') },
  markup: { reply: refusal(400, 0, 'never') },
  'too-long': { reply: refusal(400, 50035, 'Invalid Form Body: Must be 2000 or fewer in length.') },
};

/** The local Discord server with an adapter connected to its gateway. */
export class DiscordPeer implements ContractPeer {
  readonly platform = 'discord';
  readonly lacks: ContractPeer['lacks'] = {
    ack: 'the gateway has no acknowledgement of an event',
    markup: 'Discord shows markup that it cannot parse as text',
  };
  readonly secrets: readonly string[] = [TOKEN];
  readonly server = new DiscordServer(TOKEN);
  readonly settings: Partial<DiscordSettings>;
  readonly tuning: DiscordTuning;
  /** How the adapter reaches the server; default: directly. */
  way?: Way;

  constructor(settings: Partial<DiscordSettings> = {}, tuning: DiscordTuning = FAST) {
    this.settings = settings;
    this.tuning = tuning;
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
    return createDiscordAdapter(
      { botToken: TOKEN, apiUrl: this.server.apiUrl, ...this.settings, ...wayOf(this) },
      this.tuning,
    );
  }

  async dm(text: string, { user = 0 }: UserOptions = {}): Promise<UserMessage> {
    return said(this.server.say(text, person(user)));
  }

  async group(text: string, options: GroupOptions = {}): Promise<UserMessage> {
    const { mention = false, thread = false, replyToBot, user = 0 } = options;
    const { bot } = this.server.state;
    const fields: Json = {
      ...(mention ? { mentions: [bot] } : {}),
      ...(thread ? { channel_type: 11 } : {}),
      ...(replyToBot === undefined
        ? {}
        : { type: 19, referenced_message: { id: replyToBot, author: bot, content: 'before' } }),
    };
    const content = mention ? `<@${bot.id}> ${text}` : text;
    return said(this.server.group(content, fields, thread ? THREAD : CHANNEL, person(user)));
  }

  async attach(file: TestFile, caption: string): Promise<UserMessage> {
    const attachment = this.server.attachment(file.name, file.mimeType, file.bytes);
    return said(this.server.say(caption, ADA, { attachments: [attachment] }));
  }

  async fromBot(text: string): Promise<void> {
    const { bot } = this.server.state;
    this.server.group(`<@${bot.id}> ${text}`, { mentions: [bot] }, CHANNEL, OTHER_BOT);
  }

  async replay(message: UserMessage): Promise<void> {
    this.server.replay(message.update);
  }

  async reordered(first: string, second: string): Promise<readonly [UserMessage, UserMessage]> {
    const channel = DM_OF[ADA.id] ?? '';
    const a = this.server.stored(channel, first, ADA, { channel_type: 1 });
    const b = this.server.stored(channel, second, ADA, { channel_type: 1 });
    this.server.replay(b);
    this.server.replay(a);
    return [said(b), said(a)];
  }

  sent(chat: ChatRef): readonly BotMessage[] {
    const { state } = this.server;
    return state.messages
      .filter((m) => m.author.id === state.bot.id && m.channelId === (chat.threadId ?? chat.chatId))
      .map((m) => {
        const buttons = buttonsOf(m.components);
        return {
          id: m.id,
          text: visibleDiscord(m.content),
          raw: m.content,
          deleted: m.deleted,
          ...(m.files[0] === undefined ? {} : { attachment: m.files[0] }),
          ...(buttons.length === 0 ? {} : { buttons }),
        };
      });
  }

  press(chat: ChatRef, messageId: string, label: string, { user = 0 }: UserOptions = {}): Press {
    const { state } = this.server;
    const message = state.messages.find((m) => m.id === messageId);
    const button = keysOf(message?.components).find((key) => key.label === label);
    if (message === undefined || button === undefined) throw new Error(`there is no button "${label}"`);
    const { token, payload } = this.server.interact(
      { custom_id: button.custom_id, component_type: 2 },
      chat.threadId ?? chat.chatId,
      3,
      state.shown(message),
      person(user),
    );
    return {
      senderId: person(user).id,
      acknowledged: () => state.interactions.get(token)?.callbacks[0] === 6,
      again: () => this.server.gateway.dispatch('INTERACTION_CREATE', payload),
    };
  }

  typingShown(chat: ChatRef): number {
    return this.server.state.typing.filter((id) => id === (chat.threadId ?? chat.chatId)).length;
  }

  acknowledged(): boolean {
    return false;
  }

  failNextSend(fault: SendFault): void {
    this.server.faults.push({ method: 'createMessage', ...FAULTS[fault] });
  }

  drop(): void {
    this.server.drop();
  }

  revoke(): void {
    this.server.revoke();
  }
}

function person(user: 0 | 1): DiscordUser {
  return user === 0 ? ADA : BOB;
}

export function said(payload: Json): UserMessage {
  const channelId = String(payload['channel_id']);
  const author = payload['author'] as DiscordUser;
  return {
    messageId: String(payload['id']),
    chat: channelId === THREAD ? chatRef(CHANNEL, THREAD) : chatRef(channelId),
    senderId: author.id,
    update: payload,
  };
}

function buttonsOf(components: unknown): string[] {
  return keysOf(components).map((button) => button.label);
}

function keysOf(components: unknown): { readonly label: string; readonly custom_id: string }[] {
  if (!Array.isArray(components)) return [];
  return (components as { components: { label: string; custom_id: string }[] }[]).flatMap(
    (row) => row.components,
  );
}

export { ADA, THREAD };
