/**
 * Start cost: headless until ready, console until its first frame, against a bare `node -e 0` of the same run.
 * Also: resident memory when idle, CPU when idle, and which platform libraries were loaded (none may be).
 * Run it: npm run bench:startup [-- --runs 7]
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { GatewayProcess, temporaryFolder } from '../test/support/gateway-process.ts';
import { TerminalProgram } from '../test/support/terminal.ts';
import { benchRow } from './rows.ts';

const { values } = parseArgs({ options: { runs: { type: 'string' } } });
const runs = Number(values.runs ?? 7);

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const show = (name: string, numbers: readonly number[], base = 0): void => {
  const extra = base === 0 ? '' : `   node + ${(median(numbers) - base).toFixed(0)} ms`;
  process.stdout.write(
    `${name.padEnd(28)} median ${median(numbers).toFixed(0)} ms   (${numbers.map((n) => n.toFixed(0)).join(', ')})${extra}\n`,
  );
};

function bareNode(): number {
  const at = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - at;
}

async function headlessReady(): Promise<{ ms: number; rssMb: number; cpuPercent: number }> {
  const folder = temporaryFolder();
  const at = performance.now();
  const gateway = new GatewayProcess([
    '--no-tui',
    '--port',
    '0',
    '--agent',
    'scripted',
    '--data-dir',
    folder.path,
  ]);
  await gateway.ready();
  const ms = performance.now() - at;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const idle = await idleCost(gateway.child.pid ?? 0);
  await gateway.stop();
  folder.remove();
  return { ms, ...idle };
}

async function firstFrame(): Promise<{ ms: number; rssMb: number; cpuPercent: number }> {
  const folder = temporaryFolder();
  const at = performance.now();
  const screen = new TerminalProgram(['--port', '0', '--agent', 'scripted', '--data-dir', folder.path]);
  while (!screen.raw.includes('Pairing')) await new Promise((resolve) => setTimeout(resolve, 2));
  const ms = performance.now() - at;
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const idle = await idleCost(screen.pty.pid);
  screen.type('q');
  await screen.exited;
  folder.remove();
  return { ms, ...idle };
}

/** Over three seconds without any traffic. Linux only. */
async function idleCost(pid: number): Promise<{ rssMb: number; cpuPercent: number }> {
  const ticks = (): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  const before = ticks();
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const cpuPercent = ((ticks() - before) / 100 / 3) * 100;
  const rssMb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  return { rssMb, cpuPercent };
}

const node = Array.from({ length: runs }, bareNode);
const base = median(node);
show('node -e 0', node);
const headless: Awaited<ReturnType<typeof headlessReady>>[] = [];
for (let i = 0; i < runs; i += 1) headless.push(await headlessReady());
show(
  'headless ready',
  headless.map((run) => run.ms),
  base,
);
const frames: Awaited<ReturnType<typeof firstFrame>>[] = [];
for (let i = 0; i < runs; i += 1) frames.push(await firstFrame());
show(
  'console first frame',
  frames.map((run) => run.ms),
  base,
);
const beside = { name: 'node -e 0', value: base };
const goals = { headless: 150, console: 180 };
for (const [what, all, goal] of [
  ['headless until ready', headless, goals.headless],
  ['console until its first frame', frames, goals.console],
] as const) {
  const ms = median(all.map((run) => run.ms));
  benchRow({ what, value: ms, unit: 'ms', better: 'less', beside, goal: Math.round(base + goal) });
}
for (const [what, all, goal] of [
  ['resident memory, idle headless', headless, 85],
  ['resident memory, idle console', frames, 110],
] as const)
  benchRow({ what, value: median(all.map((run) => run.rssMb)), unit: 'MB', better: 'less', goal });
for (const [name, all] of [
  ['headless', headless],
  ['console', frames],
] as const)
  process.stdout.write(
    `idle ${name.padEnd(23)} ${median(all.map((run) => run.rssMb)).toFixed(0)} MB resident   ${median(all.map((run) => run.cpuPercent)).toFixed(1)} % CPU\n`,
  );
