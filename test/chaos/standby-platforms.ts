/** Telegram and Slack for the proof of a standby: the servers of the tests, with a way of its own for each gateway. */
import type { BotMessage, Platform } from '../../src/prove/bot-server.ts';
import type { Sent } from '../../src/prove/talker.ts';
import { SlackServer } from '../platforms/slack-server.ts';
import { BOT } from '../platforms/slack-state.ts';
import { TelegramServer } from '../platforms/telegram-server.ts';
import { Relay } from './relay.ts';

/** What a gateway sends on its way is noted. */
class Ways {
  readonly urls: string[] = [];
  readonly sent: Sent[][] = [];
  readonly #relays: Relay[] = [];

  async open(gateways: number, target: URL, sends: RegExp): Promise<void> {
    for (let i = 0; i < gateways; i += 1) {
      const sent: Sent[] = [];
      const relay = new Relay(Number(target.port), (data) => {
        const [what] = sends.exec(data.toString('utf8')) ?? [];
        if (what !== undefined)
          sent.push({ at: Date.now(), what: `${what} ${data.toString('utf8').slice(-200)}` });
      });
      this.urls.push(`http://127.0.0.1:${await relay.listen()}${target.pathname}`);
      this.sent.push(sent);
      this.#relays.push(relay);
    }
  }

  close(): void {
    for (const relay of this.#relays) relay.close();
  }
}

export class TelegramPlatform implements Platform {
  readonly name = 'telegram';
  readonly #server = new TelegramServer('4242:a-token-of-the-local-server');
  readonly #ways = new Ways();

  async start(gateways: number): Promise<void> {
    await this.#server.start();
    await this.#ways.open(gateways, new URL(this.#server.url), /\/(sendMessage|editMessageText) /u);
  }

  async stop(): Promise<void> {
    this.#ways.close();
    await this.#server.stop();
  }

  settings(gateway: number): Record<string, unknown> {
    return { telegram: { enabled: true, token: this.#server.token, apiRoot: this.#ways.urls[gateway] } };
  }

  sentThrough(gateway: number): readonly Sent[] {
    return this.#ways.sent[gateway] ?? [];
  }

  say(person: number, text: string): string {
    const from = { id: 5000 + person, is_bot: false, first_name: `Person ${person}` };
    return String((this.#server.say(text, from) as { message: { message_id: number } }).message.message_id);
  }

  said(): readonly BotMessage[] {
    return this.#server.state.messages.map(({ chatId, text, body }) => ({
      chat: String(chatId),
      text,
      repliesTo: /"message_id\\*":(\d+)/u.exec(JSON.stringify(body))?.[1],
    }));
  }
}

/** Slack delivers an event four times at most. */
const REDELIVER_MS = 12_000;

export class SlackPlatform implements Platform {
  readonly name = 'slack';
  readonly #server = new SlackServer();
  readonly #events = new Map<string, string>();
  readonly #ways = new Ways();

  async start(gateways: number): Promise<void> {
    this.#server.sockets.redeliverAfterMs = REDELIVER_MS;
    await this.#server.start();
    await this.#ways.open(gateways, new URL(this.#server.url), /chat\.(postMessage|update)/u);
  }

  async stop(): Promise<void> {
    this.#ways.close();
    await this.#server.stop();
  }

  settings(gateway: number): Record<string, unknown> {
    const { bot, app } = this.#server.tokens;
    return { slack: { enabled: true, botToken: bot, appToken: app, apiUrl: this.#ways.urls[gateway] } };
  }

  sentThrough(gateway: number): readonly Sent[] {
    return this.#ways.sent[gateway] ?? [];
  }

  say(person: number, text: string): string {
    const { ts, events } = this.#server.say({ user: `U0P${person}`, channel: `D0P${person}`, text });
    this.#events.set(ts, String(events[0]?.['event_id']));
    return ts;
  }

  accepted(id: string): boolean {
    return this.#server.sockets.acknowledged(this.#events.get(id) ?? '');
  }

  said(): readonly BotMessage[] {
    return this.#server.messages
      .filter(({ user, deleted }) => user === BOT.user && !deleted)
      .map(({ channel, text, thread_ts: thread }) => ({ chat: channel, text, repliesTo: thread }));
  }
}
