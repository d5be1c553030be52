/**
 * Start, memory and stop of the built gateway on a big store.
 *
 *     node bench/big-store.ts [sessions, default 200000] [messages, default 1000000] [directory to keep]
 *
 * Half of the sessions have ended. Each message has its row in the inbox, its identity and its answer in the outbox.
 * With a directory that exists already, its store is measured again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { SESSION_MIGRATIONS } from '../src/gateway/schema.ts';

const sessions = Number(process.argv[2] ?? 200_000);
const messages = Number(process.argv[3] ?? 1_000_000);
const kept = process.argv[4];
const root = kept ?? mkdtempSync(join(tmpdir(), 'bench-big-'));
const file = join(root, 'gateway-sessions.db');
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Written with node:sqlite: a file that another program wrote is taken like one of ours. */
function generate(): void {
  mkdirSync(join(root, 'gateway'), { recursive: true, mode: 0o700 });
  const config = JSON.stringify({ security: { allowAll: true } });
  writeFileSync(join(root, 'gateway', 'config.json'), config, { mode: 0o600 });
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN');
  const run = (sql: string, params: readonly (string | number | null)[] = []): void =>
    void db.prepare(sql).run(...params);
  db.exec('CREATE TABLE store_meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID');
  for (const [key, value] of [
    ['format', 1],
    ['store', 'bench'],
    ['version', 0],
    ['seq', 0],
  ] as const)
    run('INSERT INTO store_meta (key, value) VALUES (?, ?)', [key, value]);
  for (const { statements, version } of SESSION_MIGRATIONS) {
    for (const statement of statements) db.exec(statement);
    run("UPDATE store_meta SET value = ? WHERE key = 'version'", [version]);
  }
  const now = Date.now();
  const day = 24 * 60 * 60_000;
  const chatOf = (n: number): string =>
    JSON.stringify({ platform: 'telegram', accountId: 'bot', chatId: String(100_000_000 + n) });
  const session = db.prepare(
    `INSERT INTO sessions (id, key, chat, chat_kind, chat_name, sender_id, sender_name, title, created_at,
       last_user_at, ended_at, end_reason, session_file, cwd, paused, turns) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,?)`,
  );
  for (let n = 0; n < sessions; n++) {
    const ended = n % 2 === 1;
    const chat = Math.floor(n / 2);
    session.run(
      `s-${String(n).padStart(8, '0')}-4c1f9a`,
      JSON.stringify(['telegram', 'bot', String(100_000_000 + chat), null, null]),
      chatOf(chat),
      'dm',
      null,
      String(100_000_000 + chat),
      `Person ${chat}`,
      `What is the plan for day ${n % 365} of the project?`,
      now - 30 * day + n,
      now - 6 * day + n,
      ended ? now - 5 * day + n : null,
      ended ? 'idle' : null,
      `/home/gateway/.0xkobold/gateway/agent-sessions/${n}.jsonl`,
      '/home/gateway/work',
      5,
    );
  }
  const inbox = db.prepare(
    "INSERT INTO inbox (seq, id, session_id, state, message, accepted_at) VALUES (?,?,?,'done',?,?)",
  );
  const seen = db.prepare('INSERT INTO seen (key, at) VALUES (?,?)');
  const outbox = db.prepare(
    `INSERT INTO outbox (seq, id, chat, meta, parts, state, attempts, done, receipts, reply_to, created_at, settled_at)
     VALUES (?,?,?,?,?,'delivered',1,1,?,?,?,?)`,
  );
  for (let n = 1; n <= messages; n++) {
    const owner = n % sessions;
    const chat = chatOf(Math.floor(owner / 2));
    const at = now - 6 * day + n;
    const text = `Message ${n}: could you please look at the build of branch ${n % 977} and say what is wrong with it?`;
    inbox.run(
      n,
      `m-${n}`,
      `s-${String(owner).padStart(8, '0')}-4c1f9a`,
      JSON.stringify({
        chat: JSON.parse(chat),
        sender: { id: String(100_000_000 + owner), name: `Person ${owner}` },
        text,
        dedupeKey: `u${n}`,
      }),
      at,
    );
    seen.run(JSON.stringify(['telegram', 'bot', `u${n}`]), at);
    outbox.run(
      n,
      `o-${n}`,
      chat,
      JSON.stringify({ kind: 'reply', inboxId: `m-${n}` }),
      JSON.stringify([{ text: `You said: ${text} The build fails since a test waits for a port.` }]),
      JSON.stringify([`r${n}`]),
      `u${n}`,
      at,
      at + 1000,
    );
  }
  db.exec('COMMIT');
  db.close();
}

async function measure(label: string, act?: (port: number) => Promise<void>): Promise<void> {
  const started = performance.now();
  const child = spawn(
    process.execPath,
    ['dist/bin.js', '--no-tui', '--agent', 'scripted', '--data-dir', root, '--port', '0'],
    { cwd: join(import.meta.dirname, '..'), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: child.stdout });
  const port = await new Promise<number>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.includes('"msg":"ready"')) resolve(Number(JSON.parse(line).port));
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)));
  });
  const startMs = performance.now() - started;
  const memory = (): string => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    const mb = (key: string): string =>
      (Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024).toFixed(0);
    return `${mb('VmRSS')} MB (peak ${mb('VmHWM')} MB)`;
  };
  print(`${label}: start ${startMs.toFixed(0)} ms, ${memory()}`);
  await act?.(port);
  if (act !== undefined) print(`  after work: ${memory()}`);
  const stopping = performance.now();
  child.kill('SIGTERM');
  await once(child, 'exit');
  print(`  SIGTERM ${(performance.now() - stopping).toFixed(0)} ms`);
}

/** Some changes, so that a stop has something to fold. */
async function allow(port: number): Promise<void> {
  const { WebSocket } = await import('ws');
  const token = readFileSync(join(root, 'gateway', 'operator.token'), 'utf8').trim();
  const headers = { authorization: `Bearer ${token}` };
  const ws = new WebSocket(`ws://127.0.0.1:${port}/`, { headers });
  await once(ws, 'open');
  let answered = 0;
  await new Promise<void>((resolve) => {
    ws.on('message', (data) => {
      if (String(data).includes('"type":"response"') && ++answered === 20) resolve();
    });
    for (let n = 0; n < 20; n++)
      ws.send(JSON.stringify({ type: 'prompt', id: `p${n}`, data: { message: `hello ${n}` } }));
    setTimeout(resolve, 10_000).unref();
  });
  ws.close();
  const page = await fetch(`http://127.0.0.1:${port}/api/sessions?limit=100`, { headers });
  const body = await page.text();
  print(
    `  ${answered} answers; /api/sessions?limit=100: ${page.status}, ${(body.length / 1024).toFixed(0)} KiB`,
  );
}

try {
  if (!existsSync(file)) generate();
  print(`${sessions} sessions, ${messages} messages: ${(statSync(file).size / 1e6).toFixed(0)} MB`);
  await measure('first start (file of another program: checked by SQLite)');
  await measure('start after the check (the store is being written anew)', () => sleep(60_000));
  await measure('start');
  await measure('start and work', allow);
  await measure('start after work');
} finally {
  if (kept === undefined) rmSync(root, { recursive: true, force: true });
}
