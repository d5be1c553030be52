/** Other processes: their environment, who they are, whether they are still running, and how a whole tree of them ends. */

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { systemCode } from './errors.ts';

/** What was found for a directory: asked once, since every agent process needs it. */
const known = new Map<string, boolean>();

/**
 * Where agent processes keep compiled code. Node's own default is a directory for temporary files, where every user of the
 * machine may put code for others to run. Without a directory of our own nothing is kept.
 */
function compileCacheVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (env['NODE_COMPILE_CACHE'] || env['NODE_DISABLE_COMPILE_CACHE']) return {};
  const base = env['XDG_CACHE_HOME'] || env['LOCALAPPDATA'] || (env['HOME'] && join(env['HOME'], '.cache'));
  if (!base) return { NODE_DISABLE_COMPILE_CACHE: '1' };
  const own = join(base, 'pi-gateway-tui', 'agents');
  let usable = known.get(own);
  if (usable === undefined) {
    usable = makePrivate(join(base, 'pi-gateway-tui')) && makePrivate(own);
    known.set(own, usable);
  }
  return usable ? { NODE_COMPILE_CACHE: own } : { NODE_DISABLE_COMPILE_CACHE: '1' };
}

/** A directory of this user alone, whatever the umask; false where that cannot be. */
function makePrivate(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const stat = lstatSync(path);
    if (!stat.isDirectory() || (process.getuid !== undefined && stat.uid !== process.getuid())) return false;
    chmodSync(path, 0o700);
    return true;
  } catch {
    return false; // a home that cannot be written
  }
}

/** Names the gateway's own secrets, which no agent and no tool of an agent may read. */
const OWN_SECRET = /^PI_GATEWAY_.*(TOKEN|SECRET|PASSWORD)/;

/** Lets our extension know that it runs inside a session of the gateway itself, where it stays inert. */
export const HOSTED = 'PI_GATEWAY_HOSTED';
/** Carries the mark by which the processes of a dead agent are found. */
const MARK = 'PI_GATEWAY_AGENT_MARK';

/** The environment of an agent process: `base` without our secrets, and marked as ours. */
export function agentEnvironment(base: NodeJS.ProcessEnv, mark: string): NodeJS.ProcessEnv {
  const kept = Object.entries(base).filter(([name]) => !OWN_SECRET.test(name));
  return { ...Object.fromEntries(kept), ...compileCacheVariables(base), [HOSTED]: '1', [MARK]: mark };
}

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

/** Tells one process from every other one: a process id alone comes back with another program behind it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, as the system counts; empty where the system does not say. */
  readonly startTime: string;
  /** One run of one kernel; empty where the system does not say. */
  readonly bootId: string;
  /** Within which process ids mean the same (a container has its own); empty where there is no such thing. */
  readonly pidNamespace: string;
  readonly hostname: string;
}

export function ownIdentity(): ProcessIdentity {
  return {
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? '',
    bootId: textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: textOf(() => readlinkSync('/proc/self/ns/pid')),
    hostname: hostname(),
  };
}

/**
 * Whether that very process runs: `unknown` when its process ids are not ours to see (another container or host).
 * A process that was killed and that its parent has not noticed yet does not run.
 */
export function aliveness(other: ProcessIdentity, self: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  const sameBoot = other.bootId === self.bootId;
  if (other.hostname !== self.hostname && (self.bootId === '' || !sameBoot)) return 'unknown';
  if (!sameBoot) return 'dead';
  if (other.pidNamespace !== self.pidNamespace) return 'unknown';
  if (!exists(other.pid)) return 'dead';
  const startTime = startTimeOf(other.pid);
  if (startTime === undefined) return 'dead';
  return startTime === '' || other.startTime === '' || startTime === other.startTime ? 'alive' : 'dead';
}

/** Does a process of this id run here? Another program may have got the id in the meantime. */
export function isRunning(pid: number): boolean {
  return exists(pid) && startTimeOf(pid) !== undefined;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** Undefined when that process does nothing anymore; empty when the system does not say. */
function startTimeOf(pid: number): string | undefined {
  if (process.platform === 'win32') return '';
  return process.platform === 'linux' ? startTimeFromProc(pid) : startTimeFromPs(pid);
}

function startTimeFromProc(pid: number): string | undefined {
  const stat = textOf(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (stat === '') return '';
  // The program's name stands in parentheses and may hold anything: count from behind it. State is field 3, start 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : (fields[19] ?? '');
}

function startTimeFromPs(pid: number): string | undefined {
  try {
    const answer = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 5_000,
    });
    const [state = '', ...start] = answer.trim().split(/\s+/);
    return state.startsWith('Z') ? undefined : start.join(' ');
  } catch (error) {
    // `ps` ends with 1 when there is no such process; anything else says nothing about the process.
    return error instanceof Error && 'status' in error && error.status === 1 ? undefined : '';
  }
}

function textOf(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

/** The identity of a process that runs now, as it will be compared with later. */
export function identityOf(pid: number, self: ProcessIdentity): ProcessIdentity {
  return { ...self, pid, startTime: startTimeOf(pid) ?? '' };
}

/** A stored identity; undefined for anything else. */
export function processIdentityOf(json: string): ProcessIdentity | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, startTime, bootId, pidNamespace, hostname: host } = value as Record<string, unknown>;
    return typeof pid === 'number' &&
      typeof startTime === 'string' &&
      typeof bootId === 'string' &&
      typeof pidNamespace === 'string' &&
      typeof host === 'string'
      ? { pid, startTime, bootId, pidNamespace, hostname: host }
      : undefined;
  } catch {
    return undefined;
  }
}
