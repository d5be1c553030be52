/**
 * OpenClaw beside this gateway, on the same machine in the same run: start until it polls Telegram, resident memory then,
 * and the whole way of a message (Telegram server -> gateway -> agent -> model server -> Telegram server), of one chat and
 * of 20 chats at once.
 *
 * It is measured when it is installed, which takes about 650 MB:
 *
 *     mkdir /tmp/openclaw && cd /tmp/openclaw && npm i openclaw@latest
 *     OPENCLAW_DIR=/tmp/openclaw node bench/openclaw.ts [--runs 3] [--chats 20]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ModelServer, startModelServer } from '../test/agents/model-server.ts';
import { TelegramServer } from '../test/platforms/telegram-server.ts';
import {
  childEnv,
  freePort,
  GatewayProcess,
  temporaryFolder,
  writeConfig,
} from '../test/support/gateway-process.ts';
import { benchRow, benchSkipped } from './rows.ts';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '3' }, chats: { type: 'string', default: '20' } },
});
const runs = Number(values.runs);
const chats = Number(values.chats);
const TOKEN = '424242:BENCH-token-beside-openclaw';
const LONGEST_START_MS = 180_000;
/** The first answer comes with the agent not started yet. */
const LONGEST_ANSWER_MS = 180_000;
const MESSAGES = 5;
const ROUNDS = 3;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const middle = (all: readonly number[]): number =>
  [...all].sort((a, b) => a - b)[all.length >> 1] ?? Number.NaN;

interface Measured {
  readonly startMs: number;
  readonly rssMb: number;
  /** Undefined: it did not answer. */
  readonly answerMs: number | undefined;
  /** Of all chats at once; undefined: some did not get their answers. */
  readonly perSecond: number | undefined;
}

/** Of the process and everything below it. */
function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const own = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1000;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean);
  return children.reduce((sum, child) => sum + residentMb(Number(child)), own);
}

async function until(true_: () => boolean, longestMs: number): Promise<boolean> {
  const end = Date.now() + longestMs;
  while (!true_()) {
    if (Date.now() > end) return false;
    await pause(2);
  }
  return true;
}

/** Every chat asks, waits for its answer, and asks again; the first round is not counted: sessions are made in it. */
async function together(server: TelegramServer): Promise<number | undefined> {
  const round = async (chat: number, n: number): Promise<boolean> => {
    const user = { id: 30_000 + chat, is_bot: false, first_name: `Chat ${chat}` };
    const ask = `ask${chat}0${n}end`;
    server.say(ask, user);
    const there = (): boolean =>
      server.state.messages.some((each) => each.chatId === user.id && each.text.includes(`You said: ${ask}`));
    return until(there, LONGEST_ANSWER_MS);
  };
  const everybody = Array.from({ length: chats }, (_, chat) => chat);
  if (!(await Promise.all(everybody.map((chat) => round(chat, 0)))).every(Boolean)) return undefined;
  const began = performance.now();
  const answered = await Promise.all(
    everybody.map(async (chat) => {
      for (let n = 1; n <= ROUNDS; n += 1) if (!(await round(chat, n))) return false;
      return true;
    }),
  );
  return answered.every(Boolean) ? (chats * ROUNDS * 1000) / (performance.now() - began) : undefined;
}

/** The process and everything below it: some of them start others, which would stay. */
function endAll(child: ChildProcess): void {
  const below = (pid: number): number[] => {
    try {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
      return children.filter(Boolean).flatMap((each) => [Number(each), ...below(Number(each))]);
    } catch {
      return [];
    }
  };
  for (const pid of [...below(child.pid ?? 0), child.pid ?? 0])
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
}

/** From the start of the program to its first poll; then memory; then answers. */
async function measure(
  model: ModelServer,
  start: (server: TelegramServer, folder: string) => Promise<ChildProcess>,
): Promise<Measured | undefined> {
  const server = new TelegramServer(TOKEN);
  await server.start();
  const folder = temporaryFolder();
  // OpenClaw adds a message of its own behind what the person wrote, with the conversation so far.
  model.reply(({ history }) => {
    const said = history.filter((text) => !text.startsWith('<<<')).join('\n');
    return { text: `You said: ${said.match(/ask\d+end/g)?.at(-1) ?? ''}` };
  });
  const began = performance.now();
  const child = await start(server, folder.path);
  const exited = new Promise((resolve) => child.once('exit', resolve));
  try {
    if (!(await until(() => server.polling || child.exitCode !== null, LONGEST_START_MS)) || !server.polling)
      return undefined;
    const startMs = performance.now() - began;
    await pause(3000);
    const rssMb = residentMb(child.pid ?? 0);
    const times: number[] = [];
    for (let n = 0; n < MESSAGES; n += 1) {
      const asked = performance.now();
      server.say(`ask${n}end`);
      const there = (): boolean =>
        server.state.messages.some(({ text }) => text.includes(`You said: ask${n}end`));
      if (!(await until(there, LONGEST_ANSWER_MS))) break;
      times.push(performance.now() - asked);
    }
    const perSecond = times.length < MESSAGES ? undefined : await together(server);
    return { startMs, rssMb, answerMs: times.length < 2 ? undefined : middle(times.slice(1)), perSecond };
  } finally {
    endAll(child);
    await exited;
    await server.stop();
    folder.remove();
  }
}

