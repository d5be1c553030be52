/**
 * Background tasks under load. Run: node bench/tasks.ts
 *
 * 1. Ten thousand reports of progress a second from eight running tasks, stored on disk and folded into a console's
 *    projection that publishes four times a second; beside it the same reports without coalescing: each a commit and an
 *    event of its own.
 * 2. The list of 50,000 tasks: the snapshot's rows from memory, beside reading them from the table.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createScriptedAgent } from '../src/agents/scripted/scripted.ts';
import { silentLogger } from '../src/base/log.ts';
import type { Agent, AgentEvent } from '../src/gateway/agent/agent.ts';
import { nobodyToAsk } from '../src/gateway/agent/question.ts';
import { EventStream } from '../src/gateway/events.ts';
import { TASK_MIGRATIONS } from '../src/gateway/schema.ts';
import {
  insertTask,
  newTask,
  storeProgress,
  storeSteps,
  storeTask,
  taskOf,
  taskView,
} from '../src/gateway/tasks/task-record.ts';
import { Tasks } from '../src/gateway/tasks/tasks.ts';
import { Database } from '../src/store/database.ts';
import { Projection } from '../src/tui/state/projection.ts';
import { snapshotOf } from '../test/tui/fixtures.ts';
import { figure, report } from './measure.ts';

const RATE = 10_000;
const SECONDS = 5;
const RUNNING = 8;
const ROWS = 50_000;

interface Load {
  readonly reports: number;
  readonly perSecond: number;
  readonly cpuPercent: number;
  readonly loopP99Ms: number;
  readonly commits: number;
  readonly events: number;
}

/** An agent whose turns report progress when the bench says so. */
class Reporter implements Agent {
  readonly backend = 'scripted' as const;
  readonly listeners: ((event: AgentEvent) => void)[] = [];
  readonly #inner = createScriptedAgent();
  readonly check = this.#inner.check.bind(this.#inner);
  readonly stop = this.#inner.stop.bind(this.#inner);
  open: Agent['open'] = (spec) => {
    const conversation = this.#inner.open(spec);
    conversation.run = (_input, listener, signal) => {
      this.listeners.push(listener);
      return new Promise((resolve) =>
        signal.addEventListener('abort', () => resolve({ status: 'aborted' }), { once: true }),
      );
    };
    return conversation;
  };
}

