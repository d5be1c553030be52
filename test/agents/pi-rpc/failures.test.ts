import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startTurn } from '../turns.ts';
import { type FakePi, isAlive, startFakePi } from './fake.ts';

const PATIENT = { timeout: 15_000, interval: 20 };

describe('when pi does not work', () => {
  const running: FakePi[] = [];
  const start = async (...args: Parameters<typeof startFakePi>): Promise<FakePi> => {
    const fake = await startFakePi(...args);
    running.push(fake);
    return fake;
  };
  afterEach(async () => {
    await Promise.all(running.splice(0).map((fake) => fake.stop()));
  });

  /** One turn of a fresh conversation. */
  const turnOf = async (...args: Parameters<typeof startFakePi>) => {
    const fake = await start(...args);
    return startTurn(fake.agent.open(fake.spec), 'hello');
  };
  const failure = (code: string, reachedModel: boolean, retryable: boolean) => ({
    status: 'failed',
    code,
    reachedModel,
    retryable,
  });

  it('says that there is no pi, and how to get one', async () => {
    const turn = await turnOf('', { command: ['/nowhere/pi'] });
    const end = await turn.end;
    expect(end).toMatchObject(failure('agent_missing', false, false));
    expect(end).toMatchObject({
      message: 'The agent is not installed on this machine.',
      hint: expect.stringMatching(/"\/nowhere\/pi" cannot be started .*npm install -g/),
    });
    expect(turn.events).toEqual([]);
  });

  it('says that the working folder is missing', async () => {
    const fake = await start('echo');
    const end = await startTurn(fake.agent.open({ ...fake.spec, cwd: '/nowhere/at/all' }), 'x').end;
    expect(end).toMatchObject({
      code: 'agent_unconfigured',
      hint: expect.stringContaining('/nowhere/at/all'),
    });
  });

  it('frees the place of a session that could not even be tried', async () => {
    const fake = await start('echo', {
      maxChildren: 1,
      sessionDir: join(import.meta.filename, 'not-a-folder'),
    });
    for (const id of ['one', 'two']) {
      const end = await startTurn(fake.agent.open({ ...fake.spec, id }), 'x').end;
      expect(end).toMatchObject({ code: 'agent_exited', hint: expect.stringContaining('ENOTDIR') });
    }
  });

  it.each(['no-model', 'refuse'])('says that no model is configured (%s)', async (mode) => {
    const end = await (await turnOf(mode)).end;
    expect(end).toMatchObject(failure('agent_unconfigured', false, false));
    expect(end).toMatchObject({ message: 'The agent has no model to answer with.' });
  });

  it('says that pi ended at once, with its reason for the operator only', async () => {
    const end = await (await turnOf('exit-now')).end;
    expect(end).toMatchObject(failure('agent_exited', false, true));
    expect(end).toMatchObject({
      message: 'The agent stopped as soon as it was started.',
      hint: expect.stringContaining('exit code 1: Error: the moon is in the wrong phase'),
    });
  });

  it('says that pi never answered', async () => {
    const turn = await turnOf('silent', { startTimeoutMs: 300 });
    const end = await turn.end;
    expect(end).toMatchObject(failure('agent_silent', false, false));
    expect(end).toMatchObject({ hint: expect.stringContaining('agent.command') });
    // The wait for it is shown, and nothing else.
    expect(turn.events.filter(({ type }) => type !== 'starting')).toEqual([]);
  });

  it('says so of a program that is not pi', async () => {
    expect(await (await turnOf('not-pi')).end).toMatchObject(failure('agent_silent', false, false));
  });

  it('tries a prompt again that pi refused because it compacts, until the compaction is over', async () => {
    const turn = await turnOf('compacting');
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(turn.text()).toBe('the compaction is over');
    expect(turn.events.filter(({ type }) => type === 'compacting')).not.toHaveLength(0);
  });

  it('ends the turn of a pi that dies, and starts a new one for the next', async () => {
    const fake = await start('exit-mid-turn');
    const conversation = fake.agent.open(fake.spec);
    const turn = startTurn(conversation, 'x');
    const end = await turn.end;
    expect(end).toMatchObject(failure('agent_crashed', true, false));
    expect(end).toMatchObject({ hint: expect.stringContaining('exit code 3: TypeError: boom') });
    expect(turn.text()).toBe('half an ans');
    expect(await startTurn(conversation, 'y').end).toMatchObject({ code: 'agent_crashed' });
  });

  it('knows that a pi which died before it took the prompt has not reached the model', async () => {
    expect(await (await turnOf('exit-at-prompt')).end).toMatchObject(failure('agent_exited', false, true));
  });

  it('ends a pi that sends a giant line', async () => {
    const end = await (await turnOf('giant')).end;
    expect(end).toMatchObject(failure('agent_crashed', true, false));
    expect(end).toMatchObject({ hint: expect.stringContaining('16 MiB') });
  });

  it('tells an error of the model from a failure of the agent', async () => {
    const fake = await start('model-error');
    const conversation = fake.agent.open(fake.spec);
    const end = await startTurn(conversation, '401: {"error":"bad key"}').end;
    expect(end).toMatchObject({ code: 'model_error', message: expect.stringContaining('credentials') });
    // The session goes on.
    expect(await startTurn(conversation, '429: slow down').end).toMatchObject({ code: 'model_error' });
  });

  it('climbs the ladder for a pi that hears nothing, and leaves no process behind', async () => {
    const turn = await turnOf('deaf', { graceMs: 400 });
    await vi.waitFor(() => expect(turn.text()).toMatch(/\d \d/), PATIENT);
    const [pi, tool] = turn.text().split(' ').map(Number);
    if (pi === undefined || tool === undefined) throw new Error('no pids');
    expect([isAlive(pi), isAlive(tool)]).toEqual([true, true]);
    turn.abort();
    expect(await turn.end).toEqual({ status: 'aborted' });
    expect(turn.text()).toMatch(/SIGTERM$/);
    await vi.waitFor(() => expect([isAlive(pi), isAlive(tool)]).toEqual([false, false]), PATIENT);
  });

  it('sweeps up the tools of a pi that was killed', async () => {
    const turn = await turnOf('grandchild');
    await vi.waitFor(() => expect(turn.text()).toMatch(/\d \d/), PATIENT);
    const [pi, tool] = turn.text().split(' ').map(Number);
    if (pi === undefined || tool === undefined) throw new Error('no pids');
    process.kill(pi, 'SIGKILL');
    expect(await turn.end).toMatchObject({ code: 'agent_crashed', hint: expect.stringContaining('SIGKILL') });
    await vi.waitFor(() => expect(isAlive(tool)).toBe(false), PATIENT);
  });

  it('keeps a flood on stderr out of the memory and of the protocol', async () => {
    expect(await (await turnOf('stderr-flood')).end).toEqual({ status: 'answered' });
  });
});
