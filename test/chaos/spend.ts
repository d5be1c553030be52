/**
 * Proof that spending limits hold: a model server with a ledger of its own, 64 conversations at the same time with random
 * lengths, aborts, provider errors, cut streams and `kill -9`. In every run what the server has charged is at most the
 * limit, and at least 90 % of the limit was usable before anybody was refused.
 *
 * Run it: npm run prove:spend -- --runs 500
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { listAt, numberAt, stringAt } from '../../src/gateway/agent/pi-files.ts';
import type { WorkerJob } from './spend-worker.ts';

export interface SpendRun {
  readonly chats: number;
  readonly kills: number;
  readonly aborts: boolean;
  /** Tokens that one byte of text counts as; 1 is the worst that a tokenizer can do. */
  readonly density: number;
  /** False: as if there were no session files to look into after a kill. Default: true. */
  readonly asks?: boolean;
}

export interface SpendResult {
  readonly limitTokens: number;
  readonly limitUsd: number;
  readonly chargedTokens: number;
  readonly chargedUsd: number;
  readonly calls: number;
  /** Part of the limit that the gateway counts as used when everybody is refused. */
  readonly counted: number;
  /** Calls that a kill has cut off, and those of them whose use the session file had. */
  readonly lost: number;
  readonly found: number;
}

const LIMIT_TOKENS = 250_000;
const MILLION = 1_000_000;
const PRICE = { input: 3, output: 15 };

/** The provider: it alone knows what is charged. */
class Provider {
  readonly #density: number;
  readonly #faults: boolean;
  tokens = 0;
  usd = 0;
  calls = 0;

  constructor({ density, aborts }: SpendRun) {
    this.#density = density;
    this.#faults = aborts;
  }

  readonly handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
    if (this.#faults && Math.random() < 0.05) {
      response.writeHead(529).end('overloaded');
      return;
    }
    this.calls += 1;
    const context = Object(body).context;
    const input =
      Math.ceil(Buffer.byteLength(stringAt(context, 'systemPrompt') ?? '') * this.#density) +
      listAt(context, 'messages').reduce<number>(
        (sum, each) =>
          sum + 4 + Math.ceil(Buffer.byteLength(stringAt(each, 'content') ?? '') * this.#density),
        3,
      );
    this.#charge(input, 0);
    const max = numberAt(body, 'max');
    const output = Math.max(1, Math.min(max, Math.floor(Math.random() ** 3 * 6000)));
    response.writeHead(200);
    let made = 0;
    while (made < output) {
      const step = Math.min(output - made, 400);
      this.#charge(0, step);
      made += step;
      response.write(`${'w '.repeat(Math.ceil(step / 20))}\n`);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 8));
      if (response.destroyed || (this.#faults && Math.random() < 0.01)) {
        // What was cut is charged, and some of what nobody sees any more as well.
        this.#charge(0, Math.floor(Math.random() * (max - made)));
        response.destroy();
        return;
      }
    }
    const cost = (input * PRICE.input + output * PRICE.output) / MILLION;
    response.end(JSON.stringify({ input, output, cacheRead: 0, cacheWrite: 0, cost: { total: cost } }));
  };

  #charge(input: number, output: number): void {
    this.tokens += input + output;
    this.usd += (input * PRICE.input + output * PRICE.output) / MILLION;
  }
}

