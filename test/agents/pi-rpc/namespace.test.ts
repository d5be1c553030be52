import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPiRpcAgent } from '../../../src/agents/pi-rpc/pi-rpc.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { Agent } from '../../../src/gateway/agent/agent.ts';
import { obedientModel, piCommand } from '../contract.ts';
import { type ModelServer, startModelServer } from '../model-server.ts';
import { startTurn, typesOf } from '../turns.ts';
import { children } from './fake.ts';

const PATIENT = { timeout: 30_000, interval: 20 };
const UNSHARE = [
  'unshare',
  '--user',
  '--map-root-user',
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
];
/** A folder that exists in the namespace alone. */
const INSIDE = '/mnt/only-inside/work';

const [program = '', ...flags] = UNSHARE;
const allowed = spawnSync(program, [...flags, 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

describe.skipIf(!allowed)('an agent in namespaces of its own (needs unshare)', () => {
  let server: ModelServer;
  let folder: string;
  let agent: Agent;
  const start = (): Agent =>
    createPiRpcAgent({
      pool: [
        {
          name: 'box',
          maxConcurrent: 2,
          command: [
            program,
            ...flags,
            ...['sh', '-c', 'mount -t tmpfs none /mnt && mkdir -p {cwd:q} && cd {cwd:q} && exec "$0" "$@"'],
            ...piCommand(),
            '{args}',
          ],
        },
      ],
      cwd: INSIDE,
      sessionDir: join(folder, 'sessions'),
      maxChildren: 2,
      idleMs: 60_000,
      startTimeoutMs: 60_000,
      log: silentLogger,
      env: server.env,
    });

  beforeAll(async () => {
    server = await startModelServer();
    server.reply(async (request) => {
      if (!request.text.startsWith('where')) return obedientModel(request);
      if (request.toolResults.length > 0) return { text: request.toolResults.join(' ') };
      return { tools: [{ name: 'bash', arguments: { command: 'pwd; echo pid $PPID; echo kept > note' } }] };
    });
    folder = await mkdtemp(join(tmpdir(), 'namespace-'));
    agent = start();
  });
  afterAll(async () => {
    await agent?.stop();
    await server?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const spec = { id: 'inside', kind: 'chat', cwd: INSIDE, host: 'box' } as const;

  it('checks out', async () => {
    expect(await agent.check(AbortSignal.timeout(60_000))).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^1 of 1 hosts answer\. box: pi \d+\.\d+\.\d+, model local\/mock$/),
    });
  });

  it('works where only the namespace is, and goes on there after a restart', async () => {
    const turn = startTurn(agent.open(spec), 'where are you?');
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(turn.text()).toContain(INSIDE);
    // The first processes of a namespace have the first numbers.
    expect(Number(/pid (\d+)/.exec(turn.text())?.[1])).toBeLessThan(10);
    await agent.stop();
    agent = start();
    expect(await startTurn(agent.open(spec), 'again').end).toEqual({ status: 'answered' });
    expect(server.requests.at(-1)?.history).toEqual(['where are you?', 'again']);
  });

  it('ends its turn with a sentence when the wrapper is killed, and answers the next message', async () => {
    const conversation = agent.open({ ...spec, id: 'killed' });
    const before = new Set(children());
    const turn = startTurn(conversation, '[tool bash] [hang]');
    await vi.waitFor(() => expect(typesOf(turn.events)).toContain('tool_start'), PATIENT);
    for (const pid of children()) if (!before.has(pid)) process.kill(pid, 'SIGKILL');
    expect(await turn.end).toMatchObject({
      status: 'failed',
      code: 'agent_crashed',
      message: 'The agent stopped unexpectedly before it had finished the answer.',
    });
    expect(await startTurn(conversation, 'next').end).toEqual({ status: 'answered' });
    expect(agent.hosts?.()).toMatchObject([{ name: 'box', state: 'up' }]);
  });
});
