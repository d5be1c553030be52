import type { Way } from '../../../src/adapters/kit/way.ts';
import { createSlackAdapter, type SlackTiming } from '../../../src/adapters/slack/definition.ts';
import type { Adapter } from '../../../src/gateway/adapter.ts';
import type { ChatRef } from '../../../src/gateway/model.ts';
import { BOT, type Said, SlackServer, TEAM } from '../../platforms/slack-server.ts';
import { wayOf } from '../contract/peer.ts';
import type {
  BotMessage,
  ContractFeature,
  ContractPeer,
  GroupOptions,
  Press,
  SendFault,
  TestFile,
  UserMessage,
  UserOptions,
} from '../contract.ts';

export const QUICK: Partial<SlackTiming> = {
  channelPace: { burst: 1000, everyMs: 1 },
  minDelayMs: 20,
  maxDelayMs: 200,
  requestTimeoutMs: 10_000,
};

const USERS = ['U0ADA', 'U0BOB'] as const;
const DMS = ['D0ADA', 'D0BOB'] as const;

/** Slack for the contract suite: our own server and the adapter pointed at it. */
export class SlackPeer implements ContractPeer {
  readonly platform = 'slack';
  readonly server = new SlackServer();
  /** How the adapter reaches the server; default: directly. */
  way?: Way;
  readonly lacks: Partial<Record<ContractFeature, string>> = {
    'reply-to-bot': 'a reply belongs to a thread, not to a message of it',
    typing: 'a status exists only below a thread, not in a plain direct message',
  };

  get secrets(): readonly string[] {
    return [this.server.tokens.bot, this.server.tokens.app];
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
    const { bot, app } = this.server.tokens;
    return createSlackAdapter(
      { botToken: bot, appToken: app, apiUrl: this.server.url, ...wayOf(this) },
      QUICK,
    );
  }

  async dm(text: string, { user = 0 }: UserOptions = {}): Promise<UserMessage> {
    return this.#written(this.server.say({ user: USERS[user], channel: DMS[user], text }), user, DMS[user]);
  }

  async group(
    text: string,
    { user = 0, mention = false, thread = false }: GroupOptions = {},
  ): Promise<UserMessage> {
    const root = thread
      ? this.server.say({ user: 'U0BOB', channel: 'C0GEN', text: 'a root', hold: true }).ts
      : undefined;
    const said = this.server.say({
      user: USERS[user],
      channel: 'C0GEN',
      text: mention ? `<@${BOT.user}> ${text}` : text,
      ...(root === undefined ? {} : { thread: root }),
    });
    return this.#written(said, user, 'C0GEN', root ?? said.ts);
  }

  async attach(file: TestFile, caption: string): Promise<UserMessage> {
    return this.#written(
      this.server.say({ user: 'U0ADA', channel: 'D0ADA', text: caption, files: [file] }),
      0,
      'D0ADA',
    );
  }

  async fromBot(text: string): Promise<void> {
    this.server.say({ user: 'U0OTHER', botId: 'B0OTHER', channel: 'C0GEN', text: `<@${BOT.user}> ${text}` });
  }

  async replay(message: UserMessage): Promise<void> {
    this.server.replay(message.update);
  }

  async reordered(first: string, second: string): Promise<readonly [UserMessage, UserMessage]> {
    const early = this.server.say({ user: 'U0ADA', channel: 'D0ADA', text: first, hold: true });
    const late = await this.dm(second);
    this.server.replay(early.events[0]);
    return [late, this.#written(early, 0, 'D0ADA')];
  }

  sent(chat: ChatRef): readonly BotMessage[] {
    return this.server.messages
      .filter((m) => m.user === BOT.user && m.channel === chat.chatId && m.thread_ts === chat.threadId)
      .map((m) => {
        const file = m.files?.[0] === undefined ? undefined : this.server.file(m.files[0]);
        return {
          id: m.ts,
          text: m.text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'),
          raw: m.text,
          deleted: m.deleted,
          buttons: this.server.buttons(m.ts),
          ...(file === undefined ? {} : { attachment: { name: file.name, bytes: file.bytes } }),
        };
      });
  }

  press(_chat: ChatRef, messageId: string, label: string, { user = 0 }: UserOptions = {}): Press {
    return {
      senderId: `${TEAM}:${USERS[user]}`,
      ...this.server.press(USERS[user], messageId, label),
    };
  }

  typingShown(chat: ChatRef): number {
    return this.server.statuses.filter((s) => s.channel === chat.chatId && s.status !== '').length;
  }

  acknowledged(message: UserMessage): boolean {
    return this.server.sockets.acknowledged(String((message.update as Record<string, unknown>)['event_id']));
  }

  failNextSend(fault: SendFault): void {
    const method = 'chat.postMessage';
    const faults: Record<SendFault, (typeof this.server.faults)[number]> = {
      'rate-limited': { method, reply: { status: 429, headers: { 'retry-after': '1' } } },
      'error-before': { method, reply: { status: 503, body: 'upstream' } },
      'error-after': { method, when: 'after', reply: { status: 503, body: 'upstream' } },
      'cut-before': { method, reply: 'cut' },
      'cut-after': { method, when: 'after', reply: 'cut' },
      gone: { method, reply: { status: 200, body: { ok: false, error: 'channel_not_found' } } },
      markup: { method, reply: { status: 200, body: { ok: false, error: 'invalid_blocks' } } },
      'too-long': { method, reply: { status: 200, body: { ok: false, error: 'msg_too_long' } } },
    };
    this.server.faults.push(faults[fault]);
  }

  drop(): void {
    this.server.drop();
  }

  revoke(): void {
    this.server.revoke();
  }

  #written(said: Said, user: 0 | 1, channel: string, thread?: string): UserMessage {
    return {
      messageId: said.ts,
      chat: {
        platform: 'slack',
        accountId: TEAM,
        chatId: channel,
        ...(thread === undefined ? {} : { threadId: thread }),
      },
      senderId: `${TEAM}:${USERS[user]}`,
      update: said.events[0],
    };
  }
}
