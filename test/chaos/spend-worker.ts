/**
 * The gateway's part of `npm run prove:spend`, in a process of its own that is killed with `kill -9`: the real store,
 * limits, meter and guard, with 64 conversations that talk to the model server of the parent until each is refused.
 */

import { appendFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LinkEnd, PiLink } from '../../src/agents/pi/backend.ts';
import { guardedSession, guardRuntime } from '../../src/agents/spending/guard-runtime.ts';
import { CallMeter, reportedIn, SPENDING_TITLE } from '../../src/agents/spending/spending.ts';
import { systemClock } from '../../src/base/async.ts';
import { silentLogger } from '../../src/base/log.ts';
import { numberAt, objectAt, type PiRecord, stringAt } from '../../src/gateway/agent/pi-files.ts';
import { EventStream } from '../../src/gateway/events.ts';
import { SESSION_MIGRATIONS } from '../../src/gateway/schema.ts';
import { readLimits } from '../../src/gateway/spending/limit.ts';
import { Spending } from '../../src/gateway/spending/spending.ts';
import { Database } from '../../src/store/database.ts';

export interface WorkerJob {
  readonly store: string;
  readonly url: string;
  readonly chats: number;
  readonly maxTokens: number;
  readonly maxUsd: number;
  readonly aborts: boolean;
  /** After a kill it looks into session files for what calls have cost. */
  readonly asks: boolean;
}

function sessionFile({ store }: WorkerJob, session: string): string {
  return join(dirname(store), `${session}.jsonl`);
}

const MODEL = {
  id: 'mock',
  provider: 'local',
  api: 'openai-completions',
  maxTokens: 4096,
  contextWindow: 200_000,
  cost: { input: 3, output: 15, cacheRead: 0, cacheWrite: 0 },
};

const HARD = [
  '😀👩‍👩‍👧‍👦🇪🇺',
  '漢字かな交じり文',
  'aGVsbG8gd29ybGQhIQ==',
  'const a=(b)=>{return b??0};',
  'plain words and more ',
];

/** A link whose far end is this process. */
class LoopLink implements PiLink {
  readonly heard = 0;
  readonly mark = undefined;
  readonly unanswered = 0;
  readonly ended = new Promise<LinkEnd>(() => {});
  readonly #answers = new Map<string, (value: string | undefined) => void>();
  #listener: (record: PiRecord) => unknown = () => {};
  #ids = 0;

  ask(placeholder: string): Promise<string | undefined> {
    const id = `q${++this.#ids}`;
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      setImmediate(() =>
        this.#listener({
          type: 'extension_ui_request',
          id,
          method: 'input',
          title: SPENDING_TITLE,
          placeholder,
        }),
      );
    });
  }

  send(record: PiRecord): void {
    const id = stringAt(record, 'id') ?? '';
    this.#answers.get(id)?.(stringAt(record, 'value'));
    this.#answers.delete(id);
  }

  listen(listener: (record: PiRecord) => unknown): void {
    this.#listener = listener;
  }

  request(): Promise<unknown> {
    return Promise.resolve({});
  }
  giveUp(): void {}
  async close(): Promise<void> {}
  terminate(): void {}
  kill(): void {}
}

/** What pi's own stream does with this server: text, and usage with the end. */
class Reply {
  readonly #result: Promise<unknown>;
  constructor(result: Promise<unknown>) {
    this.#result = result;
  }
  result(): Promise<unknown> {
    return this.#result;
  }
  async *[Symbol.asyncIterator](): AsyncIterator<unknown> {
    yield await this.#result;
  }
}

