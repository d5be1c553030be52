import type { TurnEnd } from '../../gateway/agent/agent.ts';
import { isRefusal, type ReserveCall } from '../../gateway/agent/agent.ts';
import { failedEnd } from '../../gateway/agent/turn-end.ts';
import { withoutHeader } from '../../gateway/receive/agent-input.ts';

/** Made up: a demo without prices could not show limits in dollars. */
const PRICE = { input: 1, output: 2 };

/** As a count: four characters are about one token. */
export function tokensOf(text: string): number {
  return Math.ceil(withoutHeader(text).length / 4);
}

interface ScriptedCall {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly turn: string;
  readonly signal: AbortSignal;
}

/** Gives an answer under the spending limits, like an agent with a model. `say` shows whether it was said in full. */
export async function metered(
  reserve: ReserveCall | undefined,
  { inputTokens, outputTokens, turn, signal }: ScriptedCall,
  say: () => Promise<boolean>,
): Promise<TurnEnd | boolean> {
  if (reserve === undefined) return say();
  const call = { model: 'scripted/scripted', inputTokens, outputTokens, shrinks: false, price: PRICE };
  const held = await reserve(call, turn, signal);
  if (isRefusal(held))
    return signal.aborted
      ? false
      : failedEnd('limit_reached', held.sentence, held.hint, { reachedModel: true });
  const costUsd = (inputTokens * PRICE.input + outputTokens * PRICE.output) / 1_000_000;
  let whole = false;
  try {
    whole = await say();
    return whole;
  } finally {
    held.settle(whole ? { tokens: inputTokens + outputTokens, costUsd } : 'cut');
  }
}
