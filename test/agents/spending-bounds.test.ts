import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  guardedSession,
  guardRuntime,
  outputBound,
  priceOf,
  shrinks,
} from '../../src/agents/spending/guard-runtime.ts';
import {
  chargeOf,
  InputBound,
  markAnswer,
  RESERVED_AS,
  readSpending,
  reportedIn,
} from '../../src/agents/spending/spending.ts';

const user = (content: unknown) => ({ role: 'user', content });

describe('the bound of the input', () => {
  it('is at least the bytes of everything that is said, whatever the script', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.base64String());
    fc.assert(
      fc.property(text, fc.array(text, { maxLength: 5 }), (system, said) => {
        const bytes = [system, ...said].reduce((sum, each) => sum + Buffer.byteLength(each), 0);
        const bound = new InputBound().of('m', { systemPrompt: system, messages: said.map(user) });
        expect(bound.tokens).toBeGreaterThanOrEqual(bytes);
      }),
    );
  });

  it('takes what the provider has counted for the same beginning to the same model, and bytes for the rest', () => {
    const bound = new InputBound();
    const first = { systemPrompt: 'x'.repeat(40_000), messages: [user('a')] };
    const next = { ...first, messages: [user('a'), user('b'.repeat(1000))] };
    bound.of('m', first).learn(10_000);
    expect(bound.of('m', next).tokens).toBeGreaterThan(11_000);
    expect(bound.of('m', next).tokens).toBeLessThan(13_000);
    expect(bound.of('other', next).tokens).toBeGreaterThan(41_000);
    expect(bound.of('m', { ...next, systemPrompt: `y${'x'.repeat(40_000)}` }).tokens).toBeGreaterThan(41_000);
    // A report that cannot be true teaches nothing.
    bound.of('m', first).learn(12);
    expect(bound.of('m', next).tokens).toBeGreaterThan(41_000);
  });

  it('counts an image as its data, up to a most', () => {
    const image = (data: string) => user([{ type: 'image', mimeType: 'image/png', data }]);
    const of = (data: string) => new InputBound().of('m', { messages: [image(data)] }).tokens;
    expect(of('a'.repeat(5_000_000))).toBeLessThan(52_000);
    expect(of('a'.repeat(5_000_000))).toBeGreaterThan(49_152);
    expect(of('a'.repeat(100))).toBeLessThan(1400);
  });
});

describe('the bound of an answer', () => {
  const model = { maxTokens: 64_000, contextWindow: 200_000, api: 'anthropic-messages' };

  it('includes a thinking budget that providers add', () => {
    expect(outputBound(model, undefined)).toBe(64_000);
    expect(outputBound(model, { maxTokens: 1000 })).toBe(1000);
    expect(outputBound(model, { maxTokens: 1000, reasoning: 'high' })).toBe(17_384);
    expect(outputBound(model, { maxTokens: 1 })).toBe(16);
    expect(outputBound({ contextWindow: 9000 }, {})).toBe(9000);
    expect(shrinks(model)).toBe(true);
    expect(shrinks({ ...model, api: 'openai-codex-responses' })).toBe(false);
  });

  it('costs the dearest that may apply; without a price nobody knows', () => {
    const cost = { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 };
    expect(priceOf({ cost }, {})).toEqual({ input: 6, output: 15 });
    const tiers = [{ inputTokensAbove: 200_000, input: 6, output: 22.5, cacheRead: 0.6, cacheWrite: 0 }];
    expect(priceOf({ cost: { ...cost, cacheWrite: 0, tiers } }, {})).toEqual({ input: 6, output: 22.5 });
    expect(priceOf({ cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 } }, {})).toBeUndefined();
  });
});

describe('what a call is charged', () => {
  const usage = { input: 100, output: 20, cacheRead: 30, cacheWrite: 0, cost: { total: 0.5 } };

  it.each([
    ['stop', usage, undefined, true, { tokens: 150, costUsd: 0.5 }],
    ['length', usage, undefined, true, { tokens: 150, costUsd: 0.5 }],
    ['stop', { ...usage, input: 0, cacheRead: 0 }, undefined, true, 'cut'],
    ['aborted', usage, 'Request was aborted', true, 'cut'],
    ['error', {}, '529 overloaded', false, 'unused'],
    ['error', {}, '529 overloaded', true, 'cut'],
    ['error', {}, '504 gateway timeout', false, 'cut'],
    ['error', {}, 'fetch failed', false, 'cut'],
  ])('%s with %j (%s) is %s', (stopReason, given, errorMessage, answered, charged) => {
    expect(chargeOf({ stopReason, usage: given, errorMessage }, answered)).toEqual(charged);
  });
});