async function withStore<T>(work: (db: Database) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-tasks-'));
  const db = await Database.open({
    path: join(folder, 'tasks.db'),
    migrations: TASK_MIGRATIONS,
    log: silentLogger,
  });
  try {
    return await work(db);
  } finally {
    await db.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Sends reports at the rate for some seconds, in slices of 10 ms, and measures what that costs this thread. */
async function load(db: Database, events: EventStream, send: (n: number) => void): Promise<Load> {
  const projection = new Projection(snapshotOf());
  let told = 0;
  const end = events.subscribe((event) => {
    told += 1;
    projection.fold(event, Date.now());
  });
  const publish = setInterval(() => projection.publish(Date.now(), { kind: 'local', connected: true }), 250);
  const delays: number[] = [];
  const before = db.stats().commits;
  const busy = process.cpuUsage();
  const start = performance.now();
  let sent = 0;
  let due = start;
  while (performance.now() - start < SECONDS * 1000) {
    due += 10;
    const want = Math.min(RATE * SECONDS, Math.floor(((performance.now() - start) / 1000) * RATE));
    for (; sent < want; sent += 1) send(sent);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    delays.push(Math.max(0, performance.now() - due));
  }
  await db.flushed();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(busy);
  clearInterval(publish);
  end();
  delays.sort((a, b) => a - b);
  return {
    reports: sent,
    perSecond: sent / (wall / 1000),
    cpuPercent: ((user + system) / 1000 / wall) * 100,
    loopP99Ms: delays[Math.floor(delays.length * 0.99)] ?? 0,
    commits: db.stats().commits - before,
    events: told,
  };
}

const product = await withStore(async (db) => {
  const events = new EventStream();
  const agent = new Reporter();
  const tasks = new Tasks({
    db,
    agent,
    agentOf: () => ({
      cwd: process.cwd(),
      model: undefined,
      thinking: undefined,
      tools: undefined,
      systemPrompt: undefined,
      context: 'brief',
      files: 'session',
    }),
    used: () => {},
    ask: () => nobodyToAsk,
    parallel: RUNNING,
    clock: Date.now,
    events,
    log: silentLogger,
    decide: () => {},
    persist: (body) => db.write(body),
    deliver: async () => {},
    changed: () => {},
  });
  for (let i = 0; i < RUNNING; i += 1)
    await tasks.start({ command: `task ${i}`, parentSessionId: null, chat: undefined });
  while (agent.listeners.length < RUNNING) await new Promise((resolve) => setTimeout(resolve, 5));
  const result = await load(db, events, (n) =>
    agent.listeners[n % RUNNING]?.({ type: 'progress', percent: n % 100, message: `step ${n}` }),
  );
  await tasks.stop();
  return result;
});

const each = await withStore(async (db) => {
  const events = new EventStream();
  const records = Array.from({ length: RUNNING }, (_, i) =>
    newTask({
      id: `t${i}`,
      parentSessionId: null,
      chat: undefined,
      senderId: undefined,
      command: 'x',
      createdAt: 0,
    }),
  );
  await db.write((tx) => {
    for (const task of records) insertTask(tx, task);
  });
  return load(db, events, (n) => {
    const task = records[n % RUNNING];
    if (task === undefined) return;
    task.progress = n % 100;
    task.progressMessage = `step ${n}`;
    void db.write((tx) => {
      storeProgress(tx, task);
      storeSteps(tx, task.id, n, [{ at: 0, percent: task.progress, text: task.progressMessage ?? '' }]);
    });
    events.emit({ type: 'task', task: taskView(task) });
  });
});

const print = (name: string, { perSecond, cpuPercent, loopP99Ms, commits, events }: Load): void => {
  process.stdout.write(
    `${name.padEnd(14)} ${perSecond.toFixed(0).padStart(7)} reports/s  CPU ${cpuPercent.toFixed(0).padStart(3)} %  loop p99 ${loopP99Ms.toFixed(1).padStart(6)} ms  ${String(commits).padStart(6)} commits  ${String(events).padStart(6)} events\n`,
  );
};
process.stdout.write(`Progress at ${RATE} reports a second for ${SECONDS} s\n`);
print('coalesced', product);
print('one by one', each);

await withStore(async (db) => {
  for (let at = 0; at < ROWS; at += 5000)
    await db.write((tx) => {
      for (let i = at; i < at + 5000; i += 1) {
        const task = newTask({
          id: `t${i}`,
          parentSessionId: null,
          chat: { platform: 'telegram', accountId: 'default', chatId: String(i % 100) },
          senderId: 'ada',
          command: `read the logs of day ${i} and sum them up`,
          createdAt: i,
        });
        insertTask(tx, task);
        storeTask(tx, {
          ...task,
          status: 'succeeded',
          result: `nothing to see on day ${i}`,
          completedAt: i,
          deliveredAt: i,
        });
      }
    });
  const tasks = new Tasks({
    db,
    agent: undefined,
    agentOf: () => {
      throw new Error('not used');
    },
    used: () => {},
    ask: () => nobodyToAsk,
    clock: Date.now,
    events: new EventStream(),
    log: silentLogger,
    decide: () => {},
    persist: (body) => db.write(body),
    deliver: async () => {},
    changed: () => {},
  });
  tasks.load();
  report(
    `A list of ${ROWS} tasks`,
    [
      figure('rows from memory', () => `${tasks.views().length} rows`),
      figure('rows from the table', () => {
        const rows = db.all('SELECT * FROM tasks ORDER BY created_at').map(taskOf).map(taskView);
        return `${rows.length} rows`;
      }),
    ],
    10,
  );
});
