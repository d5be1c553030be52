/**
 * Chaos with background tasks: they are started from chats and by the operator (prompts and programs), fail, are
 * cancelled, and the gateway is killed with `kill -9` meanwhile. A ledger kept outside its process must balance.
 * Run it: npm run build && node test/chaos/tasks.ts --tasks 1000 --kills 3 --longest 10000
 *
 * Proven: every acknowledged task has an end; none succeeded that was to fail or was cut off; every chat read the end of
 * each of its own tasks, once, and of no other; no program is left running.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { TaskView } from '../../src/gateway/model.ts';
import { ChatClient, type ChatIdentity } from '../support/chat-client.ts';
import {
  freePort,
  GatewayProcess,
  operatorToken,
  temporaryFolder,
  writeConfig,
} from '../support/gateway-process.ts';

export interface TaskChaosOptions {
  readonly tasks: number;
  readonly kills: number;
  readonly chats: number;
  /** Of one task. */
  readonly longestMs: number;
  readonly print: (line: string) => void;
}

export interface TaskChaosResult {
  readonly started: number;
  readonly ends: Readonly<Record<string, number>>;
  readonly delivered: number;
  readonly programsLeft: number;
  readonly problems: readonly string[];
}

type Kind = 'fine' | 'fail' | 'program' | 'bad program';

interface Entry {
  readonly id: string;
  readonly token: string;
  readonly kind: Kind;
  readonly chat: number | undefined;
  cancelled: boolean;
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const OPEN_AT_ONCE = 120;

/** One chat: starts tasks by frame, and keeps every message that it gets. */
class Chat {
  readonly index: number;
  readonly texts = new Map<string, string>();
  repeats = 0;
  readonly #port: number;
  #identity: ChatIdentity | undefined;
  #client: ChatClient | undefined;
  #connecting: Promise<ChatClient> | undefined;
  #seen = 0;

  constructor(index: number, port: number) {
    this.index = index;
    this.#port = port;
  }

  /** Undefined when the gateway was not there, or did not say that it took the task. */
  async start(token: string, command: string): Promise<string | undefined> {
    try {
      const client = await this.connected();
      client.send({ type: 'background', id: token, data: { command } });
      const frame = await client.next((each) => each.id === token, 10_000);
      return frame.type === 'background_started' ? String(frame.data?.['id']) : undefined;
    } catch {
      return undefined;
    }
  }

