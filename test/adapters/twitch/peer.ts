import type { Way } from '../../../src/adapters/kit/way.ts';
import {
  createTwitchAdapter,
  type TwitchSettings,
  type TwitchTiming,
} from '../../../src/adapters/twitch/definition.ts';
import type { Adapter } from '../../../src/gateway/adapter.ts';
import type { ChatRef } from '../../../src/gateway/model.ts';
import { ADA, BOB, BOT, TwitchServer } from '../../platforms/twitch-server.ts';
import { wayOf } from '../contract/peer.ts';
import type {
  BotMessage,
  ContractFeature,
  ContractPeer,
  GroupOptions,
  SendFault,
  UserMessage,
  UserOptions,
} from '../contract.ts';

export const QUICK: Partial<TwitchTiming> = {
  minDelayMs: 20,
  maxDelayMs: 200,
  rateWindowMs: 1000,
  messages: 1000,
};

const USERS = [ADA, BOB] as const;
/** Twitch has no direct messages: each person writes in a channel of their own, with a mention. */
const ROOMS = ['adasroom', 'bobsroom'] as const;
const GROUP = 'lobby';

export function settingsFor(server: TwitchServer, more: Partial<TwitchSettings> = {}): TwitchSettings {
  return {
    username: BOT.login,
    token: `oauth:${[...server.tokens][0]}`,
    channels: ['#AdasRoom', 'bobsroom', GROUP],
    server: '127.0.0.1',
    port: server.port,
    authUrl: server.authUrl,
    ...more,
  };
}

/** Twitch for the contract suite: our own server and the adapter pointed at it. */
export class TwitchPeer implements ContractPeer {
  readonly platform = 'twitch';
  readonly server = new TwitchServer();
  /** How the adapter reaches the server; default: directly. */
  way?: Way;
  readonly lacks: Partial<Record<ContractFeature, string>> = {
    dm: 'whispers to bots were switched off in 2023',
    thread: 'a reply names a message, there are no threads',
    'attachment-in': 'chat is text',
    'attachment-out': 'chat is text',
    edit: 'a chat line cannot be edited',
    delete: 'only moderators can, and not over chat',
    typing: 'there is no typing indicator',
    buttons: 'there are no buttons',
    ack: 'chat is fire and forget',
    'offline-queue': 'chat is fire and forget',
    'error-before': 'chat has no server errors, only refusals and silence',
    'error-after': 'chat has no server errors, only refusals and silence',
    markup: 'there is no markup',
    'too-long': 'an overlong line is refused before it is sent',
  };
  readonly #token = 'sekrettoken0123456789abcdefghi';

  constructor() {
    this.server.tokens.add(this.#token);
  }

  get secrets(): readonly string[] {
    return [this.#token];
  }

  start(): Promise<void> {
    return this.server.start();
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  /** The pauses between two tries; absent: short ones for tests. */
  pauses: Partial<TwitchTiming> | undefined;

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
    return createTwitchAdapter(
      { ...settingsFor(this.server, { token: `oauth:${this.#token}` }), ...wayOf(this) },
      this.pauses ?? QUICK,
    );
  }

  async dm(text: string, { user = 0 }: UserOptions = {}): Promise<UserMessage> {
    return this.#say(ROOMS[user], user, `@${BOT.login} ${text}`);
  }

  async group(
    text: string,
    { user = 0, mention = false, replyToBot }: GroupOptions = {},
  ): Promise<UserMessage> {
    if (replyToBot === undefined) return this.#say(GROUP, user, mention ? `@PiBot, ${text}` : text);
    return this.#say(GROUP, user, `@${BOT.login} ${text}`, {
      'reply-parent-msg-id': replyToBot,
      'reply-parent-user-id': BOT.id,
      'reply-parent-user-login': BOT.login,
      'reply-parent-msg-body': 'hello human',
    });
  }

  attach(): Promise<UserMessage> {
    throw new Error('chat is text');
  }

  async fromBot(text: string): Promise<void> {
    const tags = { badges: 'moderator/1,bot-badge/1' };
    this.server.say(GROUP, `@${BOT.login} ${text}`, { user: { id: '55', login: 'otherbot' }, tags });
  }

  async replay(message: UserMessage): Promise<void> {
    this.server.replay(message.update);
  }

  async reordered(first: string, second: string): Promise<readonly [UserMessage, UserMessage]> {
    const late = this.#say(ROOMS[0], 0, `@${BOT.login} ${second}`, { 'tmi-sent-ts': String(Date.now()) });
    const early = this.#say(ROOMS[0], 0, `@${BOT.login} ${first}`, {
      'tmi-sent-ts': String(Date.now() - 1000),
    });
    return [late, early];
  }

  sent(chat: ChatRef): readonly BotMessage[] {
    return this.server.sent
      .filter((line) => line.channel === chat.chatId)
      .map(({ id, text }) => ({ id, text, raw: text, deleted: false }));
  }

  typingShown(): number {
    return 0;
  }

  acknowledged(): boolean {
    return false;
  }

  failNextSend(fault: SendFault): void {
    const method = 'PRIVMSG';
    if (fault === 'rate-limited') this.server.faults.push({ method, reply: { body: 'msg_ratelimit' } });
    if (fault === 'gone') this.server.faults.push({ method, reply: { body: 'msg_banned' } });
    if (fault === 'cut-before') this.server.faults.push({ method, reply: 'cut' });
    if (fault === 'cut-after') this.server.faults.push({ method, when: 'after', reply: 'cut' });
  }

  drop(): void {
    this.server.drop();
  }

  revoke(): void {
    this.server.revoke();
  }

  #say(channel: string, user: 0 | 1, text: string, tags: Readonly<Record<string, string>> = {}): UserMessage {
    const { id, line, reached } = this.server.say(channel, text, { user: USERS[user], tags });
    return {
      messageId: id,
      chat: { platform: 'twitch', accountId: 'default', chatId: channel },
      senderId: USERS[user].id,
      update: line,
      reached,
    };
  }
}
