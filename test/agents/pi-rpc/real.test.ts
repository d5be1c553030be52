import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPiRpcAgent, type PiRpcAgentOptions } from '../../../src/agents/pi-rpc/pi-rpc.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { Agent } from '../../../src/gateway/agent/agent.ts';
import { obedientModel, piCommand } from '../contract.ts';
import { type ModelServer, startModelServer } from '../model-server.ts';
import { startTurn, typesOf } from '../turns.ts';
import { children, isAlive } from './fake.ts';

const PATIENT = { timeout: 20_000, interval: 20 };

describe('the real pi as a child', () => {
  let server: ModelServer;
  let folder = '';
  const agents: Agent[] = [];

  beforeAll(async () => {
    server = await startModelServer();
    folder = await mkdtemp(join(tmpdir(), 'pi-rpc-'));
  });
  afterEach(async () => {
    await Promise.all(agents.splice(0).map((agent) => agent.stop()));
    server.reply(obedientModel);
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const start = (options: Partial<PiRpcAgentOptions> = {}): Agent => {
    const agent = createPiRpcAgent({
      command: piCommand(),
      cwd: folder,
      sessionDir: join(folder, 'sessions'),
      maxChildren: 2,
      spare: false,
      idleMs: 60_000,
      startTimeoutMs: 60_000,
      log: silentLogger,
      env: server.env,
      ...options,
    });
    agents.push(agent);
    return agent;
  };
  const turnOf = (agent: Agent, text: string, id = 's1') =>
    startTurn(agent.open({ id, kind: 'chat', cwd: folder }), text);
  /** A pi that has no model at all. */
  const bareEnv = async (): Promise<NodeJS.ProcessEnv> => {
    const agentDir = await mkdtemp(join(folder, 'bare-'));
    return { ...server.env, PI_CODING_AGENT_DIR: agentDir, HOME: agentDir };
  };

  it('tells version and model in a check', async () => {
    const check = await start().check(AbortSignal.timeout(60_000));
    expect(check).toEqual({
      ok: true,
      detail: expect.stringMatching(/^pi \d+\.\d+\.\d+, model local\/mock$/),
    });
  });

  it('tells in a check what is missing', async () => {
    const signal = AbortSignal.timeout(60_000);
    expect(await start({ env: await bareEnv() }).check(signal)).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^pi \d.*no model to answer with/),
      hint: expect.stringContaining('/login'),
    });
    expect(await start({ model: 'typo-9000' }).check(signal)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('does not know the configured model'),
      hint: expect.stringContaining('typo-9000'),
    });
    expect(await start({ model: 'local/typo-9000' }).check(signal)).toMatchObject({
      ok: true,
      hint: expect.stringContaining('does not list local/typo-9000'),
    });
    expect(await start({ cwd: '/nowhere/at/all' }).check(signal)).toMatchObject({
      ok: false,
      hint: expect.stringContaining('/nowhere/at/all'),
    });
    expect(await start({ command: ['/nowhere/pi'] }).check(signal)).toMatchObject({
      ok: false,
      detail: 'The agent is not installed on this machine.',
    });
  });

  it('says that no model is configured', async () => {
    const turn = turnOf(start({ env: await bareEnv() }), 'hello', 'bare');
    expect(await turn.end).toMatchObject({ code: 'agent_unconfigured', reachedModel: false });
    expect(typesOf(turn.events)).toEqual([]);
  });

  it('says that the configured model does not exist', async () => {
    const end = await turnOf(start({ model: 'typo-9000' }), 'hello', 'typo').end;
    expect(end).toMatchObject({
      code: 'agent_unconfigured',
      message: 'The agent does not know the configured model.',
      hint: expect.stringContaining('typo-9000'),
    });
  });

  it('names the reason when the provider refuses', async () => {
    const conversation = start().open({ id: 'refused-by-provider', kind: 'chat', cwd: folder });
    for (const [status, message, sentence] of [
      [401, 'Incorrect API key provided', 'credentials'],
      [429, 'Rate limit reached for requests', 'limiting requests'],
      [404, 'The model `mock` does not exist', 'does not know'],
      [503, 'The server is overloaded', 'has a problem right now'],
    ] as const) {
      server.reply(() => ({ error: { status, message } }));
      expect(await startTurn(conversation, 'hello').end).toMatchObject({
        code: 'model_error',
        reachedModel: true,
        message: expect.stringContaining(sentence),
        hint: expect.stringContaining(String(status)),
      });
    }
  });

  it('names the reason when there is no model server', async () => {
    const agentDir = await mkdtemp(join(folder, 'refused-'));
    for (const name of ['models.json', 'settings.json']) {
      const text = await readFile(join(server.agentDir, name), 'utf8');
      await writeFile(join(agentDir, name), text.replace(server.url, 'http://127.0.0.1:1/v1'));
    }
    const end = await turnOf(start({ env: { ...server.env, PI_CODING_AGENT_DIR: agentDir } }), 'x', 'refused')
      .end;
    expect(end).toMatchObject({ code: 'model_error', message: 'The model could not be reached.' });
  });

  it('goes on with the same session file when it was killed before the first answer', async () => {
    const agent = start();
    const conversation = agent.open({ id: 'killed', kind: 'chat', cwd: folder });
    const first = startTurn(conversation, '[crash]');
    expect(await first.end).toMatchObject({ code: 'agent_crashed' });
    const next = startTurn(conversation, 'again');
    expect(await next.end).toEqual({ status: 'answered' });
    expect(existsSync(join(folder, 'sessions/killed.jsonl'))).toBe(true);
    expect(next.events.filter((event) => event.type === 'session')).toEqual([]);
  });

  it('keeps the model and thinking level that were chosen, also in the next process', async () => {
    const agent = start({ idleMs: 1 });
    const conversation = agent.open({ id: 'choice', kind: 'chat', cwd: folder });
    expect(String(await conversation.control({ type: 'model' }))).toBe(
      'Model: local/mock\nAvailable: local/mock, local/other',
    );
    expect(String(await conversation.control({ type: 'model', name: 'OTHER' }))).toBe('Model: local/other');
    expect(String(await conversation.control({ type: 'thinking', level: 'High' }))).toBe('Thinking: high');
    await startTurn(conversation, 'hello').end;
    expect(server.requests.at(-1)?.model).toBe('other');
    expect(String(await conversation.control({ type: 'thinking' }))).toMatch(/^Thinking: high\n/);
    await expect(conversation.control({ type: 'model', name: 'local' })).rejects.toMatchObject({
      code: 'model_ambiguous',
    });
    await expect(conversation.control({ type: 'model', name: 'gpt' })).rejects.toMatchObject({
      code: 'model_unknown',
    });
    await expect(conversation.control({ type: 'thinking', level: 'wild' })).rejects.toMatchObject({
      code: 'thinking_unknown',
      hint: expect.stringContaining('medium'),
    });
  });

  it('does not compact while a turn runs, and tells why pi refuses to', async () => {
    const conversation = start().open({ id: 'compact', kind: 'chat', cwd: folder });
    const turn = startTurn(conversation, '[sleep 500] hello');
    await vi.waitFor(() => expect(typesOf(turn.events)).toContain('started'), PATIENT);
    await expect(conversation.control({ type: 'compact' })).rejects.toMatchObject({ code: 'agent_busy' });
    await turn.end;
    await expect(conversation.control({ type: 'compact' })).rejects.toMatchObject({ code: 'agent_refused' });
  });

  it('gives the agent its instructions, its folder and the mark of the gateway', async () => {
    server.reply((request) =>
      request.toolResults.length > 0
        ? { text: request.toolResults[0] ?? '' }
        : { tools: [{ name: 'bash', arguments: { command: 'pwd; echo hosted=$PI_GATEWAY_HOSTED' } }] },
    );
    const turn = startTurn(
      start().open({ id: 'instructed', kind: 'chat', cwd: folder, systemPrompt: 'Answer in verse.' }),
      'where are you?',
    );
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(turn.text()).toBe(`${folder}\nhosted=1\n`);
    expect(server.requests.at(-1)?.system).toContain('Answer in verse.');
  });

  it.runIf(process.platform === 'linux')('serves a new session with the spare child', async () => {
    server.reply((request) =>
      request.toolResults.length > 0
        ? { text: request.toolResults[0] ?? '' }
        : { tools: [{ name: 'bash', arguments: { command: 'echo $PPID $PI_SESSION_FILE' } }] },
    );
    const agent = start({ model: 'local/other', maxChildren: 4, spare: true });
    const first = turnOf(agent, 'first', 'spare-first');
    expect(await first.end).toEqual({ status: 'answered' });
    const spares = () => children().filter((pid) => !first.text().startsWith(`${pid} `));
    await vi.waitFor(() => expect(spares()).toHaveLength(1), PATIENT);
    const [pid] = spares();
    const id = await vi.waitFor(async () => {
      const name = `spare-${performance.now()}`;
      const turn = turnOf(agent, 'next', name);
      expect(await turn.end).toEqual({ status: 'answered' });
      // Before the spare has answered once, a session gets a child of its own.
      expect(turn.text()).toBe(`${pid} ${join(folder, 'sessions', name)}.jsonl\n`);
      return name;
    }, PATIENT);
    expect(server.requests.at(-1)).toMatchObject({ model: 'other', history: ['next'] });
    await agent.stop();
    await turnOf(start(), 'resumed', id).end;
    expect(server.requests.at(-1)?.history).toEqual(['next', 'resumed']);
  });

  it('leaves no pi and no tool behind when the gateway is killed', async () => {
    const script = join(import.meta.dirname, 'hang-forever.ts');
    const gateway = spawn(process.execPath, [script, folder], {
      env: { ...server.env, PI_COMMAND: JSON.stringify(piCommand()) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    gateway.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    // The tool writes its own process id and that of pi.
    const pidFile = join(folder, 'pids');
    await vi.waitFor(async () => expect(await readFile(pidFile, 'utf8')).toMatch(/^\d+ \d+\n$/), PATIENT);
    const pids = (await readFile(pidFile, 'utf8')).trim().split(' ').map(Number);
    expect(pids.map(isAlive)).toEqual([true, true]);
    gateway.kill('SIGKILL');
    await once(gateway, 'exit');
    await vi.waitFor(() => expect(pids.map(isAlive)).toEqual([false, false]), PATIENT);
    expect(output).toBe('');
  });
});
