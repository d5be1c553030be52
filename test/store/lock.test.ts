import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FolderLockedError, type FolderLostError } from '../../src/base/errors.ts';
import { ownIdentity, type ProcessIdentity } from '../../src/base/processes.ts';
import { FolderLock } from '../../src/store/lock.ts';
import { inPidNamespace, LineChild } from './kit/child.ts';
import { addNote, notesIn, openIn, temporaryFolder } from './kit/folder.ts';

const lockIn = (folder: string): string => join(folder, 'gateway.lock');

function leaveLock(
  folder: string,
  holder: Partial<ProcessIdentity>,
  nonce = 'abc123',
  name = 'gateway.lock',
): void {
  const content = { ...ownIdentity(), startedAt: '2026-01-02T03:04:05.000Z', nonce, ...holder };
  writeFileSync(join(folder, name), JSON.stringify(content));
}

/** The process id of a process that has ended. */
async function deadPid(folder: string): Promise<number> {
  const child = new LineChild('lock-child.ts', folder);
  await child.line(0);
  await child.kill();
  return child.pid;
}

function expectTaken(folder: string): void {
  const lock = FolderLock.acquire(folder);
  expect(JSON.parse(readFileSync(lockIn(folder), 'utf8'))).toMatchObject({ pid: process.pid });
  expect(readdirSync(folder)).toEqual(['gateway.lock']);
  lock.release();
  expect(readdirSync(folder)).toEqual([]);
}

describe('the folder lock', () => {
  it('creates the folder for its owner alone, and leaves nothing behind', () => {
    const folder = join(temporaryFolder(), 'a', 'b');
    const lock = FolderLock.acquire(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(lockIn(folder)).mode & 0o777).toBe(0o600);
    lock.release();
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is refused a second time within one process', () => {
    const folder = temporaryFolder();
    const lock = FolderLock.acquire(folder);
    expect(() => FolderLock.acquire(folder)).toThrow(FolderLockedError);
    lock.release();
    FolderLock.acquire(folder).release();
  });

  it('names the process that holds it', async () => {
    const folder = temporaryFolder();
    const child = new LineChild('lock-child.ts', folder);
    child.say('go');
    expect(await child.line(1)).toBe('won');
    expect(() => FolderLock.acquire(folder)).toThrow(
      new RegExp(`pid ${child.pid}, started 20.*is using ${folder}`),
    );
  });

  it('is taken over at once from a process that was killed', async () => {
    const folder = temporaryFolder();
    const child = new LineChild('lock-child.ts', folder);
    child.say('go');
    expect(await child.line(1)).toBe('won');
    await child.kill();
    expectTaken(folder);
  });

  it('goes to exactly one of twenty that start together', async () => {
    const folder = temporaryFolder();
    const children = Array.from({ length: 20 }, () => new LineChild('lock-child.ts', folder));
    await Promise.all(children.map((child) => child.line(0)));
    for (const child of children) child.say('go');
    const answers = await Promise.all(children.map((child) => child.line(1)));
    const winner = children[answers.indexOf('won')];
    expect(answers.filter((answer) => answer === 'won')).toHaveLength(1);
    expect(answers.filter((answer) => answer === `lost to ${winner?.pid}`)).toHaveLength(19);
  });

  it('goes to exactly one of twenty that find a dead lock together', async () => {
    const folder = temporaryFolder();
    leaveLock(folder, { pid: await deadPid(folder) });
    const children = Array.from({ length: 20 }, () => new LineChild('lock-child.ts', folder));
    await Promise.all(children.map((child) => child.line(0)));
    for (const child of children) child.say('go');
    const answers = await Promise.all(children.map((child) => child.line(1)));
    expect(answers.filter((answer) => answer === 'won')).toHaveLength(1);
    expect(answers.filter((answer) => answer.startsWith('lost to '))).toHaveLength(19);
    children[answers.indexOf('won')]?.say('stop');
  });

  it('is not kept by another process with a recycled process id', () => {
    const folder = temporaryFolder();
    // Process 1 lives, but it did not start when the lock says.
    leaveLock(folder, { pid: 1, startTime: '123456789' });
    expectTaken(folder);
    leaveLock(folder, { startTime: '123456789' });
    expectTaken(folder);
  });

  it('does not outlive a reboot', () => {
    const folder = temporaryFolder();
    leaveLock(folder, { bootId: 'the run before' });
    expectTaken(folder);
  });

  it('is kept by a holder on another host for as long as that one gives a sign', () => {
    const folder = temporaryFolder();
    leaveLock(folder, { hostname: 'elsewhere', bootId: 'its own', pid: 4711 });
    expect(() => FolderLock.acquire(folder)).toThrow(FolderLockedError);
    const before = new Date(Date.now() - 60_000);
    utimesSync(lockIn(folder), before, before);
    expectTaken(folder);
  });

  it('is kept by a holder in another container on this host for as long as that one gives a sign', () => {
    const folder = temporaryFolder();
    leaveLock(folder, { hostname: 'container', pidNamespace: 'pid:[1]', pid: 1 });
    expect(() => FolderLock.acquire(folder)).toThrow(FolderLockedError);
    const before = new Date(Date.now() - 60_000);
    utimesSync(lockIn(folder), before, before);
    expectTaken(folder);
  });

  it('is taken over when a power cut left it empty', () => {
    const folder = temporaryFolder();
    writeFileSync(lockIn(folder), '');
    const before = new Date(Date.now() - 60_000);
    utimesSync(lockIn(folder), before, before);
    expectTaken(folder);
  });

  it('is taken over when those who wanted to take it over died on the way', async () => {
    const folder = temporaryFolder();
    const pid = await deadPid(folder);
    leaveLock(folder, { pid }, 'aaa');
    leaveLock(folder, { pid }, 'bbb', 'gateway.lock.over-aaa');
    leaveLock(folder, { pid }, 'ccc', 'gateway.lock.over-bbb');
    leaveLock(folder, { pid }, 'ddd', 'gateway.lock.ddd.tmp');
    expectTaken(folder);
  });

  it('leaves the half-written file of another starter alone', () => {
    const folder = temporaryFolder();
    const other = join(folder, 'gateway.lock.eee.tmp');
    writeFileSync(other, '');
    const lock = FolderLock.acquire(folder);
    expect(readdirSync(folder)).toEqual(['gateway.lock', 'gateway.lock.eee.tmp']);
    lock.release();
    const before = new Date(Date.now() - 60_000);
    utimesSync(other, before, before);
    expectTaken(folder);
  });

  it('waits for nobody who is just taking it over', async () => {
    const folder = temporaryFolder();
    leaveLock(folder, { pid: await deadPid(folder) }, 'aaa');
    leaveLock(folder, {}, 'bbb', 'gateway.lock.over-aaa');
    expect(() => FolderLock.acquire(folder)).toThrow(`pid ${process.pid}`);
  });

  it('says what is wrong with a folder that cannot be made', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    mkdirSync(join(folder, 'dir'));
    expect(() => FolderLock.acquire(join(folder, 'file', 'data'))).toThrow(
      expect.objectContaining({ code: 'storage_failed' }),
    );
  });
});

