/**
 * What a conversation costs with pi as a child process each and with many sessions in one host: time to start, what is
 * added to the time to the first token, and resident memory. The model is a local server, asked directly for comparison
 * in the same run.
 *
 *     node bench/agents.ts [largest number of sdk sessions, default 100]
 *     node bench/agents.ts cold [chats, default 50]    all chats write at once to an agent that has not started anything
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentBackend, type CreateAgentOptions, createAgent } from '../src/agents/create.ts';
import { silentLogger } from '../src/base/log.ts';
import type { Conversation } from '../src/gateway/agent/agent.ts';
import { bundledPi } from '../src/gateway/agent/pi-files.ts';
import { type ModelServer, startModelServer } from '../test/agents/model-server.ts';

const WARM_TURNS = 20;
const onlyCold = process.argv[2] === 'cold';
const chats = onlyCold ? Number(process.argv[3] ?? 50) : 50;
const largest = onlyCold ? 0 : Number(process.argv[2] ?? 100);
const print = (line = ''): void => void process.stdout.write(`${line}\n`);
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** Milliseconds until the first text of a turn. */
async function firstText(conversation: Conversation): Promise<number> {
  const begin = performance.now();
  let first = Number.NaN;
  const end = await conversation.run(
    { id: 'i', text: 'hello' },
    (event) => {
      if (event.type === 'text_delta' && Number.isNaN(first)) first = performance.now() - begin;
    },
    new AbortController().signal,
  );
  if (end.status !== 'answered') throw new Error(`the turn ended with ${JSON.stringify(end)}`);
  return first;
}

