import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AgentEvent } from '../../../src/gateway/agent/agent.ts';
import { startTurn } from '../turns.ts';
import { type FakePi, isAlive, startFakePi } from './fake.ts';

const PATIENT = { timeout: 15_000, interval: 20 };
const FAKE = join(import.meta.dirname, '../fake-pi.mjs');

/** Waits in a queue until the file exists; takes its job back on SIGTERM, as srun does. */
const QUEUE = `
  const { existsSync, writeFileSync } = require('node:fs');
  const [folder, program] = process.argv.slice(1);
  writeFileSync(folder + (process.argv.includes('--version') ? '/version' : '/pid'), String(process.pid));
  process.on('SIGTERM', () => { writeFileSync(folder + '/taken-back', ''); process.exit(143); });
  const look = setInterval(() => {
    if (!existsSync(folder + '/served')) return;
    clearInterval(look);
    process.argv.splice(1, 2, program);
    import(program);
  }, 20);
`;

describe('an agent command that waits in a queue', () => {
  let fake: FakePi | undefined;
  afterEach(async () => {
    await fake?.stop();
  });

  const start = async (startTimeoutMs: number) => {
    const { folder } = await startFakePi('echo');
    const made = await startFakePi('echo', {
      command: [process.execPath, '-e', QUEUE, folder, FAKE, 'echo'],
      startTimeoutMs,
      spare: false,
    });
    fake = made;
    return { made, folder, conversation: made.agent.open(made.spec) };
  };
  const starts = (events: readonly AgentEvent[]): AgentEvent[] =>
    events.filter(({ type }) => type === 'starting');

  it('says that it is starting for as long as it does, and answers then', async () => {
    const { folder, conversation } = await start(4000);
    const turn = startTurn(conversation, 'hello');
    await vi.waitFor(() => expect(starts(turn.events)).toEqual([{ type: 'starting', on: true }]), PATIENT);
    writeFileSync(join(folder, 'served'), '');
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(turn.text()).toBe('echo: hello');
    expect(starts(turn.events)).toEqual([
      { type: 'starting', on: true },
      { type: 'starting', on: false },
    ]);
  });

  it('is asked to leave when nobody wants it any more, and the next message starts another', async () => {
    const { folder, conversation } = await start(60_000);
    const turn = startTurn(conversation, 'hello');
    await vi.waitFor(() => expect(existsSync(join(folder, 'pid'))).toBe(true), PATIENT);
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    turn.abort();
    expect(await turn.end).toEqual({ status: 'aborted' });
    await vi.waitFor(
      () => expect([existsSync(join(folder, 'taken-back')), isAlive(pid)]).toEqual([true, false]),
      PATIENT,
    );
    writeFileSync(join(folder, 'served'), '');
    const next = startTurn(conversation, 'again');
    expect(await next.end).toEqual({ status: 'answered' });
    expect(next.text()).toBe('echo: again');
  });

  it('is not judged by a look that ends sooner than its limit', async () => {
    const { made, folder } = await start(60_000);
    expect(await made.agent.check(AbortSignal.timeout(1000))).toMatchObject({
      ok: true,
      pending: true,
      detail: 'The agent command is still starting after 1 s; agent.startSeconds allows 60 s.',
    });
    await vi.waitFor(() => expect(existsSync(join(folder, 'taken-back'))).toBe(true), PATIENT);
    // Neither is left in the queue: the one that was asked for its version is asked to leave as well.
    const pids = ['pid', 'version'].map((name) => Number(readFileSync(join(folder, name), 'utf8')));
    await vi.waitFor(() => expect(pids.map(isAlive)).toEqual([false, false]), { timeout: 6_000 });
  });

  it('is ended the same way at the limit, which names the key', async () => {
    const { folder, conversation } = await start(1000);
    expect(await startTurn(conversation, 'hello').end).toMatchObject({
      code: 'agent_silent',
      reachedModel: false,
      hint: expect.stringContaining('agent.startSeconds'),
    });
    expect(existsSync(join(folder, 'taken-back'))).toBe(true);
  });
});
