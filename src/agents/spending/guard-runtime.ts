/**
 * The one way to models inside pi: every request of a session, its retries, compactions, side requests of extensions and
 * cache warming end in `stream` or `streamSimple` of its model runtime. Guarded, a call is sent only once it is reserved.
 */

import { randomUUID } from 'node:crypto';
import { messageOf } from '../../base/errors.ts';
import type { CallPrice, ModelUse } from '../../gateway/agent/agent.ts';
import { isObject, listAt, numberAt, objectAt, stringAt } from '../../gateway/agent/pi-files.ts';
import {
  chargeOf,
  InputBound,
  markAnswer,
  readSpendingReply,
  reportedInput,
  type SpendingRequest,
  writeSpending,
} from './spending.ts';

// What a model can cost at most, and how long its answer can be. Pure.

/** pi's largest thinking budget, which some providers add to what was asked for. */
const THINKING_TOKENS = 16_384;
/** Where pi knows neither the longest answer nor the window of a model. */
const UNKNOWN_OUTPUT = 32_768;
/** Some providers take no smaller number. */
const SMALLEST_OUTPUT = 16;
/** A cache entry of an hour costs twice the input. */
const LONG_CACHE = 2;
/** Of a faster tier of service. */
const PRIORITY = 2.5;

/** "provider/id". */
function nameOf(model: unknown): string {
  return `${stringAt(model, 'provider') ?? '?'}/${stringAt(model, 'id') ?? '?'}`;
}

/** Most tokens of the answer to a call with these options. */
export function outputBound(model: unknown, options: unknown): number {
  const window = numberAt(model, 'contextWindow');
  const most =
    numberAt(model, 'maxTokens') > 0 ? numberAt(model, 'maxTokens') : window > 0 ? window : UNKNOWN_OUTPUT;
  const asked = numberAt(options, 'maxTokens');
  if (asked <= 0) return most;
  const reasoning = stringAt(options, 'reasoning');
  if (reasoning === undefined || reasoning === 'off') return Math.max(SMALLEST_OUTPUT, Math.min(asked, most));
  const budgets = Object.values(objectAt(options, 'thinkingBudgets')).filter(
    (each) => typeof each === 'number',
  );
  return Math.max(SMALLEST_OUTPUT, Math.min(asked + Math.max(THINKING_TOKENS, ...budgets), most));
}

/** Can the answer be held to fewer tokens? Some APIs take no such number. */
export function shrinks(model: unknown): boolean {
  if (stringAt(model, 'api') === 'openai-codex-responses') return false;
  return objectAt(model, 'compat')['supportsMaxOutputTokens'] !== false;
}

/** The dearest price per million tokens that may apply; undefined where pi knows none. */
export function priceOf(model: unknown, options: unknown): CallPrice | undefined {
  const cost = objectAt(model, 'cost');
  const all = [cost, ...listAt(cost, 'tiers').filter(isObject)];
  const most = (key: string): number => Math.max(...all.map((tier) => numberAt(tier, key)));
  const written = most('cacheWrite') > 0 ? Math.max(most('cacheWrite'), LONG_CACHE * most('input')) : 0;
  const input = Math.max(most('input'), most('cacheRead'), written);
  const output = most('output');
  if (input === 0 && output === 0) return undefined;
  const tier = stringAt(options, 'serviceTier');
  const factor = tier === 'priority' || tier === 'fast' ? PRIORITY : 1;
  return { input: input * factor, output: output * factor };
}

/** pi does not repeat an error that begins with this. */
const REFUSED = 'Out of budget: ';
const NOT_COUNTED = `${REFUSED}this call could not be counted against the spending limits, so it was not made.`;

/** One session that makes calls, as the guard sees it. */
export interface GuardedSession {
  /** Asks the gateway. Undefined: there is no answer. */
  readonly ask: (message: string, signal: AbortSignal | undefined) => Promise<string | undefined>;
  readonly bound: InputBound;
  /** Calls that are reserved and not settled. */
  open: number;
}

export function guardedSession(ask: GuardedSession['ask']): GuardedSession {
  return { ask, bound: new InputBound(), open: 0 };
}