describe('what a session file tells after a crash', () => {
  const answer = {
    role: 'assistant',
    stopReason: 'stop',
    usage: { input: 900, output: 100, cost: { total: 0.5 } },
  };
  const lineOf = (message: object) => `${JSON.stringify({ type: 'message', message })}\n`;
  const use = { tokens: 1000, costUsd: 0.5 };
  const folder = mkdtempSync(join(tmpdir(), 'reported-'));
  const file = join(folder, 'session.jsonl');
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is what pi has sealed: no line that an agent makes of it counts for less', async () => {
    const sealed = { ...answer };
    markAnswer(sealed, 'secret', use);
    const honest = lineOf(sealed);
    expect(honest).not.toContain('secret');
    const cheap = { ...sealed, usage: { input: 1, output: 1, cost: { total: 0.000001 } } };
    writeFileSync(file, `${lineOf(cheap)}${honest}${lineOf(cheap)}`);
    expect(await reportedIn(file, ['other', 'secret'])).toEqual(new Map([['secret', use]]));
    writeFileSync(file, `${lineOf(cheap)}${lineOf({ ...cheap, [RESERVED_AS]: 'secret' })}`);
    expect(await reportedIn(file, ['other', 'secret'])).toEqual(new Map());
  });

  it('is nothing where something else than a file of a session is in its place', async () => {
    writeFileSync(file, '');
    truncateSync(file, 300 * 1024 * 1024);
    expect(await reportedIn(file, ['secret'])).toEqual(new Map());
    rmSync(file);
    if (process.platform === 'win32') return; // no pipes among its files
    execFileSync('mkfifo', [file]);
    await expect(reportedIn(file, ['secret'])).rejects.toThrow('not a regular file');
  });
});

describe('the guard', () => {
  const model = { id: 'm', provider: 'p', api: 'a', maxTokens: 9000, cost: { input: 1, output: 1 } };
  const done = { stopReason: 'stop', usage: { input: 5, output: 1, cost: { total: 0.1 } } };

  function runtime() {
    const sent: unknown[] = [];
    const send = (...args: readonly unknown[]) => {
      sent.push(args);
      return {
        result: async () => done,
        async *[Symbol.asyncIterator]() {
          yield { type: 'done' };
        },
      };
    };
    return { sent, stream: send, streamSimple: send, classify: async () => 'yes' };
  }

  it('sends nothing without an answer of the gateway, and what it sends is held to what was granted', async () => {
    const open = runtime();
    const asked: ReturnType<typeof readSpending>[] = [];
    let granted: number | undefined;
    const session = guardedSession(async (message) => {
      const request = readSpending(message);
      asked.push(request);
      if (request?.type !== 'reserve' || granted === undefined) return undefined;
      return JSON.stringify({ id: request.id, outputTokens: granted });
    });
    expect(guardRuntime(open, () => session)).toBe(true);
    expect(guardRuntime(open, () => session)).toBe(true);
    const refused = open.streamSimple(model, { messages: [] }, {});
    expect(await refused.result()).toMatchObject({ stopReason: 'error' });
    await expect(open.classify()).rejects.toThrow('could not be counted');
    expect(open.sent).toEqual([]);
    granted = 3000;
    const stream = open.streamSimple(model, { messages: [] }, { maxRetries: 5 });
    const events: unknown[] = [];
    for await (const event of stream) events.push(event);
    expect(events).toEqual([{ type: 'done' }]);
    expect(open.sent).toMatchObject([[{ id: 'm', maxTokens: 3000 }, {}, { maxTokens: 3000, maxRetries: 0 }]]);
    const ids = asked.map((each) => (each?.type === 'hello' ? undefined : each?.id));
    expect(asked.at(-1)).toEqual({ type: 'settle', id: ids.at(-2), use: { tokens: 6, costUsd: 0.1 } });
    // The first was not sent: reserved, settled; the second: the same, by an id of its own.
    expect([ids.length, new Set(ids).size]).toEqual([4, 2]);
    expect(session.open).toBe(0);
  });

  it('gives calls of sessions that follow each other on one link ids of their own', async () => {
    const ids: unknown[] = [];
    for (const _ of [1, 2]) {
      const open = runtime();
      const session = guardedSession(async (message) => {
        const request = readSpending(message);
        if (request?.type === 'reserve') ids.push(request.id);
        return undefined;
      });
      guardRuntime(open, () => session);
      await open.stream(model, {}, {}).result();
    }
    expect(new Set(ids).size).toBe(2);
  });

  it('passes words on at once, and the end only after the call is settled', async () => {
    let settled = false;
    const session = guardedSession(async (message) => {
      const request = readSpending(message);
      if (request?.type === 'settle') settled = true;
      return request?.type === 'reserve' ? JSON.stringify({ id: request.id, outputTokens: 9000 }) : undefined;
    });
    const heard = Promise.withResolvers<void>();
    const stream = () => ({
      result: async () => done,
      async *[Symbol.asyncIterator]() {
        yield { type: 'text_delta', delta: 'now' };
        // The provider says nothing more until this was heard.
        await heard.promise;
        yield { type: 'done' };
      },
    });
    const open = { stream, streamSimple: stream };
    guardRuntime(open, () => session);
    const seen: unknown[] = [];
    const guarded: AsyncIterable<{ readonly type: string }> = Reflect.apply(open.stream, open, [
      model,
      {},
      {},
    ]);
    for await (const { type } of guarded) {
      seen.push([type, settled]);
      heard.resolve();
    }
    expect(seen).toEqual([
      ['text_delta', false],
      ['done', true],
    ]);
  });

  it('knows nobody: no call; knows a session without limits: as before; no runtime: no promise', async () => {
    const open = runtime();
    guardRuntime(open, () => undefined);
    expect(await open.stream(model, {}, {}).result()).toMatchObject({ stopReason: 'error' });
    guardRuntime(open, () => 'free');
    expect(await open.stream(model, {}, {}).result()).toBe(done);
    expect(await open.classify()).toBe('yes');
    expect(guardRuntime(undefined, () => 'free')).toBe(false);
    expect(guardRuntime({ stream: 1 }, () => 'free')).toBe(false);
  });
});
