import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AgentHost, createPiRpcAgent } from '../../../src/agents/pi-rpc/pi-rpc.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { Agent, AgentEvent } from '../../../src/gateway/agent/agent.ts';
import { inputOf, startTurn, typesOf } from '../turns.ts';

const PATIENT = { timeout: 20_000, interval: 20 };
const FAKE = join(import.meta.dirname, '../fake-pi.mjs');
let folder: string;
let agent: Agent | undefined;
let sessions = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pool-'));
});
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

function host(name: string, mode: string, maxConcurrent = 2): AgentHost {
  return { name, command: [process.execPath, FAKE, mode], maxConcurrent };
}

function start(pool: readonly AgentHost[], clock?: () => number, sharedSessions = false): Agent {
  agent = createPiRpcAgent({
    pool,
    cwd: folder,
    sessionDir: join(folder, 'sessions'),
    maxChildren: 1,
    idleMs: 60_000,
    sharedSessions,
    log: silentLogger,
    ...(clock === undefined ? {} : { clock }),
  });
  return agent;
}

const spec = (over: { host?: string } = {}) => ({
  ...{ id: `s${++sessions}`, kind: 'chat' as const, cwd: folder },
  ...over,
});

/** Runs one turn in a session of its own; its host and its outcome. */
async function turn(from: Agent, over: { host?: string } = {}) {
  const observed = startTurn(from.open(spec(over)), 'x');
  const end = await observed.end;
  return { end, host: hostOf(observed.events), text: observed.text() };
}

function hostOf(events: readonly AgentEvent[]): string | undefined {
  return events.find((event) => event.type === 'session')?.host;
}

/** A host that is there as long as its file is. */
function machine(name: string): { readonly host: AgentHost; up(on: boolean): void } {
  const on = join(folder, `${name} is on`);
  const script = `test -e "${on}" && exec "$0" "$@"`;
  return {
    host: { name, command: ['sh', '-c', script, process.execPath, FAKE, 'pid'], maxConcurrent: 2 },
    up: (is) => (is ? writeFileSync(on, '') : rmSync(on)),
  };
}

const stateOf = (from: Agent, name: string) => from.hosts?.().find((view) => view.name === name);

describe('a pool of agents', () => {
  it('spreads new sessions, and keeps each where its file is', async () => {
    const pool = start([host('a', 'pid'), host('b', 'pid')]);
    const first = pool.open(spec());
    const one = startTurn(first, 'x');
    await one.end;
    const two = await turn(pool);
    expect(new Set([hostOf(one.events), two.host])).toEqual(new Set(['a', 'b']));
    const again = startTurn(first, 'y');
    await again.end;
    expect(again.text()).toBe(one.text());
    for (let i = 0; i < 3; i += 1) expect((await turn(pool, { host: 'b' })).host).toBe('b');
  });

  it('does not let a slow host hold up the others', async () => {
    const pool = start([host('slow', 'steerable', 1), host('quick', 'echo', 1)]);
    const stuck = startTurn(pool.open(spec({ host: 'slow' })), 'x');
    await vi.waitFor(() => expect(stuck.text()).toBe('first'), PATIENT);
    // One more waits for the slow host alone.
    const waiting = startTurn(pool.open(spec({ host: 'slow' })), 'x');
    const others = await Promise.all(Array.from({ length: 6 }, () => turn(pool)));
    expect(others.map(({ end, host: where }) => [end.status, where])).toEqual(
      Array(6).fill(['answered', 'quick']),
    );
    expect(typesOf(waiting.events)).toEqual([]);
    expect(stateOf(pool, 'slow')).toMatchObject({ running: 1, maxConcurrent: 1, state: 'up' });
    stuck.abort();
    waiting.abort();
    expect(await stuck.end).toEqual({ status: 'aborted' });
    expect(await waiting.end).toEqual({ status: 'aborted' });
  });

  it('passes over a host that is down, parks it with the next step, and says what became of its sessions', async () => {
    const down: AgentHost = { name: 'down', command: [join(folder, 'no-such-program')], maxConcurrent: 2 };
    const pool = start([down, host('up', 'echo')]);
    // The first to go there fails, so that the lane tries again, somewhere else.
    const first = await turn(pool);
    expect(first.end).toMatchObject({ status: 'failed', retryable: true, reachedModel: false });
    for (let i = 0; i < 4; i += 1) expect((await turn(pool)).host).toBe('up');
    expect(stateOf(pool, 'down')).toMatchObject({
      state: 'parked',
      hint: expect.stringContaining('no-such-program'),
    });
    const lost = await turn(pool, { host: 'down' });
    expect(lost.end).toMatchObject({
      code: 'agent_unreachable',
      message: expect.stringContaining('cannot be reached. /new starts a new session on another one'),
      hint: expect.stringContaining('Host down:'),
    });
    expect((await turn(pool, { host: 'gone' })).end).toMatchObject({
      code: 'agent_unconfigured',
      hint: expect.stringContaining('host "gone"'),
    });
  });

  it('looks at a host again that was down, and uses it when it is back', async () => {
    const switchedOn = join(folder, 'on');
    const back: AgentHost = {
      name: 'back',
      command: ['sh', '-c', `test -e "${switchedOn}" && exec "$0" "$@"`, process.execPath, FAKE, 'echo'],
      maxConcurrent: 2,
    };
    const pool = start([back]);
    expect((await turn(pool)).end).toMatchObject({ status: 'failed', reachedModel: false });
    expect((await turn(pool)).end).toMatchObject({ code: 'agent_unreachable', retryable: true });
    expect(stateOf(pool, 'back')?.state).toBe('retrying');
    writeFileSync(switchedOn, '');
    const changed = vi.fn();
    pool.watch?.(changed);
    await vi.waitFor(() => expect(stateOf(pool, 'back')?.state).toBe('up'), PATIENT);
    expect((await turn(pool)).end).toEqual({ status: 'answered' });
    expect(changed).toHaveBeenCalled();
  });

  it('ends the turn of a wrapper that is killed with a sentence, while the others go on', async () => {
    const pool = start([host('a', 'steerable', 1), host('b', 'grandchild', 1)]);
    const [one, two] = [
      startTurn(pool.open(spec({ host: 'a' })), 'x'),
      startTurn(pool.open(spec({ host: 'b' })), 'x'),
    ];
    await vi.waitFor(() => expect([one.text(), two.text()].every((text) => text !== '')).toBe(true), PATIENT);
    process.kill(Number(two.text().split(' ')[0]), 'SIGKILL');
    expect(await two.end).toMatchObject({
      status: 'failed',
      code: 'agent_crashed',
      message: 'The agent stopped unexpectedly before it had finished the answer.',
    });
    // The host itself is not to blame: its next session starts there.
    const next = startTurn(pool.open(spec({ host: 'b' })), 'x');
    await vi.waitFor(() => expect(next.text()).not.toBe(''), PATIENT);
    next.abort();
    await next.end;
    expect(one.text()).toBe('first');
    one.abort();
    expect(await one.end).toEqual({ status: 'aborted' });
  });

  it('checks every host and says which one does not answer', async () => {
    const down: AgentHost = { name: 'down', command: [join(folder, 'no-such-program')], maxConcurrent: 2 };
    const pool = start([down]);
    const check = await pool.check(AbortSignal.timeout(30_000));
    expect(check).toMatchObject({ ok: false, detail: expect.stringContaining('0 of 1 hosts answer. down:') });
    expect(check.hint).toContain('down: ');
  });

  it('shares files only when every host does', () => {
    expect(start([host('a', 'echo')]).sharesFiles).toBe(true);
    const mixed = [host('a', 'echo'), { ...host('b', 'echo'), sharesFiles: false }];
    expect(start(mixed).sharesFiles).toBe(false);
  });
});

