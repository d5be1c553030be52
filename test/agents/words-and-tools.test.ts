import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAgent } from '../../src/agents/create.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Agent } from '../../src/gateway/agent/agent.ts';
import { piCommand } from './contract.ts';
import { type ModelServer, startModelServer } from './model-server.ts';
import { startTurn } from './turns.ts';

describe.each(['pi-rpc', 'pi-sdk'] as const)('what a session of %s brings along', (backend) => {
  let server: ModelServer;
  let agent: Agent;
  let folder: string;

  beforeAll(async () => {
    server = await startModelServer();
    folder = await mkdtemp(join(tmpdir(), `words-${backend}-`));
    await mkdir(join(server.agentDir, 'prompts'), { recursive: true });
    await writeFile(
      join(server.agentDir, 'prompts', 'fix-tests.md'),
      '---\ndescription: Fix failing tests\n---\nPlease fix $ARGUMENTS now.\n',
    );
    agent = await createAgent(backend, {
      command: piCommand(),
      cwd: folder,
      sessionDir: join(folder, 'sessions'),
      maxChildren: 4,
      hosts: 1,
      spare: false,
      idleMs: 60_000,
      startTimeoutMs: 60_000,
      log: silentLogger,
      env: server.env,
    });
  });
  afterAll(async () => {
    await agent.stop();
    await server.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it('is told by its words, which work as messages', async () => {
    const words = await agent.words?.(folder, AbortSignal.timeout(60_000));
    expect(words).toContainEqual({ name: 'fix-tests', description: 'Fix failing tests' });
    const turn = startTurn(
      agent.open({ id: `${backend}-words`, kind: 'chat', cwd: folder }),
      '/fix-tests src',
    );
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(turn.text().trim()).toBe('You said: Please fix src now.');
  });

  it.each([
    [
      ['read', 'ls'],
      ['ls', 'read'],
    ],
    [[], []],
  ])('is limited to the tools %j of the session', async (tools, expected) => {
    const spec = { id: `${backend}-tools-${tools.length}`, kind: 'chat', cwd: folder, tools } as const;
    expect(await startTurn(agent.open(spec), 'hello').end).toEqual({ status: 'answered' });
    expect([...(server.requests.at(-1)?.toolNames ?? [])].sort()).toEqual(expected);
  });

  it('tells the full name of the model and the level that were chosen', async () => {
    const conversation = agent.open({ id: `${backend}-chosen`, kind: 'chat', cwd: folder });
    expect(conversation.chosen).toEqual({ model: undefined, thinking: undefined });
    await conversation.control({ type: 'model', name: 'mock' });
    await conversation.control({ type: 'thinking', level: 'OFF' });
    expect(conversation.chosen).toEqual({ model: 'local/mock', thinking: 'off' });
  });
});
