/**
 * Search over everything that was said: `Archive.search` on a store of many messages, with frequent, rare and absent
 * words, phrases, and scripts without blanks.
 *
 *     node bench/search.ts [messages, default 200000 and 1000000]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../src/base/log.ts';
import { SESSION_MIGRATIONS } from '../src/gateway/schema.ts';
import { Archive } from '../src/gateway/sessions/archive.ts';
import { keepLine } from '../src/gateway/sessions/said.ts';
import { Database } from '../src/store/database.ts';
import { benchRow } from './rows.ts';

const GOAL_MS = 200;
const SESSIONS = 2_000;
const RUNS = 9;
const sizes = process.argv[2] === undefined ? [200_000, 1_000_000] : [Number(process.argv[2])];
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Few words are frequent and most are rare, as in people's messages. */
const SYLLABLES = ['ka', 'lo', 'mi', 'ter', 'ron', 'sal', 'vin', 'dor', 'pex', 'una', 'gro', 'bel'];
const word = (n: number): string => {
  let out = '';
  for (let rest = n + 1; rest > 0; rest = Math.floor(rest / SYLLABLES.length))
    out += SYLLABLES[rest % SYLLABLES.length] ?? '';
  return out;
};
const JAPANESE = ['会議', '資料', '明日', '送って', 'ください', '東京', 'サーバー', '再起動', '確認', '予定'];
const THAI = ['สวัสดี', 'ประชุม', 'พรุ่งนี้', 'เซิร์ฟเวอร์', 'ช่วย', 'ตรวจสอบ'];

let seed = 7;
function below(count: number): number {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
  return ((t ^ (t >>> 14)) >>> 0) % count;
}

function text(n: number): string {
  const words = Array.from({ length: 12 }, () => word(Math.floor(20_000 ** (below(10_000) / 10_000))));
  if (n % 10 === 0) return Array.from({ length: 8 }, () => JAPANESE[below(JAPANESE.length)]).join('');
  if (n % 25 === 1) return Array.from({ length: 8 }, () => THAI[below(THAI.length)]).join('');
  return `please ${words.join(' ')}${n % 50_000 === 7 ? ' zeppelin' : ''}`;
}

async function measure(messages: number): Promise<boolean> {
  const root = mkdtempSync(join(tmpdir(), 'bench-search-'));
  const db = await Database.open({
    path: join(root, 'gateway-sessions.db'),
    migrations: SESSION_MIGRATIONS,
    log: silentLogger,
  });
  const archive = new Archive({ db, sessionFileOf: () => '', redact: (said) => said });
  for (let from = 0; from < messages; from += 5_000)
    await db.write((tx) => {
      for (let n = from; n < Math.min(messages, from + 5_000); n += 1)
        keepLine(tx, { sessionId: `s${n % SESSIONS}`, at: n, role: 'user', text: text(n), name: 'Ada' });
    });
  let started = performance.now();
  await archive.index();
  print(
    `\n${messages} messages, ${SESSIONS} sessions; index in ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  const own = Array.from({ length: 5 }, (_, n) => `s${n}`);
  const asked: readonly (readonly [string, string, (readonly string[])?])[] = [
    ['in nearly every message', 'please'],
    ['frequent', word(1)],
    ['two frequent words', `${word(1)} ${word(2)}`],
    ['rare', 'zeppelin'],
    ['the beginning of a word', 'zepp'],
    ['a frequent beginning', 'plea'],
    ['in no message', 'nothinghasthisword'],
    ['two words never together', `zeppelin ${word(19_000)} ${word(18_000)}`],
    ['Japanese, two words', '東京サーバー'],
    ['Japanese, one character', '東'],
    ['Thai', 'พรุ่งนี้'],
    ['rare, own sessions', 'zeppelin', own],
    ['in nearly every message, own sessions', 'please', own],
  ];
  let met = true;
  let slowest = 0;
  for (const [name, words, within] of asked) {
    const times: number[] = [];
    let hits = 0;
    for (let run = 0; run < RUNS; run += 1) {
      started = performance.now();
      hits = (await archive.search(words, 50, within)).length;
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    const worst = times.at(-1) ?? 0;
    met &&= worst < GOAL_MS;
    slowest = Math.max(slowest, worst);
    print(
      `${name.padEnd(40)}${(times[RUNS >> 1] ?? 0).toFixed(1).padStart(8)} ms median${worst.toFixed(1).padStart(8)} ms worst  ${String(hits).padStart(3)} hits${worst < GOAL_MS ? '' : '  OVER GOAL'}`,
    );
  }
  benchRow({
    what: `the slowest of ${asked.length} searches in ${messages.toLocaleString('en-US')} messages`,
    value: slowest,
    unit: 'ms',
    better: 'less',
    goal: GOAL_MS,
  });
  print(`resident ${Math.round(process.memoryUsage().rss / 1e6)} MB`);
  await db.close();
  rmSync(root, { recursive: true, force: true });
  return met;
}

let met = true;
for (const messages of sizes) met = (await measure(messages)) && met;
process.exitCode = met ? 0 : 1;