  /** One socket at a time, whoever asks. */
  async connected(): Promise<ChatClient> {
    this.read();
    if (this.#client?.open) return this.#client;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<ChatClient> {
    const client = await ChatClient.connect(this.#port, this.#identity);
    this.read();
    this.#seen = 0;
    this.#client = client;
    this.#identity ??= client.identity;
    return client;
  }

  read(): void {
    const frames = this.#client?.frames ?? [];
    for (; this.#seen < frames.length; this.#seen += 1) {
      const frame = frames[this.#seen];
      if (frame?.type !== 'message') continue;
      const id = String(frame.data?.['id']);
      if (this.texts.has(id)) this.repeats += 1;
      this.texts.set(id, String(frame.data?.['text']));
    }
  }

  close(): void {
    this.#client?.close();
  }
}

export async function runTaskChaos(options: TaskChaosOptions): Promise<TaskChaosResult> {
  const folder = temporaryFolder();
  const port = await freePort();
  writeConfig(folder.path, {
    security: { allowAll: true, rateLimit: { maxRequests: 1_000_000 } },
    agent: { maxTasks: 32 },
  });
  const args = ['--no-tui', '--agent', 'scripted', '--data-dir', folder.path, '--port', String(port)];
  const begin = async (): Promise<GatewayProcess> => {
    const process = new GatewayProcess(args);
    await process.ready(120_000);
    return process;
  };
  let gateway = await begin();
  const mark = `chaos-${port}-${Date.now()}`;
  const call = async (path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { Authorization: `Bearer ${operatorToken(folder.path)}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const list = async (): Promise<TaskView[]> => (await call('/api/background')) as TaskView[];

  const chats = Array.from({ length: options.chats }, (_, i) => new Chat(i, port));
  for (const chat of chats) await chat.connected();
  const ledger: Entry[] = [];
  const startOne = async (n: number): Promise<void> => {
    const token = `${mark}-${n}`;
    const dice = Math.random();
    const kind: Kind = dice < 0.6 ? 'fine' : dice < 0.75 ? 'fail' : dice < 0.9 ? 'program' : 'bad program';
    const ms = Math.round(10 * (options.longestMs / 10) ** Math.random());
    if (kind === 'fine' || kind === 'fail') {
      const chat = chats[n % chats.length];
      const id = await chat?.start(token, `[sleep ${ms}] ${kind === 'fail' ? '[fail] ' : ''}end of ${token}`);
      if (id !== undefined) ledger.push({ id, token, kind, chat: chat?.index, cancelled: false });
      return;
    }
    const code = kind === 'program' ? 0 : 3;
    const argv = ['sh', '-c', `sleep ${ms / 1000} & wait; echo end of ${token}; exit ${code}`];
    const answer = await call('/api/background', { command: token, argv }).catch(() => undefined);
    const id = (answer as { data?: { id?: string } } | undefined)?.data?.id;
    if (id !== undefined) ledger.push({ id, token, kind, chat: undefined, cancelled: false });
  };

  let kills = 0;
  const problems: string[] = [];
  let views: TaskView[] = [];
  try {
    let made = 0;
    while (made < options.tasks) {
      const open = (await list()).filter(({ completedAt }) => completedAt === undefined);
      const room = Math.min(options.tasks - made, OPEN_AT_ONCE - open.length);
      await Promise.all(Array.from({ length: Math.max(0, room) }, (_, i) => startOne(made + i)));
      made += Math.max(0, room);
      for (const entry of ledger.slice(-40))
        if (Math.random() < 0.03) {
          entry.cancelled = true;
          await call(`/api/tasks/${entry.id}/cancel`, {}).catch(() => {}); // it may have ended
        }
      if (kills < options.kills && made >= ((kills + 1) * options.tasks) / (options.kills + 1)) {
        await gateway.kill();
        kills += 1;
        gateway = await begin();
        options.print(`${made} tasks, ${kills} kills`);
      }
      await delay(50);
    }
    const until = Date.now() + options.longestMs * 20 + 120_000;
    for (;;) {
      views = await list();
      for (const chat of chats) (await chat.connected()) && chat.read();
      const waiting = views.filter(
        ({ completedAt, deliveredAt, silent }) =>
          completedAt === undefined || (deliveredAt === undefined && silent !== true),
      );
      if (waiting.length === 0 || Date.now() > until) break;
      await delay(200);
    }
    await delay(500); // a late double would show up now
    for (const chat of chats) chat.read();
  } finally {
    for (const chat of chats) chat.close();
    await gateway.stop();
    folder.remove();
  }
  const byId = new Map(views.map((view) => [view.id, view]));
  for (const entry of ledger) judge(entry, byId.get(entry.id), problems);
  judgeChats(chats, ledger, byId, problems);
  const left = programsLeft(mark);
  for (const line of left) problems.push(`left running: ${line}`);
  const ends: Record<string, number> = {};
  for (const { status } of views) ends[status] = (ends[status] ?? 0) + 1;
  return {
    started: ledger.length,
    ends,
    delivered: chats.reduce((sum, chat) => sum + chat.texts.size, 0),
    programsLeft: left.length,
    problems,
  };
}

/** Every acknowledged task has an end, and success means all of it. */
function judge({ id, token, kind, cancelled }: Entry, view: TaskView | undefined, problems: string[]): void {
  if (view?.completedAt === undefined) {
    problems.push(`${id} was acknowledged and has no end (${view?.status ?? 'not known'})`);
    return;
  }
  const whole = view.result?.includes(`end of ${token}`) ?? false;
  if (view.status === 'succeeded' && (kind === 'fail' || kind === 'bad program' || !whole))
    problems.push(`${id} (${kind}) counts as a success: ${view.result ?? ''}`);
  if (view.status === 'cancelled' && !cancelled) problems.push(`${id} was cancelled by nobody`);
  if (view.status === 'failed' && (kind === 'fine' || kind === 'program'))
    problems.push(`${id} (${kind}) failed: ${view.error ?? ''}`);
}

/** Each chat has read the end of its own tasks, once each, and nothing of others. */
function judgeChats(
  chats: readonly Chat[],
  ledger: readonly Entry[],
  byId: ReadonlyMap<string, TaskView>,
  problems: string[],
): void {
  const owner = new Map(ledger.map(({ id, chat }) => [id, chat]));
  const told = new Map<string, number>();
  for (const chat of chats)
    for (const text of chat.texts.values()) {
      const id = /^Task (bg-\w+)/.exec(text)?.[1] ?? '';
      told.set(id, (told.get(id) ?? 0) + 1);
      if (owner.has(id) && owner.get(id) !== chat.index) problems.push(`${id} was told to another chat`);
      if (!byId.has(id)) problems.push(`an unknown task was told of: ${text.slice(0, 80)}`);
    }
  for (const { id, chat } of ledger)
    if (chat !== undefined && told.get(id) !== 1)
      problems.push(`${id} (${byId.get(id)?.status}) was told ${told.get(id) ?? 0} times`);
}

/** Command lines of programs of this run that still exist. */
function programsLeft(mark: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(mark) ? [line.slice(0, 120)] : [];
      } catch {
        return [];
      }
    });
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      tasks: { type: 'string', default: '1000' },
      kills: { type: 'string', default: '3' },
      chats: { type: 'string', default: '8' },
      longest: { type: 'string', default: '10000' },
    },
  });
  const at = performance.now();
  const result = await runTaskChaos({
    tasks: Number(values.tasks),
    kills: Number(values.kills),
    chats: Number(values.chats),
    longestMs: Number(values.longest),
    print: (line) => process.stdout.write(`${line}\n`),
  });
  const { problems, ...figures } = result;
  process.stdout.write(
    `${JSON.stringify({ seconds: Math.round((performance.now() - at) / 1000), ...figures })}\n`,
  );
  for (const problem of problems.slice(0, 50)) process.stdout.write(`PROBLEM ${problem}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
