import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LINK_BEAT, LinkLost, type PiLink, watchLink } from '../../../src/agents/pi/backend.ts';
import { createPiRpcAgent } from '../../../src/agents/pi-rpc/pi-rpc.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { AgentEvent } from '../../../src/gateway/agent/agent.ts';
import { newerPi, obedientModel, piCommand } from '../contract.ts';
import { startModelServer } from '../model-server.ts';
import { startTurn, typesOf } from '../turns.ts';
import { type FakePi, isAlive, startFakePi } from './fake.ts';

const PATIENT = { timeout: 15_000, interval: 20 };
const FAKE = join(import.meta.dirname, '../fake-pi.mjs');
const PROXY = join(import.meta.dirname, '../swallowing-proxy.mjs');
/** Forty times as fast as what counts in earnest. */
const QUICK = { ...LINK_BEAT, everyMs: LINK_BEAT.everyMs / 40 };

/** A link that answers, or does not. */
function fakeLink(answers: boolean) {
  const state = { heard: 0, unanswered: 0, asked: 0, givenUp: 0 };
  const end = { cause: 'silent', detail: '', stderr: '' } as const;
  const link: PiLink = {
    mark: undefined,
    get heard() {
      return state.heard;
    },
    get unanswered() {
      return state.unanswered;
    },
    request: () => {
      state.asked++;
      if (!answers) return new Promise((_resolve, reject) => setTimeout(reject, 1e9, new LinkLost(end)));
      state.heard++;
      return Promise.resolve({});
    },
    giveUp: () => {
      state.givenUp++;
    },
    send: () => {},
    listen: () => {},
    ended: new Promise(() => {}),
    close: async () => {},
    terminate: () => {},
    kill: () => {},
  };
  return { link, state };
}

