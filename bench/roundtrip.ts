/**
 * Prompts per second and latency through everything: WebSocket, durable inbox, scripted agent, durable outbox, back.
 * Run it: npm run bench:roundtrip [-- --clients 64 --seconds 10]
 * Compared in the same run with a bare WebSocket echo server (what the sockets alone cost on this machine), and with the
 * store in PostgreSQL where that is installed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import WebSocket, { WebSocketServer } from 'ws';
import { freePort, GatewayProcess, temporaryFolder, writeConfig } from '../test/support/gateway-process.ts';
import { Postgres, postgresPrograms } from '../test/support/postgres.ts';
import { benchRow } from './rows.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string' },
    seconds: { type: 'string' },
    depth: { type: 'string' },
    echo: { type: 'string' },
  },
});

if (values.echo !== undefined) echoServer(Number(values.echo));
else await main(Number(values.clients ?? 64), Number(values.seconds ?? 8), Number(values.depth ?? 1));

async function main(clients: number, seconds: number, depth: number): Promise<void> {
  const echoPort = await freePort();
  const echo: ChildProcess = spawn(process.execPath, [import.meta.filename, '--echo', String(echoPort)], {
    stdio: 'ignore',
  });
  await listening(echoPort);
  const bare = await load(echoPort, clients, seconds / 2, depth);
  report('bare echo server   ', bare);
  echo.kill();

  const files = await gateway('gateway, durable   ', {}, clients, seconds, depth);
  benchRow({
    what: `WebSocket prompts, ${clients} clients`,
    value: files.many.perSecond,
    unit: '/s',
    better: 'more',
    beside: { name: 'bare WebSocket echo', value: bare.perSecond },
    goal: 3000,
  });
  benchRow({
    what: 'WebSocket prompt, one client, p50',
    value: files.one.p50,
    unit: 'ms',
    better: 'less',
    goal: 1.2,
  });
  if (postgresPrograms() === undefined)
    return void process.stdout.write('PostgreSQL is not installed here\n');
  const postgres = await Postgres.start();
  try {
    const store = { store: { url: postgres.url } };
    const rows = await gateway('with PostgreSQL    ', store, clients, seconds, depth);
    const share = (rows.many.perSecond / files.many.perSecond).toFixed(2);
    const times = (rows.one.p50 / files.one.p50).toFixed(2);
    process.stdout.write(
      `PostgreSQL against files: ${share} of the prompts per second, p50 of one client ${times} times as long\n`,
    );
  } finally {
    await postgres.stop();
  }
}

async function gateway(
  name: string,
  config: object,
  clients: number,
  seconds: number,
  depth: number,
): Promise<{ many: Result; one: Result }> {
  const folder = temporaryFolder();
  const port = await freePort();
  writeConfig(folder.path, {
    security: { allowAll: true, rateLimit: { maxRequests: 10_000_000 } },
    platforms: { websocket: { busyMode: 'queue' } },
    agent: { maxConcurrent: 16 },
    ...config,
  });
  const running = new GatewayProcess([
    '--no-tui',
    '--agent',
    'scripted',
    '--data-dir',
    folder.path,
    '--port',
    String(port),
  ]);
  await running.ready();
  await load(port, clients, 2, depth); // warm up
  const many = await load(port, clients, seconds, depth);
  report(name, many);
  const one = await load(port, 1, 2, 1);
  report(`${name.trimEnd()}, one client`, one);
  await running.stop();
  folder.remove();
  return { many, one };
}

/** Resolves when something accepts connections there. */
async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
      socket.on('open', () => {
        socket.close();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}`);
}

interface Result {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

function report(name: string, { perSecond, p50, p99 }: Result): void {
  process.stdout.write(
    `${name}  ${Math.round(perSecond)} prompts/s   p50 ${p50.toFixed(2)} ms   p99 ${p99.toFixed(2)} ms\n`,
  );
}

async function load(port: number, clients: number, seconds: number, depth: number): Promise<Result> {
  const times: number[] = [];
  const until = performance.now() + seconds * 1000;
  const began = performance.now();
  await Promise.all(Array.from({ length: clients }, () => talk(port, until, depth, times)));
  const elapsed = (performance.now() - began) / 1000;
  times.sort((a, b) => a - b);
  const at = (q: number): number => times[Math.min(times.length - 1, Math.floor(times.length * q))] ?? 0;
  return { perSecond: times.length / elapsed, p50: at(0.5), p99: at(0.99) };
}

function talk(port: number, until: number, depth: number, times: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    const sent = new Map<string, number>();
    let count = 0;
    const next = (): void => {
      if (performance.now() >= until) {
        if (sent.size === 0) socket.close();
        return;
      }
      count += 1;
      sent.set(String(count), performance.now());
      socket.send(JSON.stringify({ type: 'prompt', id: String(count), data: { message: `hello ${count}` } }));
    };
    socket.on('open', () => {
      for (let i = 0; i < depth; i += 1) next();
    });
    socket.on('message', (raw) => {
      const text = raw.toString();
      if (!text.startsWith('{"type":"response"') && !text.startsWith('{"type":"error"')) return;
      const frame = JSON.parse(text) as { id?: string };
      const at = sent.get(frame.id ?? '');
      if (at === undefined) return;
      sent.delete(frame.id ?? '');
      times.push(performance.now() - at);
      next();
    });
    socket.on('close', () => resolve());
    socket.on('error', reject);
  });
}

function echoServer(port: number): void {
  new WebSocketServer({ host: '127.0.0.1', port }).on('connection', (socket) => {
    socket.on('message', (raw) => {
      const frame = JSON.parse(raw.toString()) as { id: string; data: { message: string } };
      socket.send(
        JSON.stringify({ type: 'response', id: frame.id, data: { text: `You said: ${frame.data.message}` } }),
      );
    });
  });
}
