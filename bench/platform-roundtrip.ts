/**
 * Telegram local server -> gateway -> scripted agent -> Telegram local server, every message durable, 200 chats, the
 * platform's send limits lifted. Answered messages per second, and how long an answer takes.
 * Compared in the same run with the bare client library echoing over the same server.
 * Run it: node bench/platform-roundtrip.ts [--seconds 8] [--chats 200]
 */
import { parseArgs } from 'node:util';
import { Telegraf } from 'telegraf';
import { TelegramServer } from '../test/platforms/telegram-server.ts';
import { GatewayProcess, temporaryFolder, writeConfig } from '../test/support/gateway-process.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string' }, chats: { type: 'string' } } });
const seconds = Number(values.seconds ?? 8);
const chats = Number(values.chats ?? 200);
const TOKEN = '424242:BENCH-token-for-a-local-server';

interface Result {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** Each chat asks again as soon as its answer has arrived. */
async function load(server: TelegramServer): Promise<Result> {
  const askedAt = new Map<string, number>();
  const times: number[] = [];
  const began = performance.now();
  const until = began + seconds * 1000;
  let count = 0;
  const ask = (chat: number): void => {
    count += 1;
    const text = `m${count}`;
    askedAt.set(`${chat}:${text}`, performance.now());
    server.say(text, { id: 10_000 + chat, is_bot: false, first_name: `Chat ${chat}` });
  };
  let seen = server.calls.length;
  for (let chat = 0; chat < chats; chat += 1) ask(chat);
  while (performance.now() < until || (askedAt.size > 0 && performance.now() < until + 3000)) {
    for (; seen < server.calls.length; seen += 1) {
      const call = server.calls[seen];
      const body = call?.body as { chat_id?: unknown; text?: unknown } | undefined;
      const text = /m\d+$/.exec(String(body?.text ?? ''))?.[0];
      const chat = Number(body?.chat_id) - 10_000;
      const at = askedAt.get(`${chat}:${text}`);
      if (at === undefined) continue;
      askedAt.delete(`${chat}:${text}`);
      times.push(performance.now() - at);
      if (performance.now() < until) ask(chat);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  times.sort((a, b) => a - b);
  const at = (q: number): number => times[Math.min(times.length - 1, Math.floor(times.length * q))] ?? 0;
  return { perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99) };
}

const show = (name: string, { perSecond, p50, p99 }: Result): void => {
  process.stdout.write(
    `${name.padEnd(24)} ${perSecond.toFixed(0)} answers/s   p50 ${p50.toFixed(1)} ms   p99 ${p99.toFixed(1)} ms\n`,
  );
};

const bareServer = new TelegramServer(TOKEN);
await bareServer.start();
const bot = new Telegraf(TOKEN, { telegram: { apiRoot: bareServer.url } });
bot.on('text', (context) => context.reply(`You said: ${context.message.text}`));
bot.catch(() => {});
const polling = bot.launch();
await new Promise((resolve) => setTimeout(resolve, 500));
show('bare telegraf echo', await load(bareServer));
bot.stop();
await polling;
await bareServer.stop();

const server = new TelegramServer(TOKEN);
await server.start();
const folder = temporaryFolder();
writeConfig(folder.path, {
  security: { allowAll: true, rateLimit: { maxRequests: 10_000_000 } },
  agent: { maxConcurrent: 16 },
  platforms: {
    telegram: { enabled: true, token: TOKEN, apiRoot: server.url, sendLimits: false, busyMode: 'queue' },
  },
});
const gateway = new GatewayProcess([
  '--no-tui',
  '--port',
  '0',
  '--agent',
  'scripted',
  '--data-dir',
  folder.path,
]);
await gateway.ready();
while (!server.polling) await new Promise((resolve) => setTimeout(resolve, 20));
show('gateway, durable', await load(server));
await gateway.stop();
await server.stop();
folder.remove();
