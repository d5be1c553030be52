import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPiSdkAgent, type PiSdkAgentOptions } from '../../../src/agents/pi-sdk/pi-sdk.ts';
import { type Logger, silentLogger } from '../../../src/base/log.ts';
import type { Agent } from '../../../src/gateway/agent/agent.ts';
import { obedientModel } from '../contract.ts';
import { type ModelServer, startModelServer } from '../model-server.ts';
import { type ObservedTurn, startTurn, typesOf } from '../turns.ts';

const PATIENT = { timeout: 20_000, interval: 20 };

describe('the host of pi sessions', () => {
  let server: ModelServer;
  let folder = '';
  const agents: Agent[] = [];
  /** For what needs no host process of its own. */
  let shared: Agent;

  beforeAll(async () => {
    server = await startModelServer();
    folder = await mkdtemp(join(tmpdir(), 'pi-sdk-'));
    await mkdir(join(server.agentDir, 'extensions'));
    await cp(join(import.meta.dirname, 'extension.mjs'), join(server.agentDir, 'extensions/test.js'));
    shared = make();
  });
  afterEach(async () => {
    await Promise.all(agents.splice(0).map((agent) => agent.stop()));
    server.reply(obedientModel);
  });
  afterAll(async () => {
    await shared.stop();
    await server.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const make = (options: Partial<PiSdkAgentOptions> = {}): Agent =>
    createPiSdkAgent({
      cwd: folder,
      sessionDir: join(folder, 'sessions'),
      hosts: 1,
      idleMs: 60_000,
      startTimeoutMs: 60_000,
      log: silentLogger,
      env: server.env,
      ...options,
    });
  const start = (options: Partial<PiSdkAgentOptions>): Agent => {
    const agent = make(options);
    agents.push(agent);
    return agent;
  };
  const turnOf = (agent: Agent, text: string, id: string): ObservedTurn =>
    startTurn(agent.open({ id, kind: 'chat', cwd: folder }), text);
  /** The model calls the tool that the message names, then repeats its result. */
  const callsTools = (): void =>
    server.reply(({ text, toolResults }) =>
      toolResults.length > 0 ? { text: toolResults.join() } : { tools: [{ name: text, arguments: {} }] },
    );
  const answer = async (turn: ObservedTurn): Promise<string> => {
    expect(await turn.end).toEqual({ status: 'answered' });
    return turn.text();
  };

  it('keeps folder, environment and session file of its sessions apart', async () => {
    server.reply(({ toolResults }) =>
      toolResults.length > 0
        ? { text: toolResults.join() }
        : {
            tools: [
              { name: 'bash', arguments: { command: 'pwd; echo $PI_SESSION_FILE $PI_GATEWAY_HOSTED' } },
            ],
          },
    );
    const answers = await Promise.all(
      ['one', 'two', 'three'].map(async (id) => {
        const cwd = join(folder, id);
        await mkdir(cwd);
        return await answer(startTurn(shared.open({ id, kind: 'chat', cwd }), 'where?'));
      }),
    );
    expect(answers).toEqual(
      ['one', 'two', 'three'].map((id) => `${join(folder, id)}\n${join(folder, 'sessions', id)}.jsonl 1\n`),
    );
  });

  it('gives each session its own instances of extensions', async () => {
    callsTools();
    const first = shared.open({ id: 'count-1', kind: 'chat', cwd: folder });
    expect(await answer(startTurn(first, 'count'))).toBe('1');
    expect(await answer(startTurn(first, 'count'))).toBe('2');
    expect(await answer(turnOf(shared, 'count', 'count-2'))).toBe('1');
  });

  it('is not confused by what extensions print or forget to catch', async () => {
    callsTools();
    expect(await answer(turnOf(shared, 'shout', 'noisy'))).toBe('shouted');
    expect(await answer(turnOf(shared, 'forget', 'careless'))).toBe('forgotten');
    expect(await answer(turnOf(shared, 'count', 'calm'))).toBe('1');
  });

  it('ends a turn that a command of an extension has answered by itself', async () => {
    expect(await answer(turnOf(shared, '/hello', 'command'))).toBe('');
  });

  it('carries questions of extensions out, and denies them when nobody can be asked', async () => {
    callsTools();
    expect(await answer(turnOf(shared, 'ask', 'nobody'))).toBe('false');
    const asked: string[] = [];
    const asking = shared.open({
      id: 'somebody',
      kind: 'chat',
      cwd: folder,
      ask: async (question) => {
        asked.push(`${question.kind}: ${question.title}`);
        return { type: 'confirm', confirmed: true };
      },
    });
    expect(await answer(startTurn(asking, 'ask'))).toBe('true');
    expect(asked).toEqual(['confirm: Really?']);
  });

  it('lets extensions ask while a session starts', async () => {
    const agent = start({ env: { ...server.env, ASK_AT_START: '1' } });
    expect(await answer(turnOf(agent, 'hello', 'curious'))).toBe('You said: hello');
  });

  it('names the tool that blocks it, and is replaced when it does not come back', async () => {
    const warnings: string[] = [];
    const log: Logger = { ...silentLogger, warn: (message) => warnings.push(message), child: () => log };
    const agent = start({ blockedMs: 500, deadMs: 2000, log });
    const other = turnOf(agent, '[tool bash] [hang]', 'innocent');
    await vi.waitFor(() => expect(typesOf(other.events)).toContain('tool_start'), PATIENT);
    callsTools();
    const culprit = turnOf(agent, 'spin', 'culprit');
    const end = await culprit.end;
    expect(end).toMatchObject({
      status: 'failed',
      code: 'agent_crashed',
      message: 'The agent stopped reacting and was restarted.',
      hint: expect.stringMatching(/blocked \(for \d s, probably by the tool spin of session culprit\)/),
    });
    expect(await other.end).toMatchObject({ status: 'failed', code: 'agent_crashed', reachedModel: true });
    expect(warnings).toContainEqual(
      expect.stringMatching(/^the agent host is blocked: .*tool spin.*culprit/),
    );
    expect(await answer(turnOf(agent, 'count', 'innocent'))).toBe('1');
  });

  it('takes only its own running turns along when it dies, and resumes their sessions', async () => {
    const agent = start({ hosts: 2 });
    await Promise.all([
      answer(turnOf(agent, 'remember one', 'dying')),
      answer(turnOf(agent, 'remember two', 'living')),
    ]);
    const [dying, living] = ['dying', 'living'].map((id) => agent.open({ id, kind: 'chat', cwd: folder }));
    if (dying === undefined || living === undefined) throw new Error('two conversations');
    const survivor = startTurn(living, '[sleep 1500] still here');
    await vi.waitFor(() => expect(typesOf(survivor.events)).toContain('started'), PATIENT);
    expect(await startTurn(dying, '[crash]').end).toMatchObject({ code: 'agent_crashed' });
    expect(await answer(survivor)).toBe('You said: still here');
    expect(await answer(startTurn(dying, 'and now?'))).toBe('You said: and now?');
    expect(server.requests.at(-1)?.history).toContain('remember one');
  });

  it('puts sessions away that rest, and itself when none is left', async () => {
    const agent = start({ idleMs: 50 });
    const conversation = agent.open({ id: 'resting', kind: 'chat', cwd: folder });
    await answer(startTurn(conversation, 'one'));
    server.reply(({ toolResults }) =>
      toolResults.length > 0
        ? { text: toolResults.join() }
        : { tools: [{ name: 'bash', arguments: { command: 'echo $PPID' } }] },
    );
    const first = await answer(startTurn(conversation, 'pid'));
    await vi.waitFor(() => expect(() => process.kill(Number(first), 0)).toThrow(), PATIENT);
    expect(await answer(startTurn(conversation, 'pid'))).not.toBe(first);
    expect(server.requests.at(-1)?.history).toEqual(['one', 'pid', 'pid']);
  });

  it('says what is wrong with a session that cannot start', async () => {
    const spec = { kind: 'chat', cwd: folder } as const;
    const failing = (extra: object) => startTurn(shared.open({ ...spec, id: 'failing', ...extra }), 'x').end;
    expect(await failing({ model: 'typo-9000' })).toMatchObject({
      code: 'agent_unconfigured',
      message: 'The agent does not know the configured model.',
    });
    await writeFile(join(folder, 'broken.jsonl'), 'no session at all\n');
    expect(await failing({ sessionFile: join(folder, 'broken.jsonl') })).toMatchObject({
      code: 'agent_unconfigured',
      message: expect.stringContaining('could not be opened'),
    });
    expect(await readFile(join(folder, 'broken.jsonl'), 'utf8')).toBe('no session at all\n');
    expect(await failing({ model: 'local/other' })).toEqual({ status: 'answered' });
    expect(server.requests.at(-1)?.model).toBe('other');
  });

  it('says that no model is configured, and works once there is one', async () => {
    const agentDir = await mkdtemp(join(folder, 'bare-'));
    const agent = start({ env: { ...server.env, PI_CODING_AGENT_DIR: agentDir, HOME: agentDir } });
    expect(await turnOf(agent, 'hello', 'bare').end).toMatchObject({ code: 'agent_unconfigured' });
    for (const name of ['models.json', 'settings.json'])
      await cp(join(server.agentDir, name), join(agentDir, name));
    expect(await answer(turnOf(agent, 'hello', 'bare'))).toBe('You said: hello');
  });

  it('does what the controls ask', async () => {
    const conversation = shared.open({ id: 'controls', kind: 'chat', cwd: folder });
    expect(String(await conversation.control({ type: 'model', name: 'local/other' }))).toBe(
      'Model: local/other',
    );
    expect(String(await conversation.control({ type: 'thinking', level: 'low' }))).toBe('Thinking: low');
    await answer(startTurn(conversation, 'hello'));
    expect(server.requests.at(-1)?.model).toBe('other');
    expect(String(await conversation.control({ type: 'thinking' }))).toMatch(
      /^Thinking: low\nAvailable: off, /,
    );
    expect(String(await conversation.control({ type: 'usage' }))).toMatch(/tokens in/);
    await expect(conversation.control({ type: 'compact' })).rejects.toMatchObject({ code: 'agent_refused' });
  });

  it('holds a hundred conversations that talk at the same time', async () => {
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) =>
        expect(await answer(turnOf(shared, `I am ${i}`, `crowd-${i}`))).toBe(`You said: I am ${i}`),
      ),
    );
  }, 120_000);
});
