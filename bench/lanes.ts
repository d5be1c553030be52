/**
 * 1,000 sessions with 10 waiting messages each, through the whole core in one process: durable inbox, lanes, scripted
 * agent of 50 ms, durable outbox, an adapter that delivers at once. How near the turns come to what the turn slots
 * allow, whether every session waits equally long, and what a session costs in memory once it is idle.
 * Compared in the same run with one queue for everybody (as `p-limit` with a lock per session would do it), in memory
 * alone and with shorter turns: it keeps slots busy with waiting, and serves whoever came first.
 *
 * Run it: node --expose-gc bench/lanes.ts [--sessions 1000] [--waiting 10] [--slots 16] [--idle 5000]
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createScriptedAgent } from '../src/agents/scripted/scripted.ts';
import { silentLogger } from '../src/base/log.ts';
import { resolveSettings } from '../src/gateway/config/settings.ts';
import { EventStream } from '../src/gateway/events.ts';
import { Gateway } from '../src/gateway/gateway.ts';
import { LogHub } from '../src/gateway/log-hub.ts';
import { SECURITY_MIGRATIONS, SESSION_MIGRATIONS, TASK_MIGRATIONS } from '../src/gateway/schema.ts';
import { Redactor } from '../src/gateway/send/egress.ts';
import { TurnSlots } from '../src/gateway/turns/turn-queue.ts';
import { dataFolder } from '../src/store/data-folder.ts';
import { Database, type Migration } from '../src/store/database.ts';
import { InTestAdapter } from '../test/gateway/in-test-adapter.ts';
import { TestPlatform } from '../test/gateway/test-platform.ts';
import { benchRow } from './rows.ts';

const { values } = parseArgs({
  options: {
    sessions: { type: 'string' },
    waiting: { type: 'string' },
    slots: { type: 'string' },
    idle: { type: 'string' },
  },
});
const sessions = Number(values.sessions ?? 1000);
const waiting = Number(values.waiting ?? 10);
const slots = Number(values.slots ?? 16);
const idle = Number(values.idle ?? 5000);
const TURN_MS = 50;

/** Delivers at once and remembers nothing. */
class Sink extends TestPlatform {
  delivered = 0;
  override async send(): Promise<string> {
    this.delivered += 1;
    return String(this.delivered);
  }
}

interface World {
  readonly gateway: Gateway;
  readonly adapter: InTestAdapter;
  readonly sink: Sink;
  readonly events: EventStream;
  close(): Promise<void>;
}