describe('a tool that works for long', () => {
  it('is no silence as long as pi reacts; a place that is waited for is none either', async () => {
    agent = createPiRpcAgent({
      command: [process.execPath, FAKE, 'long-tool'],
      cwd: folder,
      sessionDir: join(folder, 'sessions'),
      maxChildren: 1,
      idleMs: 60_000,
      aliveMs: 30,
      beat: { everyMs: 15, quiet: 2, dead: 1000 },
      log: silentLogger,
    });
    const alive = (events: readonly AgentEvent[]) => events.filter(({ type }) => type === 'alive').length;
    const working = startTurn(agent.open(spec()), 'x');
    await vi.waitFor(() => expect(alive(working.events)).toBeGreaterThan(3), PATIENT);
    const waiting = startTurn(agent.open(spec()), 'y');
    await vi.waitFor(() => expect(alive(waiting.events)).toBeGreaterThan(3), PATIENT);
    expect(typesOf(waiting.events)).not.toContain('started');
    waiting.abort();
    working.abort();
    await Promise.all([working.end, waiting.end]);
    const before = alive(working.events);
    await agent.open(spec()).steer(inputOf('nothing'));
    expect(alive(working.events)).toBe(before);
  });

  it('is silence when pi itself hangs', async () => {
    agent = createPiRpcAgent({
      command: [process.execPath, FAKE, 'hung-tool'],
      cwd: folder,
      sessionDir: join(folder, 'sessions'),
      maxChildren: 2,
      idleMs: 60_000,
      aliveMs: 30,
      beat: { everyMs: 15, quiet: 2, dead: 1000 },
      graceMs: 100,
      log: silentLogger,
    });
    const working = startTurn(agent.open(spec()), 'x');
    await vi.waitFor(() => expect(typesOf(working.events)).toContain('tool_start'), PATIENT);
    const beats = working.events.filter(({ type }) => type === 'alive').length;
    // A second turn takes many times as long as a beat would.
    await startTurn(agent.open({ ...spec(), id: 'other' }), 'probe').end.catch(() => undefined);
    expect(working.events.filter(({ type }) => type === 'alive').length - beats).toBeLessThanOrEqual(1);
    working.abort();
    await working.end;
  });

  it('starts nothing new on a host that is drained, and keeps its sessions there', async () => {
    const from = start([host('a', 'echo'), host('b', 'echo')]);
    expect(from.drain?.('nowhere', 'new')).toBe(false);
    expect(from.drain?.('a', 'new')).toBe(true);
    expect(stateOf(from, 'a')).toMatchObject({ state: 'up', draining: true, free: 0 });
    const hosts = [await turn(from), await turn(from), await turn(from)].map((each) => each.host);
    expect(hosts).toEqual(['b', 'b', 'b']);
    // A session whose file is there has no other place.
    expect((await turn(from, { host: 'a' })).end).toEqual({ status: 'answered' });
    from.drain?.('b', 'new');
    expect((await turn(from)).end).toMatchObject({
      ...{ status: 'failed', code: 'agent_unreachable', retryable: false },
      message: 'No machine takes new work at the moment. Try again later.',
      hint: expect.stringContaining('hosts undrain'),
    });
    from.drain?.('a', undefined);
    expect((await turn(from)).host).toBe('a');
  });

  it('gives a host with twice the weight twice the sessions', async () => {
    const from = start([host('a', 'echo', 12), { ...host('b', 'echo', 12), weight: 2 }]);
    const hosts: (string | undefined)[] = [];
    for (let i = 0; i < 9; i += 1) hosts.push((await turn(from)).host);
    expect(hosts.filter((name) => name === 'a')).toHaveLength(3);
    expect(hosts.filter((name) => name === 'b')).toHaveLength(6);
  });
});

