/** What a model can cost at most, and how long its answer can be. Pure. */
import type { CallPrice } from '../../gateway/agent/agent.ts';
import { isObject, listAt, numberAt, objectAt, stringAt } from '../../gateway/agent/pi-files.ts';

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
export function nameOf(model: unknown): string {
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
