import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { leftOut } from '../../../src/agents/pi/backend.ts';
import type { AgentEvent } from '../../../src/gateway/agent/agent.ts';
import { inputOf, startTurn, textOf, typesOf } from '../turns.ts';
import { type FakePi, isAlive, startFakePi } from './fake.ts';

const PATIENT = { timeout: 15_000, interval: 20 };

describe('the protocol of pi', () => {
  const running: FakePi[] = [];
  const start = async (...args: Parameters<typeof startFakePi>): Promise<FakePi> => {
    const fake = await startFakePi(...args);
    running.push(fake);
    return fake;
  };
  afterEach(async () => {
    await Promise.all(running.splice(0).map((fake) => fake.stop()));
  });
  const conversationOf = async (...args: Parameters<typeof startFakePi>) => {
    const fake = await start(...args);
    return fake.agent.open(fake.spec);
  };
  const answerOf = async (mode: string, text = 'x') => {
    const turn = startTurn(await conversationOf(mode), text);
    expect(await turn.end).toEqual({ status: 'answered' });
    return turn;
  };

  it('tells the session file, then started, text, its end and the usage', async () => {
    const fake = await start('echo');
    const turn = startTurn(fake.agent.open(fake.spec), 'hello');
    await turn.end;
    expect(turn.events).toEqual([
      { type: 'session', sessionFile: join(fake.folder, 'sessions/s1.jsonl') },
      { type: 'started' },
      { type: 'text_delta', delta: 'echo: hello' },
      { type: 'text_end' },
      { type: 'usage', inputTokens: 3, outputTokens: 4, costUsd: 0.5 },
    ]);
  });

  it('tells the session file once, and not at all when it is known', async () => {
    const fake = await start('echo');
    const conversation = fake.agent.open(fake.spec);
    await startTurn(conversation, 'one').end;
    expect(typesOf((await finished(startTurn(conversation, 'two'))).events)).not.toContain('session');
    const sessionFile = join(fake.folder, 'sessions/s1.jsonl');
    const resumed = fake.agent.open({ ...fake.spec, id: 'other', sessionFile });
    expect(typesOf((await finished(startTurn(resumed, 'three'))).events)).not.toContain('session');
  });

  it('starts pi with the flags of the session', async () => {
    const fake = await start('argv', { model: 'acme/default', thinking: 'low', tools: ['read', 'bash'] });
    const conversation = fake.agent.open({
      ...fake.spec,
      model: 'acme/own',
      sessionFile: '/s/known.jsonl',
      systemPrompt: 'Be kind.',
    });
    const turn = await finished(startTurn(conversation, 'x'));
    expect(JSON.parse(turn.text())).toEqual([
      ...['--mode', 'rpc', '--session-dir', join(fake.folder, 'sessions'), '--session', '/s/known.jsonl'],
      ...['--model', 'acme/own', '--thinking', 'low', '--tools', 'read,bash'],
      ...['--exclude-tools', leftOut(['read', 'bash']).join()],
      ...['--append-system-prompt', 'Be kind.'],
    ]);
  });

  it('opens a session anew to continue a turn that was cut off, whoever has opened it before', async () => {
    const fake = await start('argv', { resumeExtension: '/x/resume.mjs' });
    const file = join(fake.folder, 'cut.jsonl');
    const conversation = fake.agent.open({ ...fake.spec, sessionFile: file });
    // As a command of the person does while they are asked whether to continue.
    expect((await finished(startTurn(conversation, 'x'))).text()).not.toContain('resume.mjs');
    const events: AgentEvent[] = [];
    const how = { id: 't1', file, since: 0, forget: false, results: [] };
    const end = conversation.resume?.(how, (event) => events.push(event), new AbortController().signal);
    expect(await end).toEqual({ status: 'answered' });
    const flags: string[] = JSON.parse(textOf(events));
    expect(flags).toEqual(expect.arrayContaining(['--session', file, '--extension', '/x/resume.mjs']));
  });

  it('marks the child as hosted and keeps our secrets from it', async () => {
    const conversation = await conversationOf('env', {
      env: { PATH: process.env['PATH'], PI_GATEWAY_OPERATOR_TOKEN: 'secret', KEPT: 'yes' },
    });
    const env = JSON.parse((await finished(startTurn(conversation, 'x'))).text());
    expect(env).toMatchObject({ PI_GATEWAY_HOSTED: '1', KEPT: 'yes' });
    expect(JSON.stringify(env)).not.toContain('secret');
  });

  it('puts characters together that arrive byte by byte, with CRLF behind them', async () => {
    expect((await answerOf('partial-utf8')).text()).toBe('né 👩‍👩‍👧‍👦 你好');
  });

  it('does not take Unicode separators for line ends', async () => {
    expect((await answerOf('separators')).text()).toBe('a\u2028b\u2029c\u0085d');
  });

  it('overlooks what is not the protocol', async () => {
    expect((await answerOf('noise')).text()).toBe('still fine');
  });

  it('takes the finished message when nothing was streamed', async () => {
    expect((await answerOf('unstreamed')).text()).toBe('only at the end');
  });

  it('reports tools by name only, and progress as progress', async () => {
    const turn = await answerOf('progress');
    expect(turn.events.slice(2, 5)).toEqual([
      { type: 'progress', percent: 42, message: 'reading' },
      { type: 'tool_start', id: 't', name: 'bash' },
      { type: 'tool_end', id: 't', name: 'bash', ok: false },
    ]);
    expect(JSON.stringify(turn.events)).not.toContain('secret');
  });

  it('ends a turn that a command of an extension has answered by itself', async () => {
    expect((await answerOf('handled', '/hello')).text()).toBe('');
    expect((await answerOf('handled-with-run', '/hello')).text()).toBe('from the command');
  });

  it('answers dialogs with "cancelled" when nobody can be asked', async () => {
    const turn = await answerOf('dialog');
    expect(JSON.parse(turn.text())).toEqual({ type: 'extension_ui_response', id: 'd1', cancelled: true });
  });

  it('lets somebody else answer the dialogs', async () => {
    const asked: string[] = [];
    const conversation = await conversationOf(
      'dialog',
      {},
      {
        ask: async (question) => {
          asked.push(`${question.kind}: ${question.title}`);
          return { type: 'confirm', confirmed: true };
        },
      },
    );
    const turn = await finished(startTurn(conversation, 'x'));
    expect(JSON.parse(turn.text())).toMatchObject({ id: 'd1', confirmed: true });
    expect(asked).toEqual(['confirm: Really?']);
  });

  describe('steering', () => {
    const steerable = async (fakeOptions = {}) => {
      const conversation = await conversationOf('steerable', fakeOptions);
      const turn = startTurn(conversation, 'go');
      await vi.waitFor(() => expect(turn.text()).toBe('first'), PATIENT);
      return { conversation, turn };
    };
    const consumed = (events: readonly AgentEvent[]) =>
      events.filter((event) => event.type === 'consumed').map((event) => event.inputId);

    it('reports each input when pi takes it, also when a template changed its text', async () => {
      const { conversation, turn } = await steerable();
      const inputs = ['/template a', 'plain', 'take all'].map((text) => inputOf(text));
      const taken = [];
      for (const input of inputs) taken.push(await conversation.steer(input));
      expect(await turn.end).toEqual({ status: 'answered' });
      expect(taken).toEqual([true, true, true]);
      expect(consumed(turn.events)).toEqual(inputs.map((input) => input.id));
      expect(turn.text()).toBe('first/template a plain take all ');
    });

    it('takes back what pi has not taken when the turn settles', async () => {
      const log = join((await start('echo')).folder, 'cleared');
      const { conversation, turn } = await steerable({ env: { ...process.env, FAKE_PI_LOG: log } });
      expect(await conversation.steer(inputOf('too late'))).toBe(true);
      expect(await conversation.steer(inputOf('settle now'))).toBe(true);
      expect(await turn.end).toEqual({ status: 'answered' });
      expect(consumed(turn.events)).toEqual([]);
      expect(readFileSync(log, 'utf8')).toBe('started\ncleared too late,settle now\n');
    });

    it('takes it back when the turn is aborted', async () => {
      const { conversation, turn } = await steerable();
      expect(await conversation.steer(inputOf('waiting'))).toBe(true);
      turn.abort();
      expect(await turn.end).toEqual({ status: 'aborted' });
      expect(consumed(turn.events)).toEqual([]);
      expect(await conversation.steer(inputOf('afterwards'))).toBe(false);
    });
  });

  it('aborts once more when a prompt starts after it was aborted in its preparation', async () => {
    const log = join((await start('echo')).folder, 'aborts');
    const conversation = await conversationOf('preparing', { env: { ...process.env, FAKE_PI_LOG: log } });
    const turn = startTurn(conversation, 'x');
    await vi.waitFor(() => expect(readFileSync(log, 'utf8')).toContain('started'), PATIENT);
    await vi.waitFor(() => expect(typesOf(turn.events)).toContain('session'), PATIENT);
    turn.abort();
    expect(await turn.end).toEqual({ status: 'aborted' });
    expect(readFileSync(log, 'utf8')).toMatch(/aborted the preparation\n(.*\n)*aborted the run\n/);
  });

  describe('the children', () => {
    it('are started by the first turn and serve the next ones', async () => {
      const conversation = await conversationOf('pid');
      const first = (await finished(startTurn(conversation, 'x'))).text();
      const second = (await finished(startTurn(conversation, 'x'))).text();
      expect(Number(first)).toBeGreaterThan(0);
      expect(second).toBe(first);
    });

    it('stop when they have nothing to do', async () => {
      const conversation = await conversationOf('pid', { idleMs: 50 });
      const pid = Number((await finished(startTurn(conversation, 'x'))).text());
      await vi.waitFor(() => expect(isAlive(pid)).toBe(false), PATIENT);
      expect((await finished(startTurn(conversation, 'x'))).text()).not.toBe(String(pid));
    });

    it('leave before another one opens the same session', async () => {
      const log = join((await start('echo')).folder, 'lives');
      const env = { ...process.env, FAKE_PI_LOG: log };
      const conversation = await conversationOf('slow-to-leave', { env, idleMs: 1, spare: false });
      await startTurn(conversation, 'x').end;
      await new Promise((resolve) => setTimeout(resolve, 50));
      await startTurn(conversation, 'y').end;
      expect(readFileSync(log, 'utf8')).toMatch(/^started\nleft\nstarted\n/);
    });

    it('are never more than allowed, and everybody gets a turn', async () => {
      const fake = await start('pid', { maxChildren: 2 });
      const pids = new Set<string>();
      const turns = Array.from({ length: 6 }, async (_, i) => {
        const conversation = fake.agent.open({ ...fake.spec, id: `many-${i}` });
        for (let round = 0; round < 2; round++) {
          const turn = await finished(startTurn(conversation, 'x'));
          pids.add(turn.text());
          expect([...pids].filter((pid) => isAlive(Number(pid))).length).toBeLessThanOrEqual(2);
        }
      });
      await Promise.all(turns);
    });

    it('are not waited for by a turn that was aborted in the queue', async () => {
      const fake = await start('deaf', { maxChildren: 1, graceMs: 200 });
      const busy = startTurn(fake.agent.open(fake.spec), 'x');
      await vi.waitFor(() => expect(busy.text()).not.toBe(''), PATIENT);
      const waiting = startTurn(fake.agent.open({ ...fake.spec, id: 's2' }), 'x');
      waiting.abort();
      expect(await waiting.end).toEqual({ status: 'aborted' });
      const late = startTurn(fake.agent.open({ ...fake.spec, id: 's3' }), 'x');
      late.abort('timed_out');
      expect(await late.end).toMatchObject({ code: 'timed_out', reachedModel: false });
      expect(waiting.events).toEqual([]);
      busy.abort();
      await busy.end;
    });

    it('are all gone after a stop, and their turns have ended', async () => {
      const fake = await start('deaf', { graceMs: 200 });
      const turn = startTurn(fake.agent.open(fake.spec), 'x');
      await vi.waitFor(() => expect(turn.text()).toMatch(/\d \d/), PATIENT);
      await fake.agent.stop();
      expect(await turn.end).toMatchObject({ code: 'agent_stopped', reachedModel: true });
      const pids = turn.text().match(/\d+/g)?.map(Number) ?? [];
      await vi.waitFor(() => expect(pids.map(isAlive)).toEqual([false, false]), PATIENT);
    });

    it('do not start for a conversation that is closed', async () => {
      const conversation = await conversationOf('pid');
      await conversation.close();
      expect(await startTurn(conversation, 'x').end).toMatchObject({
        code: 'agent_stopped',
        reachedModel: false,
      });
    });
  });
});

async function finished(turn: ReturnType<typeof startTurn>): Promise<ReturnType<typeof startTurn>> {
  await turn.end;
  return turn;
}
