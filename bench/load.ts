/**
 * Memory of the built gateway under steady load: many people, long and short messages.
 *
 *     node bench/load.ts [minutes, default 4] [messages a second, default 40] [people, default 200] [checkout, default this]
 *
 * Prints the resident memory every 15 s, and how it grew over the second half: what an hour would add at that rate. With
 * one person it is the worst that a person with access can do: texts of 900 KB, at the default rate limit.
 *
 *     node bench/load.ts 10 2 1
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';

const minutes = Number(process.argv[2] ?? 4);
const rate = Number(process.argv[3] ?? 40);
const people = Number(process.argv[4] ?? 200);
const checkout = resolve(process.argv[5] ?? join(import.meta.dirname, '..'));
const root = mkdtempSync(join(tmpdir(), 'bench-load-'));
const print = (line: string): void => void process.stdout.write(`${line}\n`);

mkdirSync(join(root, 'gateway'), { mode: 0o700 });
const security = people === 1 ? {} : { rateLimit: { maxRequests: 100_000, windowMs: 60_000 } };
const config = { security: { allowAll: true, ...security } };
writeFileSync(join(root, 'gateway', 'config.json'), JSON.stringify(config), { mode: 0o600 });
const child = spawn(
  process.execPath,
  ['dist/bin.js', '--no-tui', '--agent', 'scripted', '--data-dir', root, '--port', '0'],
  { cwd: checkout, env: { ...process.env, HOME: root }, stdio: ['ignore', 'pipe', 'inherit'] },
);
const sockets: WebSocket[] = [];
let answered = 0;
let refused = 0;

const memory = (key: 'VmRSS' | 'VmHWM'): number => {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
};

async function connect(port: number): Promise<WebSocket> {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/`);
  ws.on('message', (data) => {
    const text = String(data);
    if (text.startsWith('{"type":"response"')) answered += 1;
    else if (text.startsWith('{"type":"error"')) refused += 1;
  });
  await once(ws, 'open');
  return ws;
}

/** Every length up to the longest text that is kept after its answer: half of them short, as people write. */
function message(n: number): string {
  if (people === 1)
    return `${n} `.padEnd(900_000, `${n}${'what is wrong? '.replaceAll(' ', '-').repeat(60)} `);
  const length = n % 2 === 0 ? 20 + (n % 200) : 500 + ((n * 7919) % 15_400);
  return `${n} `.padEnd(length, 'what is wrong with the build of this branch? ');
}

/** What the data directory takes on the disk, in MB. */
function disk(): number {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const size = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return files.reduce((sum, { parentPath, name }) => sum + size(join(parentPath, name)), 0) / 1e6;
}

/** Growth in MB a minute: the line through the points of the second half. */
function slope(samples: readonly { readonly minute: number; readonly mb: number }[]): number {
  const half = samples.slice(samples.length >> 1);
  const mean = (of: (each: (typeof half)[number]) => number): number =>
    half.reduce((sum, each) => sum + of(each), 0) / half.length;
  const [x, y] = [mean(({ minute }) => minute), mean(({ mb }) => mb)];
  const above = half.reduce((sum, { minute, mb }) => sum + (minute - x) * (mb - y), 0);
  return above / half.reduce((sum, { minute }) => sum + (minute - x) ** 2, 0);
}

try {
  const lines = createInterface({ input: child.stdout });
  const port = await new Promise<number>((ready, failed) => {
    lines.on('line', (line) => {
      if (line.includes('"msg":"ready"')) ready(Number(JSON.parse(line).port));
    });
    child.once('exit', (code) => failed(new Error(`ended with ${code}`)));
  });
  for (let n = 0; n < people; n++) sockets.push(await connect(port));
  print(`${people} people, ${rate} messages/s, ${minutes} min; before: ${memory('VmRSS').toFixed(0)} MB`);
  const samples: { minute: number; mb: number }[] = [];
  const started = performance.now();
  let sent = 0;
  let shown = 0;
  await new Promise<void>((over) => {
    const timer = setInterval(() => {
      const elapsed = (performance.now() - started) / 1000;
      for (; sent < elapsed * rate; sent++)
        sockets[sent % people]?.send(
          JSON.stringify({ type: 'prompt', id: `p${sent}`, data: { message: message(sent) } }),
        );
      if (elapsed >= samples.length * 3) samples.push({ minute: elapsed / 60, mb: memory('VmRSS') });
      if (elapsed >= shown * 15) {
        print(
          `${elapsed.toFixed(0).padStart(5)} s  ${samples.at(-1)?.mb.toFixed(0)} MB  ${sent} sent, ${answered} answered, ${refused} refused, ${disk().toFixed(0)} MB on disk`,
        );
        shown += 1;
      }
      if (elapsed < minutes * 60) return;
      clearInterval(timer);
      over();
    }, 25);
  });
  const grows = slope(samples);
  print(
    `peak ${memory('VmHWM').toFixed(0)} MB; second half ${grows >= 0 ? '+' : ''}${grows.toFixed(2)} MB/min`,
  );
} finally {
  for (const socket of sockets) socket.terminate();
  child.kill('SIGKILL');
  await once(child, 'exit').catch(() => {});
  rmSync(root, { recursive: true, force: true });
}
