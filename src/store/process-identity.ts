import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemCode } from './disk.ts';

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