describe('the watch over a link', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gives a link up in less than 30 s after the last sign of life', async () => {
    const { link, state } = fakeLink(false);
    const end = watchLink(link, LINK_BEAT, () => {});
    await vi.advanceTimersByTimeAsync(1999);
    state.heard++;
    await vi.advanceTimersByTimeAsync(21_000);
    expect(state).toMatchObject({ asked: 1, givenUp: 0 });
    await vi.advanceTimersByTimeAsync(4000);
    expect(state).toMatchObject({ asked: 1, givenUp: 1 });
    end();
  });

  it('keeps a link that answers, and asks only in quiet stretches', async () => {
    const { link, state } = fakeLink(true);
    const answered = vi.fn();
    const end = watchLink(link, LINK_BEAT, answered);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(state.givenUp).toBe(0);
    expect(answered.mock.calls.length).toBeGreaterThan(40);
    state.asked = 0;
    for (let second = 0; second < 60; second++) {
      state.heard++;
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(state.asked).toBe(0);
    end();
  });

  it('gives a slow line the time that a large prompt needs', async () => {
    const { link, state } = fakeLink(false);
    state.unanswered = 10 * 1024 * 1024;
    const end = watchLink(link, LINK_BEAT, () => {});
    await vi.advanceTimersByTimeAsync(300_000);
    expect(state.givenUp).toBe(0);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(state.givenUp).toBe(1);
    end();
  });

  it('leaves no timer behind', () => {
    const { link } = fakeLink(true);
    const end = watchLink(link, LINK_BEAT, () => {});
    expect(vi.getTimerCount()).toBe(1);
    end();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a link that dies while its process lives', () => {
  const running: FakePi[] = [];
  const start = async (...args: Parameters<typeof startFakePi>): Promise<FakePi> => {
    const fake = await startFakePi(...args);
    running.push(fake);
    return fake;
  };
  afterEach(async () => {
    await Promise.all(running.splice(0).map((fake) => fake.stop()));
  });

  it('ends the turn when the process was stopped, and nothing of it is left', async () => {
    const fake = await start('grandchild', { beat: QUICK });
    const turn = startTurn(fake.agent.open(fake.spec), 'x');
    await vi.waitFor(() => expect(turn.text()).toMatch(/^\d+ \d+$/), PATIENT);
    const [pi, tool] = turn.text().split(' ').map(Number);
    if (pi === undefined || tool === undefined) throw new Error('no process');
    process.kill(pi, 'SIGSTOP');
    expect(await turn.end).toEqual({
      status: 'failed',
      code: 'agent_unreachable',
      message: 'The connection to the agent was lost before the answer was finished.',
      hint: expect.stringContaining('halted'),
      reachedModel: true,
      retryable: false,
    });
    await vi.waitFor(() => expect([isAlive(pi), isAlive(tool)]).toEqual([false, false]), PATIENT);
  });

  it('knows that a swallowed prompt may be sent again, and connects anew', async () => {
    const { folder } = await start('echo');
    const cut = join(folder, 'cut');
    const far = await start('echo', {
      command: [process.execPath, PROXY, cut, process.execPath, FAKE, 'echo'],
      beat: QUICK,
    });
    const conversation = far.agent.open(far.spec);
    expect(await startTurn(conversation, 'one').end).toEqual({ status: 'answered' });
    writeFileSync(cut, '');
    expect(await startTurn(conversation, 'two').end).toMatchObject({
      code: 'agent_unreachable',
      hint: expect.stringContaining('nothing came back'),
      reachedModel: false,
      retryable: true,
    });
    rmSync(cut);
    const third = startTurn(conversation, 'three');
    expect(await third.end).toEqual({ status: 'answered' });
    expect(third.text()).toBe('echo: three');
  });

  it('holds a dead way against the host of a pool until a look at it succeeds', async () => {
    const { folder } = await start('echo');
    const cut = join(folder, 'cut');
    const { agent, spec } = await start('echo', {
      pool: [
        {
          name: 'far',
          command: [process.execPath, PROXY, cut, process.execPath, FAKE, 'long-tool'],
          maxConcurrent: 2,
        },
      ],
      beat: QUICK,
    });
    const turn = startTurn(agent.open(spec), 'x');
    await vi.waitFor(() => expect(typesOf(turn.events)).toContain('tool_start'), PATIENT);
    expect(turn.events).toContainEqual(expect.objectContaining({ type: 'session', host: 'far' }));
    writeFileSync(cut, '');
    expect(await turn.end).toMatchObject({ code: 'agent_unreachable', reachedModel: true });
    expect(agent.hosts?.()[0]).toMatchObject({ state: 'retrying' });
    rmSync(cut);
    await vi.waitFor(() => expect(agent.hosts?.()[0]?.state).toBe('up'), PATIENT);
  });

  it('does not take a pi of this machine that something blocks for dead, unless it was stopped', async () => {
    const { folder } = await start('echo');
    const program = join(folder, 'pi');
    writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${FAKE}" hung-tool "$@"\n`);
    chmodSync(program, 0o755);
    const agent = createPiRpcAgent({
      cwd: folder,
      sessionDir: join(folder, 'sessions'),
      maxChildren: 1,
      idleMs: 60_000,
      beat: QUICK,
      log: silentLogger,
      env: { ...process.env, PATH: `${folder}:${process.env['PATH']}`, FAKE_PI_LOG: join(folder, 'log') },
    });
    const turn = startTurn(agent.open({ id: 's', kind: 'chat', cwd: folder }), 'x');
    await vi.waitFor(() => expect(typesOf(turn.events)).toContain('tool_start'), PATIENT);
    const early = await Promise.race([
      turn.end,
      new Promise((resolve) => setTimeout(resolve, 1500, 'works')),
    ]);
    expect(early).toBe('works');
    turn.abort();
    await turn.end;
    await agent.stop();
  });
});

describe.each([
  ['pi 0.87', piCommand],
  ['pi 1.6', () => [process.execPath, newerPi().cli]],
])('%s in a long tool call', (_name, command) => {
  it('answers at once all the time, so its link counts as alive', async () => {
    const server = await startModelServer();
    server.reply(obedientModel);
    const fake = await startFakePi('', {
      command: command(),
      env: server.env,
      startTimeoutMs: 60_000,
      beat: { everyMs: 100, quiet: 2, dead: 20 },
    });
    try {
      const alive: number[] = [];
      const hear = (event: AgentEvent): void => {
        if (event.type === 'alive') alive.push(performance.now());
      };
      const turn = startTurn(fake.agent.open(fake.spec), '[hang] work', hear);
      await vi.waitFor(() => expect(alive.length).toBeGreaterThan(8), { timeout: 60_000, interval: 50 });
      turn.abort();
      expect(await turn.end).toEqual({ status: 'aborted' });
    } finally {
      await fake.stop();
      await server.stop();
    }
  }, 90_000);
});