async function open(turnMs: number): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-lanes-'));
  mkdirSync(join(folder, 'gateway'), { recursive: true });
  const store = (name: string, migrations: readonly Migration[]): Promise<Database> =>
    Database.open({ path: join(folder, `${name}.db`), migrations, log: silentLogger });
  const config = {
    security: { allowAll: true, rateLimit: { maxRequests: 10_000_000 } },
    agent: { maxConcurrent: slots },
  };
  const base = resolveSettings(config, {}, {}, folder);
  const events = new EventStream();
  const sink = new Sink();
  const adapter = new InTestAdapter('telegram', sink, { edit: false, typing: false });
  const redactor = new Redactor();
  const gateway = new Gateway({
    settings: { ...base, enabled: (platform) => platform === 'telegram' },
    folder: dataFolder(folder, {}),
    stores: {
      sessions: await store('sessions', SESSION_MIGRATIONS),
      security: await store('security', SECURITY_MIGRATIONS),
      tasks: await store('tasks', TASK_MIGRATIONS),
    },
    agent: createScriptedAgent({ delayMs: turnMs }),
    createAdapter: async () => adapter,
    events,
    logs: new LogHub({ level: 'warn', clock: Date.now, events, redactor }),
    redactor,
    clock: Date.now,
    version: '0.0.0',
    demo: false,
  });
  await gateway.start();
  await gateway.connect();
  return {
    gateway,
    adapter,
    sink,
    events,
    close: async () => {
      await gateway.stop(1000);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

let ids = 0;
function say({ adapter }: World, chatId: string): Promise<void> {
  ids += 1;
  const id = String(ids);
  return (
    adapter.host?.accept({
      dedupeKey: id,
      chat: { platform: 'telegram', accountId: 'default', chatId },
      chatKind: 'dm',
      sender: { id: chatId, name: chatId },
      text: `/queue message ${id}`,
      messageId: id,
      mentioned: true,
    }) ?? Promise.reject(new Error('the adapter does not run'))
  );
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** The longest wait of each session; with ten messages a session that is its 99th percentile. */
function fairness(waits: ReadonlyMap<string, readonly number[]>): string {
  const worst = [...waits.values()].map((each) => Math.max(...each));
  const most = Math.max(...worst);
  const least = Math.min(...worst);
  return `p99 wait of a session ${least.toFixed(0)} to ${most.toFixed(0)} ms, max/min ${(most / least).toFixed(2)}`;
}

const rate = (turns: number, elapsedMs: number, ideal: number): string => {
  const perSecond = (turns / elapsedMs) * 1000;
  return `${perSecond.toFixed(1)} turns/s, ${((perSecond / ideal) * 100).toFixed(1)} % of the ideal ${ideal.toFixed(1)}`;
};

/** What the turn slots allow: the same turns of the same agent, and nothing but the slots. */
async function ideal(turnMs: number, turns: number): Promise<number> {
  const agent = createScriptedAgent({ delayMs: turnMs });
  const gate = new TurnSlots(slots);
  const began = performance.now();
  await Promise.all(
    Array.from({ length: turns }, async (_, i) => {
      const conversation = agent.open({ id: String(i), kind: 'chat', cwd: '.' });
      const release = await gate.acquire();
      await conversation.run({ id: String(i), text: 'x' }, () => {}, new AbortController().signal);
      release?.();
    }),
  );
  return (turns / (performance.now() - began)) * 1000;
}

async function lanes(): Promise<void> {
  const world = await open(TURN_MS);
  const accepted = new Map<string, number[]>();
  const waits = new Map<string, number[]>();
  let first = 0;
  let last = 0;
  world.events.subscribe((event) => {
    if (event.type === 'inbound' && event.sessionId !== undefined) {
      const times = accepted.get(event.sessionId) ?? [];
      times.push(performance.now());
      accepted.set(event.sessionId, times);
    }
    if (event.type !== 'turn') return;
    last = performance.now();
    if (event.event.type !== 'started') return;
    first ||= last;
    const own = waits.get(event.sessionId) ?? [];
    own.push(last - (accepted.get(event.sessionId)?.[own.length] ?? last));
    waits.set(event.sessionId, own);
  });
  // Each session sends all of its messages before the next one sends its first.
  for (let at = 0; at < sessions; at += 50) {
    const some = Array.from({ length: Math.min(50, sessions - at) }, (_, i) => `chat-${at + i}`);
    await Promise.all(some.flatMap((chat) => Array.from({ length: waiting }, () => say(world, chat))));
  }
  while (world.sink.delivered < sessions * waiting) await pause(20);
  const bare = await ideal(TURN_MS, slots * 100);
  print(`lanes                ${rate(sessions * waiting, last - first, bare)}`);
  const perSecond = (sessions * waiting * 1000) / (last - first);
  benchRow({
    what: `turns of ${TURN_MS} ms in ${slots} slots, ${sessions} sessions`,
    value: perSecond,
    unit: '/s',
    better: 'more',
    beside: { name: 'the bare slots', value: bare },
    goal: Math.round(bare * 0.95),
  });
  print(`                     ${fairness(waits)}`);
  await world.close();
}

/** One queue for everybody: a job takes a slot, then waits there for its session. */
async function oneQueue(): Promise<void> {
  const turnMs = 5;
  const count = Math.min(sessions, 200);
  const tails = new Map<string, Promise<void>>();
  const waits = new Map<string, number[]>();
  const queue = Array.from({ length: count * waiting }, (_, i) => `chat-${Math.floor(i / waiting)}`);
  const began = performance.now();
  const worker = async (): Promise<void> => {
    for (let chat = queue.shift(); chat !== undefined; chat = queue.shift()) {
      const name = chat;
      const turn = (tails.get(name) ?? Promise.resolve()).then(async () => {
        waits.set(name, [...(waits.get(name) ?? []), performance.now() - began]);
        await pause(turnMs);
      });
      tails.set(name, turn);
      await turn;
    }
  };
  await Promise.all(Array.from({ length: slots }, worker));
  const elapsed = performance.now() - began;
  print(`one queue (${turnMs} ms)     ${rate(count * waiting, elapsed, await ideal(turnMs, slots * 100))}`);
  print(`                     ${fairness(waits)}`);
}

function heap(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

async function memory(): Promise<void> {
  const world = await open(0);
  const fill = async (from: number, count: number): Promise<void> => {
    for (let at = from; at < from + count; at += 100)
      await Promise.all(Array.from({ length: 100 }, (_, i) => say(world, `idle-${at + i}`)));
    while (world.sink.delivered < from + count) await pause(20);
    await pause(500);
  };
  // The first ones fill everything whose size is bounded: transcripts, paces, statements.
  await fill(0, 3000);
  const before = heap();
  await fill(3000, idle);
  print(`an idle session      ${((heap() - before) / idle / 1024).toFixed(2)} KB of heap`);
  await world.close();
}

print(`${sessions} sessions with ${waiting} messages each, ${slots} slots, turns of ${TURN_MS} ms`);
await lanes();
await oneQueue();
if (globalThis.gc === undefined) print('an idle session      not measured: run it with --expose-gc');
else await memory();