export async function proveSpend(run: SpendRun): Promise<SpendResult> {
  const folder = mkdtempSync(join(tmpdir(), 'prove-spend-'));
  const provider = new Provider(run);
  const server = createServer((request, response) => {
    provider.handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Half of the runs are ended by the limit in dollars.
  const limitUsd = Math.random() < 0.5 ? 100 : 1.5;
  const job: WorkerJob = {
    store: join(folder, 'gateway-sessions.db'),
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    chats: run.chats,
    maxTokens: LIMIT_TOKENS,
    maxUsd: limitUsd,
    aborts: run.aborts,
    asks: run.asks ?? true,
  };
  const cut = { lost: 0, found: 0 };
  try {
    let counted: number | undefined;
    for (let kill = 0; counted === undefined; kill += 1)
      counted = await work(job, kill < run.kills ? Math.random() * 1500 : undefined, cut);
    return {
      limitTokens: LIMIT_TOKENS,
      limitUsd,
      chargedTokens: provider.tokens,
      chargedUsd: provider.usd,
      calls: provider.calls,
      counted,
      ...cut,
    };
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** One life of the gateway's part; undefined when it was killed before everybody was refused. */
async function work(
  job: WorkerJob,
  killAfterMs: number | undefined,
  cut: { lost: number; found: number },
): Promise<number | undefined> {
  const child: ChildProcess = fork(join(import.meta.dirname, 'spend-worker.ts'), {
    env: { ...process.env, SPEND_JOB: JSON.stringify(job) },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let counted: number | undefined;
  child.on('message', (message: unknown) => {
    if (stringAt(message, 'type') === 'done') counted = numberAt(message, 'share');
    else {
      cut.lost += numberAt(message, 'lost');
      cut.found += numberAt(message, 'found');
    }
    if (stringAt(message, 'type') === 'ready' && killAfterMs !== undefined)
      setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  });
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  if (counted === undefined && killAfterMs === undefined) throw new Error(`the worker ended with ${code}`);
  return counted;
}

/** What is wrong with a run; undefined: it holds. */
export function fault(run: SpendRun, result: SpendResult): string | undefined {
  if (result.chargedTokens > result.limitTokens)
    return `${result.chargedTokens} tokens charged of ${result.limitTokens}`;
  if (result.chargedUsd > result.limitUsd) return `$${result.chargedUsd} charged of $${result.limitUsd}`;
  if (result.counted < 0.9) return `refused at ${result.counted} of the limit`;
  const used = usable(result);
  // Only what was cut counts for more than was charged.
  if (!run.aborts && run.kills === 0 && used < 0.9) return `only ${used} of the limit was usable`;
  return undefined;
}

/** How much of the limit the provider has charged when everybody is refused. */
function usable({ chargedTokens, limitTokens, chargedUsd, limitUsd }: SpendResult): number {
  return Math.max(chargedTokens / limitTokens, chargedUsd / limitUsd);
}

const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;

/** Usable part of the limit in runs of one kind. */
class Tally {
  #runs = 0;
  #sum = 0;
  #least = 1;
  #lost = 0;
  #found = 0;

  add(result: SpendResult): void {
    const used = usable(result);
    this.#runs += 1;
    this.#sum += used;
    this.#least = Math.min(this.#least, used);
    this.#lost += result.lost;
    this.#found += result.found;
  }

  toString(): string {
    const mean = percent(this.#sum / this.#runs);
    const cut = this.#lost === 0 ? '' : `; ${this.#found} of ${this.#lost} cut calls found in session files`;
    return `${this.#runs} runs, usable ${mean} on average, ${percent(this.#least)} at least${cut}`;
  }
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '500' },
      chats: { type: 'string', default: '64' },
      'no-session-files': { type: 'boolean', default: false },
    },
  });
  const runs = Number(values.runs);
  let broken = 0;
  const tallies = new Map<string, Tally>();
  for (let n = 1; n <= runs; n += 1) {
    const run: SpendRun = {
      chats: Number(values.chats),
      kills: n % 3,
      aborts: n % 2 === 0,
      density: n % 5 === 0 ? 1 : 0.25 + Math.random() * 0.5,
      asks: !values['no-session-files'],
    };
    const result = await proveSpend(run);
    const wrong = fault(run, result);
    if (wrong !== undefined) broken += 1;
    const kind = `${run.kills} kills, ${run.aborts ? 'aborts and provider errors' : 'no aborts'}`;
    const tally = tallies.get(kind) ?? new Tally();
    tally.add(result);
    tallies.set(kind, tally);
    if (wrong !== undefined || n % 10 === 0 || n === runs)
      console.log(
        `run ${n}/${runs}: ${wrong ?? 'holds'}; ${result.calls} calls, ${percent(usable(result))} charged, ${percent(result.counted)} counted; broken ${broken}`,
      );
  }
  for (const [kind, tally] of [...tallies].sort(([a], [b]) => a.localeCompare(b)))
    console.log(`${kind}: ${tally}`);
  process.exitCode = broken === 0 ? 0 : 1;
}
