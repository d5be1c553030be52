/**
 * Every call that only Linux has (`/proc`), or that Windows lacks (process groups, signals of jobs, folders that can be
 * opened, sockets in the file system), has another way. It is exercised here by the name of the system alone.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  aliveness,
  identityOf,
  isRunning,
  isStopped,
  killMarked,
  killTree,
  ownIdentity,
  signalGroup,
} from '../../src/base/processes.ts';
import { prepareSocketPlace } from '../../src/gateway/operator/operator-address.ts';
import { nodeDisk } from '../../src/store/disk.ts';
import { FolderLock } from '../../src/store/lock.ts';

const PATIENT = { timeout: 10_000, interval: 20 };
const real = process.platform;
const pids: number[] = [];
let folder: string;

function pretend(platform: NodeJS.Platform): void {
  Object.defineProperty(process, 'platform', { value: platform });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'systems-'));
});
afterEach(() => {
  pretend(real);
  for (const pid of pids.splice(0)) signalGroup(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** A shell in a group of its own that has started a program in another one, as pi does with its tools. */
async function family(): Promise<{ readonly parent: number; readonly child: number }> {
  const file = join(folder, 'child');
  const program = `const c = require('node:child_process').spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    require('node:fs').writeFileSync(${JSON.stringify(file)}, String(c.pid)); setInterval(() => {}, 1000)`;
  const { pid = 0 } = spawn(process.execPath, ['-e', program], { detached: true, stdio: 'ignore' });
  await vi.waitFor(() => expect(existsSync(file) && readFileSync(file, 'utf8')).toMatch(/^\d+$/), PATIENT);
  const child = Number(readFileSync(file, 'utf8'));
  pids.push(pid, child);
  return { parent: pid, child };
}

describe.skipIf(real === 'win32')('macOS, where there is no /proc', () => {
  it('ends an agent and what it started, found with ps', async () => {
    const { parent, child } = await family();
    pretend('darwin');
    killTree(parent, 'no-such-mark');
    await vi.waitFor(() => expect([isRunning(parent), isRunning(child)]).toEqual([false, false]), PATIENT);
    expect(() => killMarked('no-such-mark')).not.toThrow();
  });

  it('sees that a process was stopped', async () => {
    const { parent } = await family();
    pretend('darwin');
    expect(isStopped(parent)).toBe(false);
    process.kill(parent, 'SIGSTOP');
    await vi.waitFor(() => expect(isStopped(parent)).toBe(true), PATIENT);
  });

  it('tells processes apart by the start time of ps', async () => {
    const { parent } = await family();
    pretend('darwin');
    const self = ownIdentity();
    const other = identityOf(parent, self);
    expect(other.startTime).toMatch(/\d{4}$/);
    expect(aliveness(other, self)).toBe('alive');
    expect(aliveness({ ...other, startTime: 'Thu Jan 1 00:00:00 1970' }, self)).toBe('dead');
    process.kill(parent, 'SIGKILL');
    await vi.waitFor(() => expect(aliveness(other, self)).toBe('dead'), PATIENT);
  });

  it('locks a data directory, and takes it over from a process that is dead', async () => {
    pretend('darwin');
    const lock = FolderLock.acquire(folder);
    expect(() => FolderLock.acquire(folder)).toThrow(/using|holds/);
    lock.release();
    FolderLock.acquire(folder).release();
  });

  it('puts the socket elsewhere where its path is too long for the system', () => {
    const beside = join(folder, 'operator.sock');
    const bytes = Buffer.byteLength(beside);
    expect(prepareSocketPlace(folder, 'darwin', bytes)).toEqual({ private: true, path: beside });
    const { path } = prepareSocketPlace(folder, 'darwin', bytes - 1);
    expect(path).not.toBe(beside);
    expect(Buffer.byteLength(path)).toBeLessThan(bytes);
    rmSync(dirname(path), { recursive: true });
  });
});

describe('Windows, where there are no groups, modes and open folders', () => {
  it.skipIf(real === 'win32')('ends an agent and what it started with taskkill', async () => {
    const { parent } = await family();
    const seen = join(folder, 'seen');
    const program = join(folder, 'taskkill');
    writeFileSync(program, `#!/bin/sh\necho "$@" > '${seen}'\n`);
    chmodSync(program, 0o755);
    const path = process.env['PATH'];
    process.env['PATH'] = `${folder}:${path}`;
    try {
      pretend('win32');
      killTree(parent, 'no-such-mark');
    } finally {
      process.env['PATH'] = path;
    }
    expect(readFileSync(seen, 'utf8').trim()).toBe(`/pid ${parent} /T /F`);
    pretend(real);
    await vi.waitFor(() => expect(isRunning(parent)).toBe(false), PATIENT);
  });

  it('signals one process where there is no group, and is not stopped by one that is gone', () => {
    pretend('win32');
    expect(signalGroup(2 ** 22 + 1, 'SIGTERM')).toBe(false);
    expect(isStopped(process.pid)).toBe(false);
    expect(() => killMarked('no-such-mark')).not.toThrow();
  });

  it('makes renames durable without opening the folder, and keeps no page of a file open', async () => {
    pretend('win32');
    await expect(nodeDisk.syncFolder(join(folder, 'cannot be opened'))).resolves.toBeUndefined();
    expect(nodeDisk.paged?.(join(folder, 'any'))).toBeUndefined();
  });

  it('locks a data directory, though it cannot say when a process started', () => {
    pretend('win32');
    const self = ownIdentity();
    expect(self.startTime).toBe('');
    expect(aliveness(self, self)).toBe('alive');
    const lock = FolderLock.acquire(folder);
    expect(() => FolderLock.acquire(folder)).toThrow(/using|holds/);
    lock.release();
  });

  it('listens on a named pipe', () => {
    expect(prepareSocketPlace(folder, 'win32')).toMatchObject({
      private: false,
      path: expect.stringMatching(/^\\\\\.\\pipe\\pi-gateway-tui-/),
    });
  });
});
