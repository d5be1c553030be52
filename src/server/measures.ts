import type { Gateway } from '../gateway/gateway.ts';
import type { Measures } from './metric-tables.ts';

/** What a gateway has measured until now. */
export function measuresOf({ timings, conversations, deps }: Gateway): Measures {
  const stores = Object.entries(deps.stores).map(([name, db]) => [name, db.stats().times] as const);
  const { queueWait, turn, firstToken, modelCall, delivery } = timings;
  return {
    histograms: {
      queueWait: queueWait.entries(),
      turn: turn.entries(),
      firstToken: firstToken.entries(),
      modelCall: modelCall.entries(),
      delivery: delivery.entries(),
      commit: stores.map(([name, { commit }]) => [name, commit] as const),
      replay: stores.map(([name, { replay }]) => [name, replay] as const),
    },
    waitingSince: conversations.waiting.reduce<number | undefined>(
      (oldest, { acceptedAt }) => Math.min(oldest ?? acceptedAt, acceptedAt),
      undefined,
    ),
    now: deps.clock(),
  };
}