describe('sessions whose files all hosts share', () => {
  const file = (id: string) => join(folder, 'sessions', `${id}.jsonl`);
  const LINE = `${JSON.stringify({ type: 'message', id: 'm1', parentId: null, message: { role: 'user' } })}\n`;

  it('continue on another host, in a copy of the file, when theirs is down, and stay there', async () => {
    const [one, two] = [machine('one'), machine('two')];
    for (const each of [one, two]) each.up(true);
    const pool = start([one.host, two.host], undefined, true);
    expect(pool.movesSessions).toBe(true);
    const id = 'mine';
    const first = startTurn(pool.open({ ...spec({ host: 'one' }), id }), 'x');
    expect(await first.end).toEqual({ status: 'answered' });
    writeFileSync(file(id), LINE);
    one.up(false);
    const conversation = pool.open({ ...spec({ host: 'one' }), id, sessionFile: file(id) });
    // The first to notice is told to try again, and then is elsewhere.
    expect(await startTurn(conversation, 'y').end).toMatchObject({ status: 'failed', retryable: true });
    const moved = startTurn(conversation, 'y');
    expect(await moved.end).toEqual({ status: 'answered' });
    const told = moved.events.find((event) => event.type === 'session');
    expect(told).toMatchObject({
      host: 'two',
      sessionFile: expect.stringMatching(/mine\.m[0-9a-f]{8}\.jsonl$/),
    });
    expect(readFileSync(told?.sessionFile ?? '', 'utf8')).toBe(LINE);
    one.up(true);
    await vi.waitFor(() => expect(stateOf(pool, 'one')?.state).toBe('up'), PATIENT);
    const again = startTurn(conversation, 'z');
    await again.end;
    expect(again.text()).toBe(moved.text());
  });

  it('leave a host that is drained of them as soon as they rest, and a host that is no longer listed', async () => {
    const pool = start([host('a', 'pid'), host('b', 'pid')], undefined, true);
    const conversation = pool.open({ ...spec({ host: 'a' }), sessionFile: file('s') });
    const first = startTurn(conversation, 'x');
    await first.end;
    expect(hostOf(first.events)).toBeUndefined(); // the file is known already
    pool.drain?.('a', 'all');
    expect(stateOf(pool, 'a')).toMatchObject({ draining: true, leaving: true });
    await vi.waitFor(() => expect(stateOf(pool, 'a')?.sessions).toBe(0), PATIENT);
    const moved = startTurn(conversation, 'y');
    expect(await moved.end).toEqual({ status: 'answered' });
    expect(hostOf(moved.events)).toBe('b');
    // There is no other host: it is better than none.
    pool.drain?.('b', 'new');
    const stays = startTurn(pool.open({ ...spec({ host: 'a' }), sessionFile: file('t') }), 'x');
    expect(await stays.end).toEqual({ status: 'answered' });
    pool.drain?.('b', undefined);
    const gone = startTurn(pool.open({ ...spec({ host: 'gone' }), sessionFile: file('u') }), 'x');
    expect(await gone.end).toEqual({ status: 'answered' });
    expect(hostOf(gone.events)).toBe('b');
  });

  it('stay where they are when their file is in another directory', async () => {
    const one = machine('one');
    const pool = start([one.host, host('two', 'echo')], undefined, true);
    const lost = pool.open({ ...spec({ host: 'one' }), sessionFile: '/var/lib/else/s.jsonl' });
    await startTurn(lost, 'x').end;
    expect(await startTurn(lost, 'x').end).toMatchObject({ code: 'agent_unreachable' });
  });
});
