/**
 * Erasing a person in the middle of which the gateway is killed with `kill -9`: real pi and its session files, Telegram
 * and a linked WhatsApp session on local servers, words of one person planted in everything. After the next start none
 * of them is found in any file, and everything of others is still there.
 *
 * Run it: npm run prove:erase -- --times 20
 */
import { type ChildProcess, fork } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import type { proto } from 'baileys';
import { type ModelServer, startModelServer } from '../agents/model-server.ts';
import { undecidedFiles } from '../gateway/personal-data/file-kinds.ts';
import { TelegramServer } from '../platforms/telegram-server.ts';
import { ADA, BOB } from '../platforms/telegram-state.ts';
import { linkSession } from '../platforms/whatsapp/linked-session.ts';
import { WhatsAppServer } from '../platforms/whatsapp-server.ts';
import { temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import type { EraseJob } from './erase-worker.ts';
import { delay, until } from './resume-kit.ts';

export interface EraseProof {
  /** So often it is killed, at moments that are spread over the second half of an erasure: before, it waits for what runs. */
  readonly times: number;
  readonly print: (line: string) => void;
}

/** What is planted: words, and the numbers of the WhatsApp account. */
const CANARY = 'canaryzebra';
const KEPT = 'ofbobandstays';

class Gateway {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  port = 0;
  token = '';

  constructor(job: EraseJob, env: NodeJS.ProcessEnv) {
    this.#child = fork(join(import.meta.dirname, 'erase-worker.ts'), {
      env: { ...env, ERASE_JOB: JSON.stringify(job) },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.on('message', (message: unknown) => {
      const { port, token } = Object(message);
      this.port = Number(port);
      this.token = String(token);
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  stderr = '';

  async ready(): Promise<void> {
    await until('the gateway', () => this.port > 0 || this.#child.exitCode !== null);
    if (this.port === 0) throw new Error(`the gateway ended: ${this.stderr}`);
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#child.kill(signal);
    await this.#exited;
  }

  async call(method: string, path: string): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}` },
    });
    return { status: response.status, body: await response.json().catch(() => undefined) };
  }
}

/** Files below a directory in which one of the words is found, also as base64. */
export function placesOf(words: readonly string[], root: string): string[] {
  const found: string[] = [];
  const coded = words.flatMap(base64Forms);
  const look = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (words.some((word) => entry.name.includes(word))) found.push(`${relative(root, path)} (name)`);
      if (entry.isDirectory()) look(path);
      else if (entry.isFile()) {
        const bytes = readFileSync(path);
        const word = [...words, ...coded].find((each) => bytes.includes(each));
        if (word !== undefined) found.push(`${relative(root, path)}: ${word}`);
      }
    }
  };
  look(root);
  return found;
}

/** What of a word is certain in base64, wherever it begins. */
function base64Forms(word: string): string[] {
  return [0, 1, 2].map((shift) => {
    const text = Buffer.from('x'.repeat(shift) + word).toString('base64');
    return text.slice(shift === 0 ? 0 : 4, -4).replaceAll('=', '');
  });
}

class Planted {
  readonly telegram = new TelegramServer('424242:erase-proof-token');
  readonly whatsapp = new WhatsAppServer();
  readonly model: ModelServer;
  readonly folder = temporaryFolder();

  constructor(model: ModelServer) {
    this.model = model;
  }

  job(dataDir: string): EraseJob {
    const { token, url } = this.telegram;
    return { dataDir, telegram: { token, apiRoot: url }, whatsapp: this.whatsapp.url };
  }

  get numbers(): string[] {
    const { ada } = this.whatsapp;
    return [ada.lid.replace(/@.*/, ''), ada.phone];
  }

  async start(): Promise<void> {
    await Promise.all([this.telegram.start(), this.whatsapp.start()]);
    const { path } = this.folder;
    const state = join(path, 'gateway', 'adapters', 'whatsapp', 'session');
    mkdirSync(state, { recursive: true });
    await linkSession(state, this.whatsapp.bot);
    writeConfig(path, {
      port: 0,
      security: { allowAll: true, rateLimit: { maxRequests: 100_000 } },
      agent: { backend: 'pi-sdk', cwd: path, startSeconds: 120 },
      limits: { spend: [{ scope: 'person', per: 'month', max: { tokens: 10_000_000 } }] },
      platforms: {
        telegram: { enabled: true, groupPolicy: 'open' },
        whatsapp: { enabled: true },
        websocket: { enabled: false },
      },
    });
    const gateway = new Gateway(this.job(path), this.model.env);
    await gateway.ready();
    const { telegram, whatsapp, model } = this;
    const ada = { ...ADA, first_name: `Ada${CANARY}`, last_name: '' };
    telegram.say(`remember ${CANARY}`, ada);
    telegram.say(`/every weekday 09:00 look at ${CANARY}`, ada);
    telegram.group(`@gate_bot in the group ${CANARY}`, {
      from: ada,
      entities: [{ type: 'mention', offset: 0, length: 9 }],
    });
    telegram.say(`this is ${KEPT}`, BOB);
    const text = (words: string): proto.IMessage => ({ conversation: words });
    await until('WhatsApp', () => whatsapp.logins > 0);
    await whatsapp.dm(whatsapp.ada, text(`privately ${CANARY}`));
    await whatsapp.dm(whatsapp.bob, text(`this is ${KEPT}`));
    await until('an answer to each', () => model.requests.length >= 5);
    const answered = (words: string): number =>
      telegram.state.messages.filter((each) => each.text.includes(words)).length +
      whatsapp.sent.filter((each) => JSON.stringify(each).includes(words)).length;
    await until('delivered answers', () => answered(CANARY) >= 2 && answered(KEPT) >= 1);
    await delay(1000);
    await gateway.end('SIGTERM');
    const folder = join(path, 'gateway');
    writeFileSync(join(path, `gateway-sessions.db.bak-20260101T000000Z`), CANARY);
    mkdirSync(join(folder, 'exports', `telegram-${ADA.id}-20260101T000000Z`), { recursive: true });
    writeFileSync(join(folder, 'exports', `telegram-${ADA.id}-20260101T000000Z`, 'person.json'), CANARY);
  }

  async stop(): Promise<void> {
    await Promise.all([this.telegram.stop(), this.whatsapp.stop()]);
    this.folder.remove();
  }
}

/** Resolves with what is wrong. */
export async function proveErase({ times, print }: EraseProof): Promise<readonly string[]> {
  const model = await startModelServer();
  const planted = new Planted(model);
  const whole = temporaryFolder();
  const problems: string[] = [];
  try {
    await planted.start();
    const before = placesOf([CANARY, ...planted.numbers], planted.folder.path);
    print(`planted in ${before.length} places: ${before.map((each) => each.split(':')[0]).join(', ')}`);
    for (const kind of ['agent-sessions/', 'adapters/whatsapp/', 'gateway-sessions.db', 'gateway-background'])
      if (!before.some((each) => each.includes(kind))) problems.push(`nothing was planted in ${kind}`);
    for (const file of undecidedFiles(planted.folder.path))
      problems.push(`nobody has decided what an erasure does with ${file}`);
    cpSync(planted.folder.path, whole.path, { recursive: true });
    // The first is not killed: it says how long an erasure takes.
    let wholeMs = 0;
    for (let n = 0; n <= times; n += 1) {
      const moment = n === 0 ? undefined : wholeMs * (0.5 + (0.6 * (n - 0.5)) / times);
      rmSync(planted.folder.path, { recursive: true });
      cpSync(whole.path, planted.folder.path, { recursive: true });
      const { wrong, tookMs } = await eraseIn(planted, planted.folder.path, moment, print);
      if (n === 0) wholeMs = tookMs;
      problems.push(...wrong);
    }
    // A data directory that was moved: paths in its stores lead to where it was.
    const moved = await eraseIn(planted, whole.path, wholeMs / 3, print);
    problems.push(...moved.wrong.map((each) => `in a moved directory: ${each}`));
  } finally {
    await planted.stop();
    await model.stop();
    whole.remove();
  }
  return problems;
}

async function eraseIn(
  planted: Planted,
  dataDir: string,
  moment: number | undefined,
  print: (line: string) => void,
): Promise<{ readonly wrong: readonly string[]; readonly tookMs: number }> {
  const { model, whatsapp } = planted;
  const telegramPath = `/api/people/telegram/${ADA.id}`;
  const whatsappPath = `/api/people/whatsapp/${whatsapp.ada.lid}`;
  const states: string[] = [];
  const problems: string[] = [];
  const when = moment === undefined ? 'not killed' : `killed after ${moment.toFixed(0)} ms`;
  let tookMs = 0;
  for (const path of [telegramPath, whatsappPath]) {
    let gateway = new Gateway(planted.job(dataDir), model.env);
    await gateway.ready();
    const began = performance.now();
    const erasing = gateway.call('DELETE', path).then(
      ({ status, body }) => `${status} ${JSON.stringify(body)}`,
      () => 'killed',
    );
    if (moment === undefined) await erasing;
    else await delay(moment);
    tookMs = Math.max(tookMs, performance.now() - began);
    await gateway.end('SIGKILL');
    const state = await erasing;
    gateway = new Gateway(planted.job(dataDir), model.env);
    await gateway.ready();
    const again = await gateway.call('DELETE', path);
    // Whatever had begun is finished at the start: nothing is left to erase then.
    const finished = again.status === 404;
    if (!finished && again.status !== 200)
      problems.push(`${path}: ${again.status} ${JSON.stringify(again.body)}`);
    states.push(
      state === 'killed' ? (finished ? 'finished at the start' : 'not begun') : 'done before the kill',
    );
    await gateway.end('SIGTERM');
  }
  print(`${when}: ${states.join(', ')}`);
  const left = placesOf([CANARY, ...planted.numbers], dataDir).filter(
    // The line that says who erased whom names them.
    (each) =>
      !(each.startsWith('gateway-security.db') && planted.numbers.some((number) => each.endsWith(number))),
  );
  problems.push(...left.map((each) => `still in ${each}`));
  if (placesOf([KEPT], dataDir).length < 3) problems.push('something of others is gone');
  return { wrong: problems.map((each) => `${when}: ${each}`), tookMs };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { times: { type: 'string', default: '12' } } });
  const times = Number(values.times);
  const problems = await proveErase({ times, print: (line) => process.stdout.write(`${line}\n`) });
  for (const problem of problems) process.stdout.write(`PROBLEM ${problem}\n`);
  process.stdout.write(problems.length === 0 ? 'nothing was left\n' : 'SOMETHING WAS LEFT\n');
  process.exitCode = problems.length === 0 ? 0 : 1;
}
