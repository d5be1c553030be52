import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { MARK } from './environment.ts';

/**
 * Kills an agent process and everything that it started. pi runs each tool in a process group of its own, so its group
 * alone is not enough; on Linux the mark in the environment finds them even when pi itself is dead already.
 */
export function killTree(pid: number, mark: string): void {
  // Windows knows no groups; its own tool follows parents.
  if (process.platform === 'win32')
    spawnSync('taskkill', ['/pid', String(pid), '/T', '/F'], { stdio: 'ignore', timeout: 5000 });
  const family = new Set([...descendantsOf(pid), ...markedProcesses(mark)]);
  family.delete(process.pid);
  signalGroup(pid, 'SIGKILL');
  for (const member of family) signalOne(member, 'SIGKILL');
}

/** Kills what a dead agent has left behind. Finds it on Linux only. True: there was something. */
export function killMarked(mark: string): boolean {
  const found = markedProcesses(mark).filter((pid) => pid !== process.pid);
  for (const pid of found) signalOne(pid, 'SIGKILL');
  return found.length > 0;
}

/** Was the process halted (SIGSTOP, a debugger)? False where that cannot be told. */
export function isStopped(pid: number): boolean {
  if (process.platform === 'win32') return false;
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('ps', ['-o', 'state=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: 2000,
    });
    return /^\s*T/.test(stdout ?? '');
  }
  return /^\) [Tt]/.test(afterName(readProc(pid, 'stat')));
}

/** Signals a process group; false when it is gone. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  return process.platform === 'win32'
    ? signalOne(pid, signal)
    : signalOne(-pid, signal) || signalOne(pid, signal);
}

function signalOne(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // gone already
  }
}

function descendantsOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const [pid, parent] of processTable()) children.set(parent, [...(children.get(parent) ?? []), pid]);
  const found: number[] = [];
  for (let generation = [root]; generation.length > 0; ) {
    generation = generation.flatMap((pid) => children.get(pid) ?? []);
    found.push(...generation);
  }
  return found;
}

/** [process, parent] of everything that runs. */
function processTable(): [number, number][] {
  if (process.platform === 'win32') return [];
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('ps', ['-axo', 'pid=,ppid='], { encoding: 'utf8', timeout: 2000 });
    return (stdout ?? '').split('\n').flatMap((line) => {
      const [pid, parent] = line.trim().split(/\s+/).map(Number);
      return pid === undefined || parent === undefined ? [] : [[pid, parent]];
    });
  }
  return processIds().flatMap((pid) => {
    const stat = afterName(readProc(pid, 'stat'));
    const parent = Number(stat.split(' ')[2]);
    return Number.isInteger(parent) && stat !== '' ? [[pid, parent]] : [];
  });
}

/** Of "pid (name) state parent …": the name may hold anything, so what begins at its last bracket. */
function afterName(stat: string): string {
  return stat.slice(Math.max(0, stat.lastIndexOf(')')));
}

function markedProcesses(mark: string): number[] {
  if (process.platform !== 'linux') return [];
  const entry = `${MARK}=${mark}`;
  return processIds().filter((pid) => readProc(pid, 'environ').split('\0').includes(entry));
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // ended in the meantime, or another user's
  }
}
