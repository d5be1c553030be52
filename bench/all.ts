/**
 * Runs the benches one after another, prints one table and writes `bench/results.json`, from which
 * `docs/benchmarks.md` is made (`npm run docs`).
 *
 * Run it: npm run bench [-- --full] [-- --only startup,store] [-- --keep]
 * Quick by default: short runs and small numbers. `--full` takes about half an hour. `--keep` writes no file.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BenchProgram, type BenchResults, type BenchRow, cellsOf } from './rows.ts';

interface Bench {
  readonly name: string;
  readonly quick: readonly string[];
  readonly full: readonly string[];
  readonly node?: readonly string[];
}

const BENCHES: readonly Bench[] = [
  { name: 'startup', quick: ['--runs', '3'], full: ['--runs', '9'] },
  { name: 'store', quick: ['3'], full: ['9'] },
  { name: 'roundtrip', quick: ['--seconds', '3'], full: ['--seconds', '10'] },
  { name: 'platform-roundtrip', quick: ['--seconds', '3', '--rate', '200'], full: ['--seconds', '10'] },
  { name: 'whole-way', quick: ['--chats', '1,20', '--messages', '2'], full: ['--chats', '1,20,200'] },
  { name: 'openclaw', quick: ['--runs', '1'], full: ['--runs', '5'] },
  {
    name: 'lanes',
    node: ['--expose-gc'],
    quick: ['--sessions', '100', '--idle', '500'],
    full: [],
  },
  { name: 'search', quick: ['20000'], full: [] },
  { name: 'markdown', quick: [], full: [] },
  { name: 'chunk', quick: [], full: [] },
];

const LONGEST_MS = { quick: 120_000, full: 900_000 } as const;

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    keep: { type: 'boolean', default: false },
  },
});
const mode = values.full ? 'full' : 'quick';
const wanted =
  values.only === '' ? BENCHES : BENCHES.filter(({ name }) => values.only.split(',').includes(name));
const folder = mkdtempSync(join(tmpdir(), 'bench-'));

async function run({ name, quick, full, node = [] }: Bench): Promise<BenchProgram> {
  const out = join(folder, name);
  const began = performance.now();
  const child = spawn(
    process.execPath,
    [...node, join(import.meta.dirname, `${name}.ts`), ...(mode === 'full' ? full : quick)],
    { env: { ...process.env, BENCH_OUT: out }, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS[mode]);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  clearTimeout(timer);
  const seconds = Math.round((performance.now() - began) / 1000);
  const lines = existsSync(out) ? readFileSync(out, 'utf8').trim().split('\n') : [];
  const noted = lines
    .filter((line) => line !== '')
    .map((line): BenchRow & { skipped?: string } => JSON.parse(line));
  const reasons = noted.flatMap(({ skipped }) => skipped ?? []);
  // A program that only says that a goal was missed has its figures.
  if (code === null) reasons.push(`stopped after ${LONGEST_MS[mode] / 1000} s`);
  else if (code !== 0 && noted.length === 0) reasons.push(`it ended with ${code}`);
  return {
    name,
    seconds,
    ...(reasons.length === 0 ? {} : { skipped: reasons.join('; ') }),
    rows: noted.filter(({ skipped }) => skipped === undefined),
  };
}

const load = (): number => Math.round((loadavg()[0] ?? 0) * 10) / 10;
const loadBefore = load();
const programs: BenchProgram[] = [];
for (const bench of wanted) {
  process.stdout.write(`\n== ${bench.name}\n`);
  programs.push(await run(bench));
}
rmSync(folder, { recursive: true, force: true });

const head = ['program', 'what', 'measured', 'alternative in the same run', 'ratio', 'goal'];
const rows = programs.flatMap(({ name, rows: all }) => all.map((row) => cellsOf(name, row)));
const widths = head.map((cell, n) => Math.max(cell.length, ...rows.map((row) => (row[n] ?? '').length)));
const line = (cells: readonly string[]): string =>
  cells
    .map((cell, n) => cell.padEnd(widths[n] ?? 0))
    .join('  ')
    .trimEnd();
process.stdout.write(`\n${[head, ...rows].map(line).join('\n').replaceAll('**', '')}\n`);
for (const { name, skipped } of programs)
  if (skipped !== undefined) process.stdout.write(`${name}: ${skipped}\n`);

const results: BenchResults = {
  at: new Date().toISOString().slice(0, 10),
  mode,
  node: process.version,
  cores: availableParallelism(),
  load: [loadBefore, load()],
  programs,
};
if (values.only === '' && !values.keep) {
  const file = join(import.meta.dirname, 'results.json');
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  process.stdout.write(`\nwritten: ${file}; npm run docs makes docs/benchmarks.md of it\n`);
}
