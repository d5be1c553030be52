/**
 * Telegram local server -> gateway -> scripted agent -> Telegram local server, every message durable, the platform's
 * send limits lifted. Compared in the same run with the bare client library echoing over the same server.
 *
 * - open loop (the default): messages arrive at a fixed rate, whatever the answers do, spread over the chats; an
 *   answer's time counts from the moment at which its message was due
 * - closed loop (`--closed`): every chat asks again as soon as it has its answer: the most that goes through
 *
 * Run it: node bench/platform-roundtrip.ts [--rate 500] [--closed] [--seconds 8] [--chats 200]
 * With `--profile <folder>` the gateway leaves a CPU profile there.
 */
import { parseArgs } from 'node:util';
import { Telegraf } from 'telegraf';
import type { PlatformCall } from '../test/platforms/control.ts';
import { TelegramServer } from '../test/platforms/telegram-server.ts';
import { GatewayProcess, temporaryFolder, writeConfig } from '../test/support/gateway-process.ts';
import { benchRow } from './rows.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    chats: { type: 'string' },
    rate: { type: 'string' },
    closed: { type: 'boolean' },
    profile: { type: 'string' },
  },
});
const seconds = Number(values.seconds ?? 8);
const chats = Number(values.chats ?? 200);
const rate = Number(values.rate ?? 500);
const TOKEN = '424242:BENCH-token-for-a-local-server';
const LATEST_ANSWER_MS = 5000;

interface Result {
  readonly answered: number;
  readonly perSecond: number;
  readonly callsPerAnswer: number;
  readonly p50: number;
  readonly p99: number;
  /** Messages without an answer at the end. */
  readonly missing: number;
}

/** What the chats ask, and when the whole answer stands in the chat: as a message, or as the last edit of a draft. */
class Asker {
  readonly times: number[] = [];
  readonly #server: TelegramServer;
  readonly #askedAt = new Map<string, number>();
  #count = 0;
  answered: (chat: number) => void = () => {};

  constructor(server: TelegramServer) {
    this.#server = server;
    const { calls } = server;
    const push = calls.push.bind(calls);
    calls.push = (...added) => {
      for (const call of added) this.#note(call);
      return push(...added);
    };
  }

  get missing(): number {
    return this.#askedAt.size;
  }

  ask(chat: number, dueAt = performance.now()): void {
    this.#count += 1;
    const text = `m${this.#count}`;
    this.#askedAt.set(`${chat}:${text}`, dueAt);
    this.#server.say(text, { id: 10_000 + chat, is_bot: false, first_name: `Chat ${chat}` });
  }

  #note(call: PlatformCall): void {
    const body = call.body as { chat_id?: unknown; text?: unknown } | undefined;
    const text = /m\d+$/.exec(String(body?.text ?? ''))?.[0];
    const chat = Number(body?.chat_id) - 10_000;
    const at = this.#askedAt.get(`${chat}:${text}`);
    if (at === undefined) return;
    this.#askedAt.delete(`${chat}:${text}`);
    this.times.push(performance.now() - at);
    this.answered(chat);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function load(server: TelegramServer, forSeconds: number): Promise<Result> {
  const asker = new Asker(server);
  const callsBefore = server.calls.length;
  const began = performance.now();
  const until = began + forSeconds * 1000;
  if (values.closed === true) {
    asker.answered = (chat) => {
      if (performance.now() < until) asker.ask(chat);
    };
    for (let chat = 0; chat < chats; chat += 1) asker.ask(chat);
    while (performance.now() < until) await pause(20);
  } else {
    for (let next = 0; performance.now() < until; ) {
      const due = ((performance.now() - began) / 1000) * rate;
      for (; next < due; next += 1) asker.ask(next % chats, began + (next / rate) * 1000);
      await pause(1);
    }
  }
  const elapsed = (performance.now() - began) / 1000;
  const answered = asker.times.length;
  for (let waited = 0; asker.missing > 0 && waited < LATEST_ANSWER_MS; waited += 20) await pause(20);
  const times = asker.times.sort((a, b) => a - b);
  const at = (q: number): number => times[Math.min(times.length - 1, Math.floor(times.length * q))] ?? 0;
  const sends = server.calls.slice(callsBefore).filter(({ method }) => method !== 'getUpdates').length;
  return {
    answered: times.length,
    perSecond: answered / elapsed,
    callsPerAnswer: sends / Math.max(1, times.length),
    p50: at(0.5),
    p99: at(0.99),
    missing: asker.missing,
  };
}

const show = (name: string, { perSecond, callsPerAnswer, p50, p99, missing }: Result): void => {
  process.stdout.write(
    `${name.padEnd(24)} ${perSecond.toFixed(0)} answers/s   p50 ${p50.toFixed(1)} ms   p99 ${p99.toFixed(1)} ms   ` +
      `${callsPerAnswer.toFixed(1)} calls an answer${missing === 0 ? '' : `   ${missing} NOT ANSWERED`}\n`,
  );
};

async function bare(): Promise<Result> {
  const server = new TelegramServer(TOKEN);
  await server.start();
  const bot = new Telegraf(TOKEN, { telegram: { apiRoot: server.url } });
  bot.on('text', (context) => context.reply(`You said: ${context.message.text}`));
  bot.catch(() => {});
  const polling = bot.launch();
  await pause(500);
  await load(server, 1); // warm up
  const result = await load(server, seconds);
  bot.stop();
  await polling;
  await server.stop();
  return result;
}

async function gateway(): Promise<Result> {
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
  const program = new GatewayProcess(
    ['--no-tui', '--port', '0', '--agent', 'scripted', '--data-dir', folder.path],
    values.profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${values.profile}` },
  );
  await program.ready();
  while (!server.polling) await pause(20);
  await load(server, 2); // warm up
  const before = program.cpuMs();
  const result = await load(server, seconds);
  const cpu = program.cpuMs() - before;
  if (cpu > 0)
    process.stdout.write(`gateway's processor time   ${(cpu / result.answered).toFixed(2)} ms an answer\n`);
  await program.stop();
  await server.stop();
  folder.remove();
  return result;
}

process.stdout.write(
  values.closed === true
    ? `closed loop, ${chats} chats, ${seconds} s\n`
    : `open loop, ${rate} messages/s over ${chats} chats, ${seconds} s\n`,
);
const without = await bare();
show('bare telegraf echo', without);
const through = await gateway();
show('gateway, durable', through);
const telegram = `Telegram, ${values.closed === true ? 'closed loop' : `${rate} messages/s`}, ${chats} chats`;
for (const at of ['p50', 'p99'] as const)
  benchRow({
    what: `${telegram}, ${at}`,
    value: through[at],
    unit: 'ms',
    better: 'less',
    beside: { name: 'bare telegraf echo', value: without[at] },
    goal: Math.round(without[at] + (at === 'p50' ? 5 : 25)),
  });
process.stdout.write(
  `added                    p50 ${(through.p50 - without.p50).toFixed(1)} ms   p99 ${(through.p99 - without.p99).toFixed(1)} ms\n`,
);
