/**
 * The whole way with the real pi: Telegram server -> gateway -> pi -> model server -> Telegram server, at several numbers
 * of chats. Beside it, in the same run, a bot of the bare client library that asks the same model itself, without
 * an agent, without a store.
 *
 * Run it: node bench/whole-way.ts [--chats 1,20,200] [--messages 5]
 */
import { parseArgs } from 'node:util';
import { Telegraf } from 'telegraf';
import { type ModelServer, startModelServer } from '../test/agents/model-server.ts';
import { TelegramServer } from '../test/platforms/telegram-server.ts';
import { GatewayProcess, temporaryFolder, writeConfig } from '../test/support/gateway-process.ts';
import { benchRow } from './rows.ts';

const { values } = parseArgs({
  options: {
    chats: { type: 'string', default: '1,20,200' },
    messages: { type: 'string', default: '5' },
  },
});
const messages = Number(values.messages);
const TOKEN = '424242:BENCH-token-for-the-whole-way';
const PATIENCE_MS = 120_000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Times {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
}

/** Every chat asks, waits for its whole answer, and asks again. */
async function talk(server: TelegramServer, chats: number, rounds: number, mark: string): Promise<Times> {
  const times: number[] = [];
  const began = performance.now();
  const one = async (chat: number): Promise<void> => {
    const user = { id: 20_000 + chat, is_bot: false, first_name: `Chat ${chat}` };
    for (let n = 0; n < rounds; n += 1) {
      const text = `${mark}-${chat}-${n}-end`;
      const asked = performance.now();
      server.say(text, user);
      const there = (): boolean =>
        server.state.messages.some(
          (each) => each.chatId === user.id && each.text.includes(`You said: ${text}`),
        );
      while (!there()) {
        if (performance.now() - asked > PATIENCE_MS) throw new Error(`no answer to ${text}`);
        await pause(chats > 50 ? 10 : 2);
      }
      times.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: chats }, (_, chat) => one(chat)));
  const elapsed = (performance.now() - began) / 1000;
  times.sort((a, b) => a - b);
  const at = (q: number): number => times[Math.min(times.length - 1, Math.floor(times.length * q))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), perSecond: times.length / elapsed };
}

/** What the model says when it is asked directly. */
async function ask(model: ModelServer, text: string): Promise<string> {
  const response = await fetch(`${model.url}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'mock', messages: [{ role: 'user', content: text }] }),
  });
  const body = (await response.json()) as { choices?: { message?: { content?: string } }[] };
  return body.choices?.[0]?.message?.content ?? '';
}

const model = await startModelServer();
for (const chats of values.chats.split(',').map(Number)) {
  const bareServer = new TelegramServer(TOKEN);
  await bareServer.start();
  const bot = new Telegraf(TOKEN, { telegram: { apiRoot: bareServer.url } });
  bot.on('text', (context) => {
    void ask(model, context.message.text).then((text) => context.reply(text));
  });
  const polling = bot.launch();
  await pause(500);
  await talk(bareServer, chats, 1, 'warm');
  const bare = await talk(bareServer, chats, messages, 'bare');
  bot.stop();
  await polling;
  await bareServer.stop();

  const server = new TelegramServer(TOKEN);
  await server.start();
  const folder = temporaryFolder();
  writeConfig(folder.path, {
    security: { allowAll: true, rateLimit: { maxRequests: 10_000_000 } },
    agent: { backend: 'pi-sdk', cwd: folder.path, maxConcurrent: 16, startSeconds: 120, context: 'off' },
    platforms: {
      telegram: { enabled: true, token: TOKEN, apiRoot: server.url, sendLimits: false },
      websocket: { enabled: false },
    },
  });
  const gateway = new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder.path], model.env);
  await gateway.ready(60_000);
  while (!server.polling) await pause(20);
  const first = await talk(server, 1, 1, 'cold');
  await talk(server, chats, 1, 'warm');
  const through = await talk(server, chats, messages, 'through');
  await gateway.stop();
  await server.stop();
  folder.remove();

  const beside = 'bare telegraf that asks the model, no agent';
  process.stdout.write(
    `${chats} chats: first answer ${first.p50.toFixed(0)} ms, then p50 ${through.p50.toFixed(0)} ms, p99 ${through.p99.toFixed(0)} ms, ` +
      `${through.perSecond.toFixed(1)} answers/s; ${beside}: p50 ${bare.p50.toFixed(0)} ms, ${bare.perSecond.toFixed(1)} answers/s\n`,
  );
  const what = `Telegram → gateway → pi → model → Telegram, ${chats} chat${chats === 1 ? '' : 's'}`;
  for (const [figure, unit, better] of [
    ['p50', 'ms', 'less'],
    ['p99', 'ms', 'less'],
    ['perSecond', '/s', 'more'],
  ] as const)
    benchRow({
      what: `${what}, ${figure === 'perSecond' ? 'answers' : figure}`,
      value: through[figure],
      unit,
      better,
      beside: { name: beside, value: bare[figure] },
    });
  if (chats === 1)
    benchRow({
      what: 'the very first answer, with pi not started',
      value: first.p50,
      unit: 'ms',
      better: 'less',
    });
}
await model.stop();