async function request(url: string, context: unknown, options: unknown): Promise<unknown> {
  const { signal, onResponse } = Object(options);
  const none = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, cost: { total: 0 } };
  try {
    const response = await fetch(url, {
      method: 'POST',
      body: JSON.stringify({ context, max: numberAt(options, 'maxTokens') }),
      signal,
    });
    await onResponse?.({ status: response.status });
    if (!response.ok)
      return {
        stopReason: 'error',
        errorMessage: `${response.status} ${await response.text()}`,
        usage: none,
      };
    const lines = (await response.text()).trim().split('\n');
    const usage: unknown = JSON.parse(lines.at(-1) ?? '{}');
    if (numberAt(usage, 'input') === 0)
      return { stopReason: 'error', errorMessage: 'the stream was cut', usage: none };
    return { stopReason: 'stop', usage, text: lines.slice(0, -1).join('') };
  } catch (error) {
    return { stopReason: signal?.aborted ? 'aborted' : 'error', errorMessage: String(error), usage: none };
  }
}

async function chat(spending: Spending, job: WorkerJob, n: number): Promise<void> {
  const meter = spending.meter({
    sessionId: `s${n}`,
    caller: () => ({ chat: { platform: 'websocket', chatId: `${n}` }, sender: { id: `${n}`, name: `${n}` } }),
    ask: async () => ({ type: 'cancelled', reason: 'nobody' }),
  });
  const link = new LoopLink();
  const calls = new CallMeter(link, meter);
  link.listen((record) => calls.take(record));
  const mine = guardedSession((message) => link.ask(message));
  const send = (_model: unknown, context: unknown, options?: unknown): Reply =>
    new Reply(request(job.url, context, options));
  const runtime = { stream: send, streamSimple: send };
  if (!guardRuntime(runtime, () => mine)) throw new Error('not guarded');
  const file = sessionFile(job, `s${n}`);
  let messages: { role: string; content: string }[] = [];
  for (let turn = 0; calls.refusal === undefined; turn += 1) {
    if (messages.length > 8) messages = [];
    const text = (HARD[Math.floor(Math.random() * HARD.length)] ?? '').repeat(
      1 + Math.floor(Math.random() * 40),
    );
    messages.push({ role: 'user', content: text });
    const stop = new AbortController();
    if (job.aborts && Math.random() < 0.15) setTimeout(() => stop.abort(), Math.random() * 60);
    calls.during(`t${n}-${turn}`, stop.signal);
    const stream = runtime.streamSimple(
      MODEL,
      { systemPrompt: 'Be short.', messages: [...messages] },
      { signal: stop.signal },
    );
    for await (const _ of stream);
    const result = await stream.result();
    // As pi does it: at once, and before anything else.
    appendFileSync(
      file,
      `${JSON.stringify({ type: 'message', message: { role: 'assistant', ...Object(result) } })}\n`,
    );
    if (stop.signal.aborted) calls.during(`t${n}-${turn}`, undefined);
    messages.push({ role: 'assistant', content: stringAt(result, 'text') ?? '' });
  }
}

const job: WorkerJob = JSON.parse(process.env['SPEND_JOB'] ?? '{}');
const db = await Database.open({ path: job.store, migrations: SESSION_MIGRATIONS, log: silentLogger });
const spending = new Spending(
  {
    db,
    clock: systemClock,
    events: new EventStream(),
    log: silentLogger,
    persist: (body) => db.write(body),
    decide: () => {},
  },
  readLimits(
    [{ scope: 'all', per: 'month', max: { tokens: job.maxTokens, usd: job.maxUsd }, timezone: 'UTC' }],
    () => 'UTC',
  ),
);
spending.load();
const lost = db.all('SELECT id FROM spend_open').length;
let found = 0;
await spending.recover(
  job.asks
    ? async (session, calls) => {
        const uses = await reportedIn(sessionFile(job, session), calls);
        found += uses.size;
        return uses;
      }
    : undefined,
);
process.send?.({ type: 'ready', lost, found });
await Promise.all(Array.from({ length: job.chats }, (_, n) => chat(spending, job, n)));
await db.flushed();
const [view] = spending.views();
const counted = objectAt({ view }, 'view');
process.send?.({ type: 'done', share: numberAt(counted, 'share') }, () => process.exit(0));
