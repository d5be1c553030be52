import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AgentEvent, Conversation } from '../../src/gateway/agent/agent.ts';
import { inFull, tries } from '../support/tries.ts';
import { type AgentUnderTest, newerPi, obedientModel, underTest } from './contract.ts';
import { type ModelRequest, type ModelServer, startModelServer } from './model-server.ts';
import { inputOf, startTurn, typesOf } from './turns.ts';

const PATIENT = { timeout: 20_000, interval: 20 };
/** One red pixel. */
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';

const CROSSED = [
  ['pi-sdk', '0.87'],
  ['pi-rpc', '1.6'],
] as const;

describe.each([
  ['scripted', '0.87'],
  ['pi-rpc', '0.87'],
  ['pi-sdk', '1.6'],
  ...(inFull(import.meta.filename) ? CROSSED : []),
] as const)('the contract of %s with pi %s', (backend, version) => {
  let server: ModelServer;
  let test: AgentUnderTest;
  let sessions = 0;
  const fresh = () => test.agent.open(test.spec(`${backend}-${++sessions}`));
  /** A pi takes a second of processor time to start: what does not need one of its own talks here. */
  let common: Conversation | undefined;
  const shared = (): Conversation => {
    common ??= test.agent.open(test.spec(`${backend}-shared`));
    return common;
  };

  beforeAll(async () => {
    server = await startModelServer();
    server.reply(obedientModel);
    test = await underTest(backend, server, version === '1.6' ? newerPi() : undefined);
  });
  afterAll(async () => {
    await test.stop();
    await server.stop();
  });

  it('checks out', async () => {
    expect(await test.agent.check(AbortSignal.timeout(60_000))).toMatchObject({ ok: true });
  });

  it('streams an answer between started and usage', async () => {
    const turn = startTurn(shared(), 'hello wide world');
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(turn.text()).toBe('You said: hello wide world');
    expect(turn.events.filter((event) => event.type === 'text_delta').length).toBeGreaterThan(1);
    expect(typesOf(turn.events).filter((type) => type !== 'session')).toEqual([
      'started',
      'model',
      'model',
      'text_end',
      'usage',
    ]);
    expect(turn.events.filter((event) => event.type === 'model')).toEqual([
      { type: 'model', on: true },
      { type: 'model', on: false, ok: true },
    ]);
    expect(JSON.stringify(turn.events)).not.toContain('secret thought');
  });

  it('streams a long answer whole, whatever is in it', async () => {
    const turn = startTurn(shared(), '[long 60000] 👩‍👩‍👧‍👦 你好');
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(turn.text()).toHaveLength(60_000);
    expect(turn.text()).toContain('👩‍👩‍👧‍👦');
    expect(turn.text().isWellFormed()).toBe(true);
  });

  it('takes a giant message and gives a giant answer in one piece', async () => {
    server.pace(0, 10_000_000);
    const text = `${'你好 👩‍👩‍👧‍👦 \u2028 '.repeat(30_000)}end`;
    const turn = startTurn(fresh(), text);
    expect(await turn.end).toEqual({ status: 'answered' });
    server.pace(0);
    expect(turn.text() === `You said: ${text}`).toBe(true);
  });

  it('reports a tool by its name around its work', async () => {
    const turn = startTurn(shared(), '[tool bash] run it');
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(turn.text()).toBe('You said: run it');
    const [start, end] = [only(turn.events, 'tool_start'), only(turn.events, 'tool_end')];
    expect(start).toMatchObject({ name: 'bash' });
    expect(end).toEqual({ type: 'tool_end', id: start.id, name: 'bash', ok: true });
    expect(JSON.stringify(turn.events)).not.toContain('tool output');
  });

  it('shows images to the model', async () => {
    const turn = startTurn(shared(), inputOf('look', [{ mimeType: 'image/png', dataBase64: PNG }]));
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(turn.text()).toBe('You said: look (1 image)');
  });

  it('stops in the middle of an answer when it is aborted, and answers the next message', async () => {
    const conversation = shared();
    server.pace(50);
    const turn = startTurn(conversation, `[sleep 200] ${'word '.repeat(500)}`);
    await vi.waitFor(() => expect(typesOf(turn.events)).toContain('started'), PATIENT);
    turn.abort();
    server.pace(0);
    expect(await turn.end).toEqual({ status: 'aborted' });
    const next = startTurn(conversation, 'next');
    expect(await next.end).toEqual({ status: 'answered' });
    expect(next.text()).toBe('You said: next');
  });

  it('stops a tool that hangs', async () => {
    const turn = startTurn(shared(), '[tool bash] [hang]');
    await vi.waitFor(() => expect(typesOf(turn.events)).toContain('tool_start'), PATIENT);
    turn.abort('timed_out');
    expect(await turn.end).toMatchObject({ status: 'failed', code: 'timed_out', reachedModel: true });
  });

  it('takes a steered input into the running turn and says when', async () => {
    const conversation = shared();
    const turn = startTurn(conversation, '[sleep 500] first');
    await vi.waitFor(() => expect(typesOf(turn.events)).toContain('started'), PATIENT);
    const steered = inputOf('second');
    expect(await conversation.steer(steered)).toBe(true);
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(turn.text()).toBe('You said: firstYou said: second');
    const at = turn.events.findIndex((event) => event.type === 'consumed');
    expect(turn.events[at]).toEqual({ type: 'consumed', inputId: steered.id });
    const textOf = (events: readonly AgentEvent[]) =>
      events.map((event) => (event.type === 'text_delta' ? event.delta : '')).join('');
    expect(textOf(turn.events.slice(0, at))).toBe('You said: first');
    expect(textOf(turn.events.slice(at))).toBe('You said: second');
  });

  it('takes an input that is steered at any moment or leaves it, never both', async () => {
    const conversation = shared();
    const taken: string[] = [];
    const left: string[] = [];
    /** A tenth of what a turn takes here, so that some inputs come at its very end. */
    let spread = 1;
    for (let round = 0; round < 40; round++) {
      const steered = inputOf(`steered ${round}.`);
      let offered: Promise<boolean> = Promise.resolve(false);
      let timer: NodeJS.Timeout | undefined;
      const turn = startTurn(conversation, `prompt ${round}.`, (event) => {
        if (event.type !== 'started') return;
        // Sometimes at once, sometimes while the turn is just settling.
        timer = setTimeout(
          () => {
            offered = conversation.steer(steered);
          },
          (round % 10) * spread,
        );
      });
      const begin = performance.now();
      expect(await turn.end).toEqual({ status: 'answered' });
      clearTimeout(timer); // too late for this turn
      if (round > 0) spread = (spread + (performance.now() - begin) / 8) / 2;
      await offered;
      const consumed = turn.events.some((event) => event.type === 'consumed');
      (consumed ? taken : left).push(steered.text);
      expect(turn.text().includes(`You said: ${steered.text}`)).toBe(consumed);
    }
    await startTurn(conversation, 'the end').end;
    if (backend === 'scripted') return;
    const history = server.requests.at(-1)?.history ?? [];
    expect(history.filter((text) => text.startsWith('steered'))).toEqual(taken);
    expect(taken.length + left.length).toBe(40);
  });

  it('cannot be steered while nothing runs', async () => {
    const conversation = shared();
    expect(await conversation.steer(inputOf('early'))).toBe(false);
    await startTurn(conversation, 'x').end;
    expect(await conversation.steer(inputOf('late'))).toBe(false);
  });

  it('fails with a sentence when the model does, and answers the next message', async () => {
    const conversation = shared();
    const end = await startTurn(conversation, '[fail]').end;
    expect(end).toMatchObject({ status: 'failed', code: 'model_error', reachedModel: true });
    expect(await startTurn(conversation, 'better').end).toEqual({ status: 'answered' });
  });

  it('survives its own crash', async () => {
    const conversation = fresh();
    expect(await startTurn(conversation, 'before').end).toEqual({ status: 'answered' });
    const end = await startTurn(conversation, '[crash]').end;
    expect(end).toMatchObject({ status: 'failed', code: 'agent_crashed', reachedModel: true });
    const next = startTurn(conversation, 'after');
    expect(await next.end).toEqual({ status: 'answered' });
    expect(next.text()).toBe('You said: after');
  });

  // Which process serves whom is the gateway's affair, not that of a version of pi.
  const crowd = version === '1.6' && backend === 'pi-rpc' ? undefined : it;
  crowd?.(
    'keeps many conversations apart that talk at the same time',
    async () => {
      await Promise.all(
        // More than processes.
        Array.from({ length: Math.max(3, tries(15)) }, async (_, i) => {
          const conversation = fresh();
          for (const round of ['one', 'two']) {
            const turn = startTurn(conversation, `${round} of ${i}`);
            expect(await turn.end).toEqual({ status: 'answered' });
            expect(turn.text()).toBe(`You said: ${round} of ${i}`);
          }
        }),
      );
      if (backend === 'scripted') return;
      for (const request of server.requests) {
        const owners = new Set(
          request.history.flatMap((text) => /^(?:one|two) of (\d+)$/.exec(text)?.[1] ?? []),
        );
        expect(owners.size).toBeLessThanOrEqual(1);
      }
    },
    120_000,
  );

  it('tells its usage and its model', async () => {
    const conversation = shared();
    await startTurn(conversation, 'hello').end;
    expect(String(await conversation.control({ type: 'usage' }))).toMatch(
      /^[\d,]+ tokens in, [\d,]+ tokens out, \$\d/,
    );
    expect(String(await conversation.control({ type: 'model' }))).not.toBe('');
  });

  it.skipIf(backend === 'scripted')('compacts, and stops that at once when it is told to', async () => {
    const conversation = fresh();
    server.reply(() => ({ text: 'ok' }));
    for (const round of ['first', 'second'])
      expect(await startTurn(conversation, `${round} ${'word '.repeat(30_000)}`).end).toEqual({
        status: 'answered',
      });
    const asked = Promise.withResolvers<void>();
    server.reply(async (request) => {
      if (!summarises(request)) return obedientModel(request);
      asked.resolve();
      return new Promise(() => {});
    });
    const stop = new AbortController();
    const compaction = conversation.control({ type: 'compact' }, stop.signal);
    compaction.catch(() => {});
    await asked.promise;
    const at = performance.now();
    stop.abort('told');
    await expect(compaction).rejects.toThrow();
    expect(performance.now() - at).toBeLessThan(4000);
    expect(await startTurn(conversation, 'and now').end).toEqual({ status: 'answered' });
    server.reply((request) => (summarises(request) ? { text: 'a summary' } : obedientModel(request)));
    expect(String(await conversation.control({ type: 'compact' }))).toMatch(/^Compacted: from about/);
    server.reply(obedientModel);
  });

  it('ends what runs when it is stopped, and goes on after a restart', async () => {
    const conversation = test.agent.open(test.spec(`${backend}-lasting`));
    expect(await startTurn(conversation, 'remember me').end).toEqual({ status: 'answered' });
    const turn = startTurn(conversation, '[tool bash] [hang]');
    await vi.waitFor(() => expect(typesOf(turn.events)).toContain('tool_start'), PATIENT);
    const restarted = await test.restart();
    expect(await turn.end).toMatchObject({ status: 'failed', code: 'agent_stopped', reachedModel: true });
    const next = startTurn(restarted.open(test.spec(`${backend}-lasting`)), 'again');
    expect(await next.end).toEqual({ status: 'answered' });
    if (backend !== 'scripted') expect(server.requests.at(-1)?.history).toContain('remember me');
  });
});

/** pi asks for a summary in words that no turn of this test has. */
function summarises({ text }: ModelRequest): boolean {
  return /summar/i.test(text);
}

function only<T extends AgentEvent['type']>(
  events: readonly AgentEvent[],
  type: T,
): Extract<AgentEvent, { type: T }> {
  const found = events.filter((event): event is Extract<AgentEvent, { type: T }> => event.type === type);
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error(`${found.length} events of type ${type}`);
  return first;
}