/** The same question without an agent, until the first byte of the stream with text. */
async function directly(server: ModelServer): Promise<number> {
  const begin = performance.now();
  const response = await fetch(`${server.url}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer test-key' },
    body: JSON.stringify({ model: 'mock', stream: true, messages: [{ role: 'user', content: 'hello' }] }),
  });
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes('You said')) break;
  }
  return performance.now() - begin;
}

/** Resident memory of all processes that we have started, in MB. */
function residentMb(): number {
  const kilobytes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        if (Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) !== process.pid) return 0;
        return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
      } catch {
        return 0; // ended meanwhile
      }
    });
  return kilobytes.reduce((sum, each) => sum + each, 0) / 1024;
}

const MAX_SESSIONS = 1000;
/** Enough for a spare child to be ready. */
const SPARE_MS = 5000;

async function make(backend: AgentBackend, server: ModelServer, options: Partial<CreateAgentOptions>) {
  const folder = mkdtempSync(join(tmpdir(), `bench-${backend}-`));
  const agent = await createAgent(backend, {
    command: [process.execPath, bundledPi() ?? ''],
    cwd: folder,
    sessionDir: join(folder, 'sessions'),
    maxChildren: 10,
    maxSessions: MAX_SESSIONS,
    idleMs: 600_000,
    startTimeoutMs: 60_000,
    log: silentLogger,
    env: server.env,
    ...options,
  });
  return { agent, folder };
}

async function timed(job: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await job();
  return performance.now() - begin;
}

/** What is left of the start of a process when another one waits for it. */
async function withSpare(server: ModelServer): Promise<void> {
  const { agent, folder } = await make('pi-rpc', server, {});
  const starts: number[] = [];
  for (let i = 0; i < 4; i++) {
    const conversation = agent.open({ id: `s${i}`, kind: 'chat', cwd: folder });
    starts.push(await timed(() => conversation.control({ type: 'usage' })));
    await sleep(SPARE_MS);
  }
  print(
    `  with a spare child: first ${starts[0]?.toFixed(0)} ms, then ${mean(starts.slice(1)).toFixed(0)} ms`,
  );
  await agent.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** All chats write at once and nothing is running yet: until the first, the middle and the last has its whole answer. */
async function cold(backend: 'auto' | 'pi-rpc' | 'pi-sdk', server: ModelServer, most: number): Promise<void> {
  const options = backend === 'auto' ? { command: [] } : {};
  const { agent, folder } = await make(backend, server, { maxChildren: most, ...options });
  let highestMb = 0;
  const look = setInterval(() => {
    highestMb = Math.max(highestMb, residentMb());
  }, 100);
  const begin = performance.now();
  const times = await Promise.all(
    Array.from({ length: chats }, async (_, i) => {
      const conversation = agent.open({ id: `c${i}`, kind: 'chat', cwd: folder, person: String(i) });
      await firstText(conversation);
      return performance.now() - begin;
    }),
  );
  clearInterval(look);
  times.sort((a, b) => a - b);
  const seconds = (ms: number | undefined): string => `${((ms ?? Number.NaN) / 1000).toFixed(2)} s`;
  const memory = Math.max(highestMb, residentMb()).toFixed(0);
  print(
    row([
      backend,
      String(most),
      seconds(times[0]),
      seconds(median(times)),
      seconds(times.at(-1)),
      `${memory} MB`,
    ]),
  );
  await agent.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function measureCold(server: ModelServer): Promise<void> {
  print(`\n${chats} chats at once, cold`);
  print(row(['', 'processes', 'first', 'median', 'all', 'resident']));
  await cold('auto', server, 4);
  await cold('pi-sdk', server, 4);
  await cold('pi-rpc', server, 4);
  await cold('pi-rpc', server, 16);
}

async function measure(backend: 'pi-rpc' | 'pi-sdk', counts: readonly number[], server: ModelServer) {
  const { agent, folder } = await make(backend, server, { spare: false, maxChildren: Math.max(...counts) });
  const open: Conversation[] = [];
  let firstMb = 0;
  print(`\n${backend}`);
  print(
    row(['live', 'start of', 'resident', 'a further', 'resident,', 'first text', 'of it']) +
      row(['', 'each', '', 'session', 'all used', 'warm', 'ours']).replace(/^/, '\n'),
  );
  for (const count of counts) {
    const starts: number[] = [];
    while (open.length < count) {
      const conversation = agent.open({ id: `s${open.length}`, kind: 'chat', cwd: folder });
      open.push(conversation);
      starts.push(await timed(() => conversation.control({ type: 'usage' })));
    }
    const idleMb = residentMb();
    const furtherKb = count === 1 ? undefined : ((idleMb - firstMb) / (count - 1)) * 1024;
    const times: { readonly turn: number; readonly bare: number }[] = [];
    for (const conversation of open)
      times.push({ turn: await firstText(conversation), bare: await directly(server) });
    // The first turn of a session loads what later ones find ready.
    const warm: typeof times = [];
    for (const conversation of open.slice(0, WARM_TURNS))
      for (let i = 0; i < WARM_TURNS / Math.min(count, WARM_TURNS); i++)
        warm.push({ turn: await firstText(conversation), bare: await directly(server) });
    // What the first session loads, all others share.
    if (count === 1) firstMb = residentMb();
    const text = median(warm.map((each) => each.turn));
    print(
      row([
        String(count),
        `${mean(starts).toFixed(1)} ms`,
        `${idleMb.toFixed(0)} MB`,
        furtherKb === undefined ? '' : `${furtherKb.toFixed(0)} KB`,
        `${residentMb().toFixed(0)} MB`,
        `${text.toFixed(1)} ms`,
        `${(text - median(warm.map((each) => each.bare))).toFixed(1)} ms`,
      ]),
    );
  }
  await agent.stop();
  rmSync(folder, { recursive: true, force: true });
}

function row(cells: readonly string[]): string {
  return cells.map((cell, i) => cell.padStart(i === 0 ? 6 : 13)).join('');
}

const server = await startModelServer();
try {
  await directly(server);
  await measureCold(server);
  if (!onlyCold) {
    await measure('pi-rpc', [1, 10], server);
    await withSpare(server);
    await measure(
      'pi-sdk',
      [1, 10, 100, 1000].filter((count) => count <= largest),
      server,
    );
  }
} finally {
  await server.stop();
}
