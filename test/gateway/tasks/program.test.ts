import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { agentEnvironment, identityOf, ownIdentity } from '../../../src/base/processes.ts';
import type { TaskView } from '../../../src/gateway/model.ts';
import { endLeftOver, runProgram } from '../../../src/gateway/tasks/task-worker.ts';
import { Rig } from '../rig.ts';

const node = process.execPath;

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const gone = (pid: number): Promise<void> =>
  vi.waitFor(() => expect(alive(pid)).toBe(false), { timeout: 15_000 });

function run(argv: readonly string[], abort = new AbortController()) {
  const lines: string[] = [];
  let pid = 0;
  const ended = runProgram({
    argv,
    cwd: process.cwd(),
    env: { PATH: process.env['PATH'] },
    mark: `test-${Math.random()}`,
    signal: abort.signal,
    onStart: (started) => {
      pid = started;
    },
    onLine: (line) => lines.push(line),
  });
  return { ended, lines, abort, pid: () => pid };
}

describe('a program', () => {
  it('gets its arguments as they are, without a shell', async () => {
    const { ended, lines } = run([
      node,
      '-e',
      'console.log(process.argv[1]); console.error("two")',
      '$HOME; ls | wc',
    ]);
    expect(await ended).toMatchObject({ kind: 'exited', code: 0 });
    expect(lines.toSorted()).toEqual(['$HOME; ls | wc', 'two']);
  });

  it('ends with its exit code and what it wrote', async () => {
    const { ended } = run([node, '-e', 'console.log("half"); process.exit(3)']);
    expect(await ended).toEqual({ kind: 'exited', code: 3, output: 'half' });
  });

  it('that does not exist is said', async () => {
    const { ended } = run(['/nowhere/at/all']);
    expect(await ended).toMatchObject({ kind: 'not_started', reason: expect.stringContaining('ENOENT') });
  });

  it('keeps the end of an endless output', async () => {
    const { ended } = run([node, '-e', 'for (let i = 0; i < 40000; i++) console.log("line", i)']);
    const end = await ended;
    expect(end).toMatchObject({ kind: 'exited', output: expect.stringMatching(/line 39999$/) });
    expect(end.kind === 'exited' ? end.output.length : 0).toBeLessThan(70_000);
  });

  it('is ended with everything that it started, also what ignores being asked', async () => {
    const script = `
      process.on('SIGTERM', () => {});
      const child = require('node:child_process').spawn(process.execPath, ['-e',
        "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], { stdio: 'inherit' });
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    const { ended, lines, abort, pid } = run([node, '-e', script]);
    await vi.waitFor(() => expect(lines).toHaveLength(1), { timeout: 15_000 });
    abort.abort('cancelled');
    expect(await ended).toMatchObject({ kind: 'killed' });
    await gone(pid());
    await gone(Number(lines[0]));
  }, 30_000);

  it('takes what it left in the background with it when it ends', async () => {
    const script = `
      const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'],
        { stdio: 'ignore', detached: true });
      child.unref();
      console.log(child.pid);`;
    const { ended, lines } = run([node, '-e', script]);
    expect(await ended).toMatchObject({ kind: 'exited', code: 0 });
    await gone(Number(lines[0]));
  });

  it('of a gateway that was killed is ended at the next start', async () => {
    const child: ChildProcess = spawn(node, ['-e', 'setInterval(() => {}, 1000)'], {
      env: agentEnvironment({}, 'left-over-1'),
      detached: true,
      stdio: 'ignore',
    });
    const pid = child.pid ?? 0;
    const other = spawn(node, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    try {
      const self = ownIdentity();
      // The same number with another start is another program: it is left alone.
      endLeftOver(new Map([['x', { ...identityOf(other.pid ?? 0, self), startTime: '1' }]]));
      expect(alive(other.pid ?? 0)).toBe(true);
      endLeftOver(new Map([['left-over-1', identityOf(pid, self)]]));
      await gone(pid);
    } finally {
      other.kill('SIGKILL');
    }
  });
});

describe('a task that is a program', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await Rig.start();
    vi.useRealTimers();
  });
  afterEach(async () => {
    await rig.gateway.stop();
    rig.remove();
  });
  const start = async (argv: readonly string[], more: object = {}): Promise<string> => {
    const answer = await rig.operator.run({ type: 'task.start', command: 'test', argv, ...more });
    return (answer.data as TaskView).id;
  };
  const view = (id: string): TaskView | undefined =>
    rig.operator.snapshot().tasks.find((each) => each.id === id);
  const ended = (id: string) =>
    vi.waitFor(() => expect(view(id)?.completedAt).toBeDefined(), { timeout: 15_000 });

  it('keeps exit code, output and steps, and is no success with another code than 0', async () => {
    const id = await start([node, '-e', 'console.log("one"); console.log("two"); process.exit(4)']);
    await ended(id);
    expect(view(id)).toMatchObject({ status: 'failed', kind: 'shell', exitCode: 4, result: 'one\ntwo' });
    expect((await rig.operator.query('steps', { taskId: id })).map(({ text }) => text)).toEqual([
      'one',
      'two',
    ]);
    const fine = await start([node, '-e', '']);
    await ended(fine);
    expect(view(fine)).toMatchObject({ status: 'succeeded', exitCode: 0 });
  });

  it('ends when it is cancelled, when its time is over, and with the gateway', async () => {
    const forever = [node, '-e', 'console.log(process.pid); setInterval(() => {}, 1000)'];
    const pidOf = (id: string): Promise<number> =>
      vi.waitFor(
        () => {
          const pid = Number(view(id)?.progressMessage);
          expect(pid).toBeGreaterThan(0);
          return pid;
        },
        { timeout: 15_000 },
      );
    const one = await start(forever);
    const first = await pidOf(one);
    await rig.operator.run({ type: 'task.cancel', id: one });
    await ended(one);
    await gone(first);
    expect(view(one)?.status).toBe('cancelled');
    const two = await start(forever, { timeoutMs: 3000 });
    const second = await pidOf(two);
    await ended(two);
    await gone(second);
    expect(view(two)?.status).toBe('timed_out');
    const three = await start(forever);
    const third = await pidOf(three);
    await rig.gateway.stop();
    await gone(third);
  }, 60_000);

  it('is nothing that a chat can start', async () => {
    const task = await rig.gateway.startClientTask(
      rig.chat(),
      { id: 'ada', name: 'ada' },
      { command: 'x', ...{ argv: ['rm'] } },
    );
    expect(task.kind).toBeUndefined();
  });
});
