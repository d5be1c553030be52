/**
 * What a durable commit costs: the store against `node:sqlite` (WAL, synchronous=FULL) on the same rows in the same run;
 * how fast a journal of 100,000 records is replayed; how long compaction holds up the main thread.
 *
 *     node bench/store.ts [rounds, default 9]
 *
 * A lone writer: both sides wait for one sync a commit, but a file that grows costs the file system a journal entry of
 * its own with each sync, and a write-ahead log that is written over again and again does not. Writing ahead into
 * reserved space (measured: it brings half of that difference back) would leave a journal that does not end at its last
 * record, so it is not done.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../src/base/log.ts';
import { Database, type Migration, type SqlValue } from '../src/store/database.ts';
import { benchRow } from './rows.ts';

const rounds = Number(process.argv[2] ?? 9);
const SLICE_MS = 400;
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
  const end = started + SLICE_MS;
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
  const end = started + SLICE_MS;
  while (performance.now() < end) insert.run(...row(++id));
  const rate = (id / (performance.now() - started)) * 1000;
  db.close();
  rmSync(folder, { recursive: true });
  return rate;
}

async function commits(): Promise<void> {
  const rates = new Map<string, number[]>();
  const note = (name: string, rate: number): void => void rates.set(name, [...(rates.get(name) ?? []), rate]);
  // Short slices in turn: what else goes on on the machine meets all of them alike.
  for (let round = 0; round < rounds; round++) {
    note('node', await nodeSqlite());
    for (const writers of [1, 16, 64]) note(String(writers), await ours(writers));
  }
  const node = median(rates.get('node') ?? []);
  print(`durable commits a second (median of ${rounds} slices of ${SLICE_MS} ms)`);
  print(`  node:sqlite WAL FULL      ${node.toFixed(0).padStart(8)}`);
  for (const [writers, goal] of [
    [1, 1],
    [16, undefined],
    [64, 5],
  ] as const) {
    const rate = median(rates.get(String(writers)) ?? []);
    const times = rate / node;
    benchRow({
      what: `durable commits, ${writers} writer${writers === 1 ? '' : 's'}`,
      value: rate,
      unit: '/s',
      better: 'more',
      beside: { name: 'node:sqlite, WAL, FULL', value: node },
      ...(goal === undefined ? {} : { goal: Math.round(node * goal) }),
    });
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
  const cpu = process.cpuUsage();
  const again = await openStore(copy, Number.MAX_SAFE_INTEGER);
  const ms = performance.now() - started;
  const cpuMs = process.cpuUsage(cpu).user / 1000;
  const count = again.get('SELECT count(*) AS n FROM inbox')?.['n'];
  print(
    `replay of ${count} records (${(again.stats().journalBytes / 1e6).toFixed(1)} MB)  ${ms.toFixed(0)} ms (${cpuMs.toFixed(0)} ms of processor)  goal < 1000: ${ms < 1000 ? 'met' : 'MISSED'}`,
  );
  benchRow({
    what: `replay of ${REPLAY_RECORDS.toLocaleString('en-US')} records`,
    value: ms,
    unit: 'ms',
    better: 'less',
    goal: 1000,
  });
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
  let id = REPLAY_RECORDS;
  const heldUp = { without: [] as number[], with: [] as number[] };
  const took: number[] = [];
  for (let repeat = 0; repeat < 5; repeat++) {
    let writing = true;
    const writers = Array.from({ length: 4 }, async () => {
      while (writing) {
        const values = row(++id);
        await db.write((tx) => tx.run(INSERT, values));
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const quiet = watchLoop();
    await new Promise((resolve) => setTimeout(resolve, 500));
    heldUp.without.push(quiet());
    const busy = watchLoop();
    const started = performance.now();
    await db.compact();
    took.push(performance.now() - started);
    heldUp.with.push(busy());
    writing = false;
    await Promise.all(writers);
  }
  await db.close();
  const [without, during] = [median(heldUp.without), median(heldUp.with)];
  benchRow({
    what: 'longest hold-up of the main thread during a compaction',
    value: during,
    unit: 'ms',
    better: 'less',
    beside: { name: 'the same without', value: without },
    goal: 15,
  });
  print(`longest hold-up of the main thread while 4 write (median of 5)`);
  print(`  without compaction        ${without.toFixed(1)} ms`);
  print(
    `  during compaction         ${during.toFixed(1)} ms  (which takes ${median(took).toFixed(0)} ms)  goal < 20: ${during < 20 ? 'met' : 'MISSED'}`,
  );
}

const load = (): string => `${(loadavg()[0] ?? 0).toFixed(1)} on ${availableParallelism()} cores`;

print(`load average ${load()} at the start: much more than this program's own makes the figures worthless`);
try {
  await commits();
  await replay();
  await compaction();
  print(`load average ${load()} at the end`);
} finally {
  rmSync(root, { recursive: true, force: true });
}