/** Whose call it is; `free`: a session without limits. Undefined: no one knows, so it is not made. */
export type FindSession = () => GuardedSession | 'free' | undefined;

type StreamMethod = (model: unknown, context: unknown, options?: unknown) => ModelStream;

interface ModelStream extends AsyncIterable<unknown> {
  result(): Promise<unknown>;
}

const GUARD = Symbol.for('pi-gateway-tui/spending');

/**
 * Guards a runtime; once, however often it is called: the last `find` counts. False: it is not a runtime that this
 * version knows, and nothing is guarded.
 */
export function guardRuntime(runtime: unknown, find: FindSession): boolean {
  if (!isObject(runtime)) return false;
  const guard = Reflect.get(runtime, GUARD);
  if (isObject(guard)) return Reflect.set(guard, 'find', find);
  const stream = methodOf(runtime, 'stream');
  const streamSimple = methodOf(runtime, 'streamSimple');
  if (stream === undefined || streamSimple === undefined) return false;
  const state = { find };
  const put = (name: string, value: unknown): boolean =>
    Reflect.defineProperty(runtime, name, { value, configurable: true, writable: true });
  const guarded =
    (inner: StreamMethod): StreamMethod =>
    (model, context, options) =>
      guardedStream(inner, state.find, model, context, options);
  // What neither streams nor reports tokens in a known way is not used while limits are set.
  const refused =
    (inner: (...args: readonly unknown[]) => unknown) =>
    async (...args: readonly unknown[]): Promise<unknown> => {
      if (state.find() !== 'free') throw new Error(NOT_COUNTED);
      return inner.apply(runtime, [...args]);
    };
  for (const name of ['classify', 'generateImages']) {
    const inner: unknown = Reflect.get(runtime, name);
    if (
      typeof inner === 'function' &&
      !put(
        name,
        refused((...args) => Reflect.apply(inner, runtime, args)),
      )
    )
      return false;
  }
  return (
    put('stream', guarded(stream)) &&
    put('streamSimple', guarded(streamSimple)) &&
    Reflect.defineProperty(runtime, GUARD, { value: state })
  );
}

function methodOf(runtime: object, name: string): StreamMethod | undefined {
  const method: unknown = Reflect.get(runtime, name);
  if (typeof method !== 'function') return undefined;
  return (...args) => Reflect.apply(method, runtime, args) as ModelStream; // pi's own method
}

function guardedStream(
  inner: StreamMethod,
  find: FindSession,
  model: unknown,
  context: unknown,
  options: unknown,
): ModelStream {
  const session = find();
  // A virtual model asks again for the one that it stands for.
  if (session === 'free' || stringAt(model, 'api') === 'pi-virtual') return inner(model, context, options);
  const out = new RelayedStream();
  void relay(inner, session, out, model, context, options).catch((error: unknown) =>
    out.fail(model, 'error', `${REFUSED}${messageOf(error)}`),
  );
  return out;
}