const ours =
  (model: ModelServer) =>
  async (server: TelegramServer, folder: string): Promise<ChildProcess> => {
    writeConfig(folder, {
      security: { allowAll: true, rateLimit: { maxRequests: 1_000_000 } },
      agent: { backend: 'pi-sdk', cwd: folder, startSeconds: 120 },
      platforms: {
        telegram: { enabled: true, token: TOKEN, apiRoot: server.url },
        websocket: { enabled: false },
      },
    });
    return new GatewayProcess(['--no-tui', '--port', '0', '--data-dir', folder], model.env).child;
  };

const theirs =
  (model: ModelServer, program: string) =>
  async (server: TelegramServer, folder: string): Promise<ChildProcess> => {
    const port = await freePort();
    const state = join(folder, '.openclaw');
    mkdirSync(state);
    const cost = { input: 1, output: 2, cacheRead: 0, cacheWrite: 0 };
    const known = {
      id: 'mock',
      name: 'mock',
      reasoning: false,
      input: ['text'],
      cost,
      contextWindow: 128_000,
      maxTokens: 8192,
    };
    writeFileSync(
      join(state, 'openclaw.json'),
      JSON.stringify({
        gateway: {
          mode: 'local',
          port,
          bind: 'loopback',
          auth: { mode: 'token', token: 'bench-token-of-nobody' },
        },
        channels: {
          telegram: {
            enabled: true,
            botToken: TOKEN,
            apiRoot: server.url,
            dmPolicy: 'open',
            allowFrom: ['*'],
          },
        },
        models: {
          providers: {
            local: { baseUrl: model.url, apiKey: 'none', api: 'openai-completions', models: [known] },
          },
        },
        logging: { file: join(folder, 'openclaw.log') },
        // Without an owner the account is blocked.
        bindings: [{ agentId: 'main', match: { channel: 'telegram', accountId: 'default' } }],
        agents: { defaults: { model: { primary: 'local/mock' }, workspace: folder, skipBootstrap: true } },
      }),
    );
    return spawn(process.execPath, [program, 'gateway', '--port', String(port)], {
      cwd: folder,
      env: childEnv({ HOME: folder, OPENCLAW_STATE_DIR: state }),
      stdio: process.env['OPENCLAW_DEBUG'] === undefined ? 'ignore' : 'inherit',
    });
  };

const directory = process.env['OPENCLAW_DIR'];
const program = join(directory ?? '', 'node_modules', 'openclaw', 'openclaw.mjs');
if (directory === undefined || !existsSync(program))
  benchSkipped(
    'OpenClaw is not installed: npm i openclaw@latest in a temporary directory, and OPENCLAW_DIR=<directory>',
  );
else {
  const { version } = JSON.parse(readFileSync(join(program, '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  const model = await startModelServer();
  const all = { ours: [] as Measured[], theirs: [] as Measured[] };
  // In turn, so that other work on the machine meets both.
  for (let n = 0; n < runs; n += 1) {
    const one = await measure(model, ours(model));
    const other = await measure(model, theirs(model, program));
    if (one !== undefined) all.ours.push(one);
    if (other !== undefined) all.theirs.push(other);
    process.stdout.write(`${JSON.stringify({ ours: one, openclaw: other })}\n`);
  }
  await model.stop();
  const name = `OpenClaw ${version}`;
  const add = (what: string, unit: 'ms' | 'MB' | '/s', of: (each: Measured) => number | undefined): void => {
    const value = middle(all.ours.flatMap((each) => of(each) ?? []));
    const beside = middle(all.theirs.flatMap((each) => of(each) ?? []));
    if (Number.isNaN(value)) return;
    benchRow({
      what,
      value,
      unit,
      better: unit === '/s' ? 'more' : 'less',
      ...(Number.isNaN(beside) ? {} : { beside: { name, value: beside } }),
    });
  };
  add('start until Telegram is polled', 'ms', ({ startMs }) => startMs);
  add('resident memory then, with its child processes', 'MB', ({ rssMb }) => rssMb);
  add('Telegram message to its answer, one chat', 'ms', ({ answerMs }) => answerMs);
  add(`answers, ${chats} chats at once`, '/s', ({ perSecond }) => perSecond);
  if (all.theirs.length === 0)
    benchSkipped(`${name} did not poll Telegram within ${LONGEST_START_MS / 1000} s`);
  else if (all.theirs.every(({ answerMs }) => answerMs === undefined))
    benchSkipped(`${name} did not answer with this configuration: only its start and memory are compared`);
}
