/**
 * What a durable commit costs: the store against `node:sqlite` (WAL, synchronous=FULL) on the same rows in the same run;
 * how fast a journal of 100,000 records is replayed; how long compaction holds up the main thread.
 *
 *     node bench/store.ts [seconds a measurement, default 1]
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../src/gateway/log.ts';
import { Database, type Migration, type SqlValue } from '../src/gateway/store/database.ts';

const seconds = Number(process.argv[2] ?? 1);
const ROUNDS = 3;
const REPLAY_RECORDS = 100_000;
const INSERT = 'INSERT INTO inbox (id, chat, sender, text, received_at) VALUES (?, ?, ?, ?, ?)';
const SCHEMA =
  'CREATE TABLE inbox (id INTEGER PRIMARY KEY, chat TEXT NOT NULL, sender TEXT NOT NULL, text TEXT NOT NULL, received_at INTEGER NOT NULL)';
const migrations: readonly Migration[] = [{ version: 1, name: 'inbox', statements: [SCHEMA] }];

const root = mkdtempSync(join(tmpdir(), 'bench-store-'));
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

function row(id: number): SqlValue[] {
  return [
    id,
    `chat-${id % 50}`,
    `user-${id % 300}`,
    `message ${id}: ${'words '.repeat(15)}`,
    1_795_000_000_000 + id,
  ];
}

function openStore(folder: string, compactAfterBytes?: number): Promise<Database> {
  return Database.open({
    path: join(folder, 'gateway-sessions.db'),
    migrations,
    log: silentLogger,
    ...(compactAfterBytes === undefined ? {} : { compactAfterBytes }),
  });
}

/** Commits a second with `writers` that each start their next commit when the last is on the disk. */
async function ours(writers: number): Promise<number> {
  const folder = mkdtempSync(join(root, 'ours-'));
  const db = await openStore(folder);
  let id = 0;
  const started = performance.now();
  const end = started + seconds * 1000;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (performance.now() < end) {
        const values = row(++id);
        await db.write((tx) => tx.run(INSERT, values));
      }
    }),
  );
  const rate = (id / (performance.now() - started)) * 1000;
  await db.close();
  rmSync(folder, { recursive: true });
  return rate;
}

/** The same rows through node:sqlite. It is synchronous: any number of writers are one after another. */
async function nodeSqlite(): Promise<number> {
  const { DatabaseSync } = await import('node:sqlite');
  const folder = mkdtempSync(join(root, 'node-'));
  const db = new DatabaseSync(join(folder, 'node.db'));
  db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
  db.exec(SCHEMA);
  const insert = db.prepare(INSERT);
  let id = 0;
  const started = performance.now();
  const end = started + seconds * 1000;
  while (performance.now() < end) insert.run(...row(++id));
  const rate = (id / (performance.now() - started)) * 1000;
  db.close();
  rmSync(folder, { recursive: true });
  return rate;
}

async function commits(): Promise<void> {
  const rates = new Map<string, number[]>();
  const note = (name: string, rate: number): void => void rates.set(name, [...(rates.get(name) ?? []), rate]);
  for (let round = 0; round < ROUNDS; round++) {
    note('node', await nodeSqlite());
    for (const writers of [1, 16, 64]) note(String(writers), await ours(writers));
  }
  const node = median(rates.get('node') ?? []);
  print(`durable commits a second (median of ${ROUNDS})`);
  print(`  node:sqlite WAL FULL      ${node.toFixed(0).padStart(8)}`);
  for (const [writers, goal] of [
    [1, 1],
    [16, undefined],
    [64, 5],
  ] as const) {
    const rate = median(rates.get(String(writers)) ?? []);
    const times = rate / node;
    const verdict = goal === undefined ? '' : `goal >= ${goal}x: ${times >= goal ? 'met' : 'MISSED'}`;
    print(
      `  ours, ${String(writers).padStart(2)} writers          ${rate.toFixed(0).padStart(8)}  ${times.toFixed(2)}x  ${verdict}`,
    );
  }
}

async function fill(db: Database, records: number): Promise<void> {
  for (let id = 0; id < records; ) {
    const burst: Promise<number>[] = [];
    for (let i = 0; i < 1000 && id < records; i++) {
      const values = row(++id);
      burst.push(db.write((tx) => tx.run(INSERT, values)));
    }
    await Promise.all(burst);
  }
}

async function replay(): Promise<void> {
  const folder = mkdtempSync(join(root, 'replay-'));
  const copy = `${folder}-copy`;
  const db = await openStore(folder, Number.MAX_SAFE_INTEGER);
  await fill(db, REPLAY_RECORDS);
  cpSync(folder, copy, { recursive: true });
  await db.close();
  const started = performance.now();
  const again = await openStore(copy, Number.MAX_SAFE_INTEGER);
  const ms = performance.now() - started;
  const count = again.get('SELECT count(*) AS n FROM inbox')?.['n'];
  print(
    `replay of ${count} records (${(again.stats().journalBytes / 1e6).toFixed(1)} MB)  ${ms.toFixed(0)} ms  goal < 1000: ${ms < 1000 ? 'met' : 'MISSED'}`,
  );
  const closing = performance.now();
  await again.close();
  print(`  clean stop with snapshot  ${(performance.now() - closing).toFixed(0)} ms`);
  const opening = performance.now();
  await (await openStore(copy)).close();
  print(`  start from the snapshot   ${(performance.now() - opening).toFixed(0)} ms`);
}

/** Longest time in which a timer of 1 ms could not fire. */
function watchLoop(): () => number {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  return () => {
    clearInterval(timer);
    return longest;
  };
}

async function compaction(): Promise<void> {
  const db = await openStore(mkdtempSync(join(root, 'compact-')), Number.MAX_SAFE_INTEGER);
  await fill(db, REPLAY_RECORDS);
  for (const during of [false, true]) {
    let writing = true;
    let id = REPLAY_RECORDS * (during ? 2 : 1);
    const writers = Array.from({ length: 4 }, async () => {
      while (writing) {
        const values = row(++id);
        await db.write((tx) => tx.run(INSERT, values));
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const stop = watchLoop();
    const started = performance.now();
    if (during) await db.compact();
    else await new Promise((resolve) => setTimeout(resolve, 1000));
    const longest = stop();
    const ms = performance.now() - started;
    writing = false;
    await Promise.all(writers);
    const what = during ? 'compaction while 4 write' : 'no compaction, 4 write  ';
    const verdict = during ? `goal < 20: ${longest < 20 ? 'met' : 'MISSED'}` : '';
    print(`${what}  ${ms.toFixed(0)} ms, main thread held up at most ${longest.toFixed(1)} ms  ${verdict}`);
  }
  await db.close();
}

try {
  await commits();
  await replay();
  await compaction();
} finally {
  rmSync(root, { recursive: true, force: true });
}
