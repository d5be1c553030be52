import { describe, expect, it, vi } from 'vitest';
import { createScriptedAgent } from '../../../src/agents/scripted/scripted.ts';
import type { ConversationSpec } from '../../../src/gateway/agent/agent.ts';
import { inputOf, startTurn, typesOf } from '../turns.ts';

const spec: ConversationSpec = { id: 's1', kind: 'chat', cwd: '/tmp' };
const open = () => createScriptedAgent().open(spec);

describe('scripted agent', () => {
  it('answers with what was said, word by word', async () => {
    const turn = startTurn(open(), 'hello  big\nworld');
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(turn.text()).toBe('You said: hello  big\nworld');
    expect(turn.events.filter((e) => e.type === 'text_delta').map((e) => e.delta)).toEqual([
      'You ',
      'said: ',
      'hello  ',
      'big\n',
      'world',
    ]);
    expect(typesOf(turn.events)).toEqual(['started', 'model', 'model', 'text_end', 'usage']);
  });

  it('reports nothing before run has returned', async () => {
    const turn = startTurn(open(), 'hello');
    expect(turn.events).toEqual([]);
    await turn.end;
  });

  it('counts the images it was shown', async () => {
    const image = { mimeType: 'image/png', dataBase64: 'AAAA' };
    const turn = startTurn(open(), inputOf('look', [image]));
    await turn.end;
    expect(turn.text()).toBe('You said: look (1 image)');
  });

  it('keeps brackets that are no directive', async () => {
    const turn = startTurn(open(), ' [sleep] [tool] [x] a[0] ');
    await turn.end;
    expect(turn.text()).toBe('You said:  [sleep] [tool] [x] a[0] ');
  });

  it('waits for [sleep] before the answer and leaves the directive out of it', async () => {
    vi.useFakeTimers();
    try {
      const turn = startTurn(open(), 'good [sleep 500] night');
      await vi.advanceTimersByTimeAsync(499);
      expect(turn.text()).toBe('');
      await vi.advanceTimersByTimeAsync(1);
      expect(await turn.end).toEqual({ status: 'answered' });
      expect(turn.text()).toBe('You said: good night');
    } finally {
      vi.useRealTimers();
    }
  });

  it('waits as asked before an answer and between words', async () => {
    vi.useFakeTimers();
    try {
      const turn = startTurn(createScriptedAgent({ delayMs: 100, chunkDelayMs: 10 }).open(spec), 'a b');
      await vi.advanceTimersByTimeAsync(100);
      expect(turn.text()).toBe('You ');
      await vi.advanceTimersByTimeAsync(10);
      expect(turn.text()).toBe('You said: ');
      await vi.advanceTimersByTimeAsync(20);
      expect(await turn.end).toEqual({ status: 'answered' });
      expect(turn.text()).toBe('You said: a b');
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([5, 40, 1000, 10_000])('answers [long %i] with exactly that many characters', async (length) => {
    const turn = startTurn(open(), `[long ${length}] tell me`);
    await turn.end;
    expect(turn.text()).toHaveLength(length);
    expect(turn.text().isWellFormed()).toBe(true);
    if (length >= 1000) expect(turn.text()).toMatch(/```ts\n[\s\S]*```[\s\S]*🎉/);
  });

  it('puts a tool call around the answer for [tool]', async () => {
    const turn = startTurn(open(), '[tool bash] run it');
    await turn.end;
    expect(turn.events.map((e) => e.type)).toEqual([
      'started',
      'tool_start',
      'model',
      ...Array(4).fill('text_delta'),
      'model',
      'tool_end',
      'text_end',
      'usage',
    ]);
    expect(turn.events[1]).toEqual({ type: 'tool_start', id: 'call-1', name: 'bash' });
    expect(turn.events).toContainEqual({ type: 'tool_end', id: 'call-1', name: 'bash', ok: true });
  });

  it('reports [progress]', async () => {
    const turn = startTurn(open(), '[progress 40 reading the files] go [progress 90]');
    await turn.end;
    expect(turn.events.filter((e) => e.type === 'progress')).toEqual([
      { type: 'progress', percent: 40, message: 'reading the files' },
      { type: 'progress', percent: 90, message: '' },
    ]);
    expect(turn.text()).toBe('You said: go');
  });

  it('fails on [fail] and works again afterwards', async () => {
    const conversation = open();
    const failed = await startTurn(conversation, '[fail] now').end;
    expect(failed).toMatchObject({
      status: 'failed',
      code: 'model_error',
      reachedModel: true,
      retryable: false,
    });
    expect(await startTurn(conversation, 'again').end).toEqual({ status: 'answered' });
  });

  it('dies on [crash] after the model was reached', async () => {
    const end = await startTurn(open(), '[crash]').end;
    expect(end).toMatchObject({ status: 'failed', code: 'agent_crashed', reachedModel: true });
  });

  it.each(['[hang]', '[sleep 60000]'])('settles at once as aborted during %s', async (text) => {
    const conversation = open();
    const turn = startTurn(conversation, text);
    await expect.poll(() => typesOf(turn.events)).toContain('started');
    turn.abort();
    expect(await turn.end).toEqual({ status: 'aborted' });
    expect(await conversation.steer(inputOf('late'))).toBe(false);
  });

  it('settles as timed out when that is the reason of the abort', async () => {
    const turn = startTurn(open(), '[hang]');
    turn.abort('timed_out');
    expect(await turn.end).toMatchObject({ status: 'failed', code: 'timed_out', reachedModel: false });
  });

  it('settles as aborted between two words, and for a signal that had fired before', async () => {
    const turn = startTurn(open(), 'one two three', (event) => {
      if (event.type === 'text_delta') turn.abort();
    });
    expect(await turn.end).toEqual({ status: 'aborted' });
    expect(turn.text()).toBe('You ');
    const before = await open().run(inputOf('x'), () => {}, AbortSignal.abort());
    expect(before).toEqual({ status: 'aborted' });
  });

  it('takes steered inputs after the current answer, in order, in the same turn', async () => {
    const conversation = open();
    const [a, b] = [inputOf('second'), inputOf('third')];
    const taken: Promise<boolean>[] = [];
    const turn = startTurn(conversation, 'first', (event) => {
      if (event.type === 'started') taken.push(conversation.steer(a), conversation.steer(b));
    });
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(await Promise.all(taken)).toEqual([true, true]);
    expect(turn.text()).toBe('You said: firstYou said: secondYou said: third');
    expect(typesOf(turn.events)).toEqual(
      `started ${Array(3).fill('model model text_end usage').join(' consumed ')}`.split(' '),
    );
    expect(turn.events.filter((e) => e.type === 'consumed').map((e) => e.inputId)).toEqual([a.id, b.id]);
  });

  it('does not take a steered input when the turn is aborted, nor when none runs', async () => {
    const conversation = open();
    expect(await conversation.steer(inputOf('early'))).toBe(false);
    const turn = startTurn(conversation, '[hang]');
    await expect.poll(() => turn.events).not.toEqual([]);
    expect(await conversation.steer(inputOf('waiting'))).toBe(true);
    turn.abort();
    expect(await turn.end).toEqual({ status: 'aborted' });
    expect(typesOf(turn.events)).toEqual(['started']);
  });

  it('ends running turns when it is stopped', async () => {
    const agent = createScriptedAgent();
    const turn = startTurn(agent.open(spec), '[hang]');
    await expect.poll(() => turn.events).not.toEqual([]);
    await agent.stop();
    expect(await turn.end).toMatchObject({ status: 'failed', code: 'agent_stopped', reachedModel: true });
  });

  it('tells usage and model, and refuses the controls it does not have', async () => {
    const conversation = open();
    await startTurn(conversation, 'hello').end;
    expect(String(await conversation.control({ type: 'usage' }))).toMatch(/^2 tokens in, 4 tokens out/);
    expect(String(await conversation.control({ type: 'model' }))).toBe('scripted');
    await expect(conversation.control({ type: 'compact' })).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('sets no timer when no delay is asked for', async () => {
    const spy = vi.spyOn(globalThis, 'setTimeout');
    const conversation = open();
    for (let i = 0; i < 200; i++) await startTurn(conversation, 'hello there').end;
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
  });
});
