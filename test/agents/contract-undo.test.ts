import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Conversation } from '../../src/gateway/agent/agent.ts';
import { type AgentUnderTest, obedientModel, underTest } from './contract.ts';
import { type ModelServer, startModelServer } from './model-server.ts';
import { inputOf, startTurn, textOf, typesOf } from './turns.ts';

const PATIENT = { timeout: 20_000, interval: 20 };

describe.each(['scripted', 'pi-rpc', 'pi-sdk'] as const)('the memory of %s', (backend) => {
  let server: ModelServer;
  let test: AgentUnderTest;
  let sessions = 0;
  const fresh = () => test.agent.open(test.spec(`${backend}-${++sessions}`));
  /** What the model was told last of what the user said. */
  const history = () => server.requests.at(-1)?.history;

  beforeAll(async () => {
    server = await startModelServer();
    server.reply(obedientModel);
    test = await underTest(backend, server);
  });
  afterAll(async () => {
    await test.stop();
    await server.stop();
  });

  async function say(conversation: Conversation, text: string): Promise<void> {
    expect(await startTurn(conversation, text).end).toEqual({ status: 'answered' });
  }

  it('loses the last turn, and the one before it, when they are taken back', async () => {
    const conversation = fresh();
    for (const text of ['one', 'two', 'three']) await say(conversation, text);
    expect(await conversation.undo?.()).toEqual({ text: 'three' });
    expect(await conversation.undo?.()).toEqual({ text: 'two' });
    await say(conversation, 'four');
    if (backend !== 'scripted') expect(history()).toEqual(['one', 'four']);
  });

  it('is empty when the only turn was taken back; there is nothing more to take', async () => {
    const conversation = fresh();
    await say(conversation, 'one');
    expect(await conversation.undo?.()).toEqual({ text: 'one' });
    await expect(conversation.undo?.()).rejects.toMatchObject({ code: 'nothing_to_undo' });
    await say(conversation, 'two');
    if (backend !== 'scripted') expect(history()).toEqual(['two']);
  });

  it('stays taken back after a restart', async () => {
    const conversation = fresh();
    await say(conversation, 'one');
    await say(conversation, 'two');
    await conversation.undo?.();
    const { sessionFile } = conversation;
    const spec = test.spec(`${backend}-${sessions}`);
    await conversation.close();
    const again = test.agent.open({ ...spec, ...(sessionFile === undefined ? {} : { sessionFile }) });
    await say(again, 'three');
    if (backend !== 'scripted') expect(history()).toEqual(['one', 'three']);
  });

  it('takes nothing back while a turn runs', async () => {
    if (backend === 'scripted') return; // its lane sees to that
    const conversation = fresh();
    const turn = startTurn(conversation, '[sleep 1000] one');
    await vi.waitFor(() => expect(typesOf(turn.events)).toContain('started'), PATIENT);
    await expect(conversation.undo?.()).rejects.toMatchObject({ code: 'agent_busy' });
    expect(await turn.end).toEqual({ status: 'answered' });
  });

  it('is asked beside a running turn, and keeps nothing of it', async () => {
    const conversation = fresh();
    await say(conversation, 'one');
    const files = sessionFiles();
    const turn = startTurn(conversation, '[tool bash] [sleep 3000] two');
    await vi.waitFor(() => expect(typesOf(turn.events)).toContain('started'), PATIENT);
    const beside = aside(conversation, 'what was first?');
    expect(await beside.end).toEqual({ status: 'answered' });
    expect(beside.text()).toBe('You said: what was first?');
    if (backend !== 'scripted') {
      const asked = server.requests.find(({ text }) => text === 'what was first?');
      expect(asked?.history).toEqual(['one', 'what was first?']);
      expect([...(asked?.toolNames ?? [])].sort()).toEqual(['find', 'grep', 'ls', 'read']);
    }
    expect(await turn.end).toEqual({ status: 'answered' });
    await say(conversation, 'three');
    if (backend !== 'scripted') expect(history()).not.toContain('what was first?');
    expect(sessionFiles()).toEqual(files);
  });

  it('is asked before there is anything to remember', async () => {
    const beside = aside(fresh(), 'hello');
    expect(await beside.end).toEqual({ status: 'answered' });
    expect(beside.text()).toBe('You said: hello');
  });

  it('lets a question beside it be stopped', async () => {
    const beside = aside(fresh(), '[sleep 60000] long');
    await vi.waitFor(() => expect(beside.types()).toContain('started'), PATIENT);
    beside.abort();
    expect(await beside.end).toEqual({ status: 'aborted' });
  });

  function sessionFiles(): string[] {
    return backend === 'scripted' ? [] : readdirSync(test.sessionDir);
  }
});

function aside(conversation: Conversation, text: string) {
  const controller = new AbortController();
  const events: Parameters<typeof textOf>[0][number][] = [];
  if (conversation.aside === undefined) throw new Error('it cannot');
  return {
    end: conversation.aside(inputOf(text), (event) => events.push(event), controller.signal),
    text: () => textOf(events),
    types: () => typesOf(events),
    abort: () => controller.abort(),
  };
}
