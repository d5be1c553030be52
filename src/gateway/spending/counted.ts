import type { AgentEvent, AgentInput, Conversation, TurnEnd } from '../agent/agent.ts';
import { isRefusal, type ReserveCall } from '../agent/agent.ts';
import { failedEnd } from '../agent/turn-end.ts';
import { LEAST_OUTPUT } from './ledger.ts';

export const TERMINAL = 'the pi in a terminal';

/**
 * A conversation whose calls cannot be reserved one by one: the pi in someone's terminal is not ours to guard. A turn of
 * the chat begins only while something is left, and what it has reported counts when it ends.
 */
export function counted(conversation: Conversation, reserve: ReserveCall | undefined): Conversation {
  if (reserve === undefined) return conversation;
  const run = async (
    input: AgentInput,
    listener: (event: AgentEvent) => void,
    signal: AbortSignal,
  ): Promise<TurnEnd> => {
    const call = {
      model: TERMINAL,
      inputTokens: 0,
      outputTokens: LEAST_OUTPUT,
      shrinks: false,
      price: { input: 0, output: 0 },
    };
    const held = await reserve(call, input.id, signal);
    if (isRefusal(held))
      return signal.aborted
        ? { status: 'aborted' }
        : failedEnd('limit_reached', held.sentence, held.hint, { reachedModel: false });
    let [tokens, costUsd] = [0, 0];
    const hear = (event: AgentEvent): void => {
      if (event.type === 'usage') {
        tokens += event.inputTokens + event.outputTokens;
        costUsd += event.costUsd;
      }
      listener(event);
    };
    try {
      return await conversation.run(input, hear, signal);
    } finally {
      held.settle({ tokens, costUsd });
    }
  };
  return new Proxy(conversation, {
    get(target, key) {
      if (key === 'run') return run;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