describe('a holder', () => {
  it('of a folder does not hold a copy of it', () => {
    const folder = temporaryFolder();
    const lock = FolderLock.acquire(folder);
    const copy = join(temporaryFolder(), 'copy');
    cpSync(folder, copy, { recursive: true });
    const second = FolderLock.acquire(copy);
    expect(() => FolderLock.acquire(folder)).toThrow(FolderLockedError);
    expect(() => lock.check()).not.toThrow();
    second.release();
    lock.release();
  });

  it('notices within seconds that its lock was removed, and says so', async () => {
    const folder = temporaryFolder();
    const lock = FolderLock.acquire(folder);
    const lost = new Promise<FolderLostError>((resolve) => lock.onLost(resolve));
    rmSync(lockIn(folder));
    expect(await lost).toMatchObject({
      code: 'folder_lost',
      message: `this gateway no longer holds ${folder}: ${lockIn(folder)} was removed`,
    });
    expect(() => lock.check()).toThrow(lock.lost);
    let late: unknown;
    lock.onLost((error) => {
      late = error;
    });
    expect(late).toBe(lock.lost);
    lock.release();
  });

  it('notices at once that another has taken its place, and leaves the other’s lock alone', () => {
    const folder = temporaryFolder();
    const lock = FolderLock.acquire(folder);
    rmSync(lockIn(folder));
    const second = FolderLock.acquire(folder);
    expect(() => lock.check()).toThrow(
      new RegExp(`another gateway \\(pid ${process.pid}, .*is now in charge`),
    );
    lock.release();
    expect(() => second.check()).not.toThrow();
    second.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('loses its lock with the folder', () => {
    const folder = temporaryFolder();
    const lock = FolderLock.acquire(join(folder, 'data'));
    rmSync(join(folder, 'data'), { recursive: true });
    expect(() => lock.check()).toThrow(/was removed/);
    lock.release();
  });
});

const namespaces = (() => {
  try {
    execFileSync('unshare', ['--pid', '--fork', '--mount-proc', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // not root, or no Linux
  }
})();

/** The process in the namespace: the only child of `unshare`. */
const innerPid = (pid: number): number => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));

describe.skipIf(!namespaces)(
  'a holder in another container (needs the right to make a PID namespace)',
  () => {
    it('that was suspended loses the folder to a successor; no acknowledged change of either is lost', async () => {
      for (let round = 0; round < 2; round++) {
        const folder = temporaryFolder();
        const child = new LineChild(inPidNamespace, 'fenced-child.ts', folder);
        await child.line(40 + round * 31);
        const inner = innerPid(child.pid);
        process.kill(inner, 'SIGSTOP');
        expect(() => FolderLock.acquire(folder)).toThrow(FolderLockedError);
        // As after half a minute without a sign.
        const before = new Date(Date.now() - 30_000);
        utimesSync(lockIn(folder), before, before);
        const lock = FolderLock.acquire(folder);
        const db = await openIn(folder, { fence: () => lock.check() });
        await addNote(db, 'of the successor');
        if (round % 2 === 1) await db.compact();
        const ended = once(child.process, 'exit');
        process.kill(inner, 'SIGCONT');
        expect(await ended).toEqual([75, null]);
        await addNote(db, 'and another');
        await db.close();
        lock.release();
        expect(child.lines.at(-1)).toMatch(/^ended: this gateway no longer holds .*is now in charge$/);
        const acknowledged = [...child.lines.slice(0, -1), 'of the successor', 'and another'];
        expect(await notesIn(folder)).toEqual(expect.arrayContaining(acknowledged));
      }
    });
  },
);
