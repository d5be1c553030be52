import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelCall, ModelUse, ReserveCall } from '../../src/gateway/agent/agent.ts';
import { raw } from '../../src/gateway/language/chat-text.ts';
import { inFull } from '../support/tries.ts';
import { type AgentUnderTest, newerPi, obedientModel, underTest } from './contract.ts';
import { type ModelServer, startModelServer } from './model-server.ts';
import { startTurn } from './turns.ts';

interface Made {
  readonly call: ModelCall;
  readonly turn: string;
  use: ModelUse | 'cut' | 'unused' | undefined;
}

/** What the gateway's side of the door does. */
class Till {
  readonly made: Made[] = [];
  refuse = false;
  outputTokens = Number.POSITIVE_INFINITY;

  readonly reserve: ReserveCall = async (call, turn) => {
    if (this.refuse) return { sentence: raw('Nothing is left.'), hint: 'Wait.' };
    const made: Made = { call, turn, use: undefined };
    this.made.push(made);
    const outputTokens = Math.min(call.outputTokens, this.outputTokens);
    return {
      id: `r${this.made.length}`,
      outputTokens,
      cut: outputTokens < call.outputTokens ? { sentence: raw('Cut.'), hint: 'Wait.' } : undefined,
      settle: (use) => {
        made.use = use;
      },
    };
  };
}

const CROSSED = [
  ['pi-sdk', '0.87'],
  ['pi-rpc', '1.6'],
] as const;

describe.each([
  ['pi-rpc', '0.87'],
  ['pi-sdk', '1.6'],
  ...(inFull(import.meta.filename) ? CROSSED : []),
] as const)('calls of %s with pi %s', (backend, version) => {
  let server: ModelServer;
  let test: AgentUnderTest;
  const till = new Till();
  let open: () => ReturnType<AgentUnderTest['agent']['open']>;

  beforeAll(async () => {
    server = await startModelServer();
    server.reply(obedientModel);
    // So that a short conversation can be compacted.
    const settings = join(server.agentDir, 'settings.json');
    const known: unknown = JSON.parse(await readFile(settings, 'utf8'));
    await writeFile(settings, JSON.stringify({ ...Object(known), compaction: { keepRecentTokens: 1 } }));
    test = await underTest(backend, server, version === '1.6' ? newerPi() : undefined, {
      spendingExtension: join(import.meta.dirname, '../../src/extension/spending-extension.ts'),
    });
    const conversation = test.agent.open({ ...test.spec(`${backend}-spend`), reserve: till.reserve });
    open = () => conversation;
  });
  afterAll(async () => {
    await test.stop();
    await server.stop();
  });

  it('are each reserved before and settled after: tools, side questions, compaction and retries', async () => {
    const turn = startTurn(open(), '[tool bash] run it');
    expect(await turn.end).toEqual({ status: 'answered' });
    expect(till.made).toHaveLength(2);
    expect(new Set(till.made.map((each) => each.turn)).size).toBe(1);
    for (const { call, use } of till.made) {
      expect(call).toMatchObject({ model: 'local/mock', shrinks: true, price: { input: 1, output: 2 } });
      if (typeof use !== 'object') throw new Error(`settled as ${use}`);
      expect(use.tokens).toBeLessThanOrEqual(call.inputTokens + call.outputTokens);
      expect(use.costUsd).toBeGreaterThan(0);
    }
    // For a gateway that is killed before it hears of it.
    const file = open().sessionFile ?? '';
    const reported = await test.agent.reported?.(file, ['r1', 'r2', 'r3']);
    expect(reported).toEqual(new Map(till.made.map(({ use }, n) => [`r${n + 1}`, use])));
    await open().aside?.({ id: 'aside', text: 'and?' }, () => {}, AbortSignal.timeout(20_000), till.reserve);
    expect(till.made).toHaveLength(3);
    server.reply(() => ({ error: { status: 529, message: 'overloaded' } }));
    expect((await startTurn(open(), 'again').end).status).toBe('failed');
    expect(till.made.slice(3).map(({ use }) => use)).toEqual(['unused', 'unused']);
    server.reply(() => ({ text: 'a summary' }));
    const before = server.requests.length;
    await open().control({ type: 'compact' });
    server.reply(obedientModel);
    expect(till.made.length - 5).toBe(server.requests.length - before);
    expect(till.made.length).toBeGreaterThan(5);
  });

  it('are not made when they are refused: one sentence, no request, no retry', async () => {
    till.refuse = true;
    const before = server.requests.length;
    expect(await startTurn(open(), 'more').end).toMatchObject({
      status: 'failed',
      code: 'limit_reached',
      message: 'Nothing is left.',
    });
    await expect(open().control({ type: 'compact' })).rejects.toMatchObject({ code: 'limit_reached' });
    expect(server.requests).toHaveLength(before);
    till.refuse = false;
    expect(await startTurn(open(), 'and now').end).toEqual({ status: 'answered' });
  });

  it('count in full when they are cut', async () => {
    server.pace(50);
    const turn = startTurn(open(), '[long 2000]', (event) => {
      if (event.type === 'text_delta') turn.abort();
    });
    await turn.end;
    server.pace(0);
    await expect.poll(() => till.made.at(-1)?.use).toBe('cut');
  });
});