async function relay(
  inner: StreamMethod,
  session: GuardedSession | undefined,
  out: RelayedStream,
  model: unknown,
  context: unknown,
  options: unknown,
): Promise<void> {
  if (session === undefined) return out.fail(model, 'error', NOT_COUNTED);
  const given: unknown = isObject(options) ? options['signal'] : undefined;
  const signal = given instanceof AbortSignal ? given : undefined;
  // Never the same twice: on one link several sessions follow each other, and calls of the last may still run.
  const id = randomUUID();
  const input = session.bound.of(nameOf(model), context);
  const wanted = outputBound(model, options);
  const tell = (message: SpendingRequest, until?: AbortSignal): Promise<string | undefined> =>
    session.ask(writeSpending(message), until);
  const settle = (use: ModelUse | 'cut' | 'unused'): void => {
    tell({ type: 'settle', id, use }).catch(() => undefined); // without the gateway it counts in full
  };
  const call = {
    model: nameOf(model),
    inputTokens: input.tokens,
    outputTokens: wanted,
    shrinks: shrinks(model),
    price: priceOf(model, options),
  };
  const reply = readSpendingReply(await tell({ type: 'reserve', id, call }, signal));
  if (signal?.aborted) {
    settle('unused');
    return out.fail(model, 'aborted', 'Request was aborted');
  }
  if (reply === undefined || reply.id !== id) {
    settle('unused');
    return out.fail(model, 'error', NOT_COUNTED);
  }
  if ('refused' in reply) return out.fail(model, 'error', `${REFUSED}${reply.refused}`);
  session.open += 1;
  let use: ModelUse | 'cut' | 'unused' = 'cut';
  let answered = false;
  try {
    const stream = inner(
      limited(model, reply.outputTokens, wanted),
      context,
      withOptions(options, reply.outputTokens, wanted, () => {
        answered = true;
      }),
    );
    let last: unknown;
    for await (const event of stream) {
      // The end is passed on only once it is settled: what follows finds the true sum. Words do not wait for that.
      if (last !== undefined) out.push(last);
      last = isEnd(event) ? event : undefined;
      if (last === undefined) out.push(event);
    }
    const result = await stream.result();
    use = chargeOf(result, answered);
    if (typeof use !== 'string') {
      input.learn(reportedInput(objectAt(result, 'usage')));
      markAnswer(result, reply.reservation, use);
    }
    settle(use);
    if (last !== undefined) out.push(last);
    out.end(result);
  } catch (error) {
    settle(use);
    out.fail(model, 'error', messageOf(error));
  } finally {
    session.open -= 1;
  }
}

function isEnd(event: unknown): boolean {
  const type = stringAt(event, 'type');
  return type === 'done' || type === 'error';
}

/** The longest answer as a property of the model as well: some providers add a thinking budget to what is asked for. */
function limited(model: unknown, outputTokens: number, wanted: number): unknown {
  if (!isObject(model) || (outputTokens >= wanted && numberAt(model, 'maxTokens') > 0)) return model;
  return { ...model, maxTokens: outputTokens };
}

function withOptions(
  options: unknown,
  outputTokens: number,
  wanted: number,
  onAnswer: () => void,
): Readonly<Record<string, unknown>> {
  const given = isObject(options) ? options : {};
  const asked = numberAt(given, 'maxTokens');
  const onResponse: unknown = given['onResponse'];
  return {
    ...given,
    maxTokens: asked > 0 && (outputTokens >= wanted || asked < outputTokens) ? asked : outputTokens,
    // A retry inside the provider's client would be a second request with one reservation. pi's own retries come here.
    maxRetries: 0,
    onResponse: (response: unknown, ...more: readonly unknown[]): unknown => {
      if (numberAt(response, 'status') < 400) onAnswer();
      return typeof onResponse === 'function'
        ? Reflect.apply(onResponse, given, [response, ...more])
        : undefined;
    },
  };
}

/** What pi's own streams look like to their readers. */
class RelayedStream implements ModelStream {
  readonly #events: unknown[] = [];
  readonly #result = Promise.withResolvers<unknown>();
  #wake = Promise.withResolvers<void>();
  #over = false;

  push(event: unknown): void {
    this.#events.push(event);
    this.#turn();
  }

  end(result: unknown): void {
    this.#over = true;
    this.#result.resolve(result);
    this.#turn();
  }

  /** Ends as a stream does whose request could not be made. */
  fail(model: unknown, reason: 'error' | 'aborted', errorMessage: string): void {
    if (this.#over) return;
    const none = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
    const message = {
      role: 'assistant',
      content: [],
      api: stringAt(model, 'api'),
      provider: stringAt(model, 'provider'),
      model: stringAt(model, 'id'),
      usage: { ...none, totalTokens: 0, cost: { ...none, total: 0 } },
      stopReason: reason,
      errorMessage,
      timestamp: Date.now(),
    };
    this.push({ type: 'error', reason, error: message });
    this.end(message);
  }

  result(): Promise<unknown> {
    return this.#result.promise;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<unknown> {
    for (;;) {
      const [event] = this.#events.splice(0, 1);
      if (event !== undefined) yield event;
      else if (this.#over) return;
      else await this.#wake.promise;
    }
  }

  #turn(): void {
    const wake = this.#wake;
    this.#wake = Promise.withResolvers();
    wake.resolve();
  }
}
