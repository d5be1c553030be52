import type { Adapter } from '../adapter.ts';
import type { TurnEvent } from '../events.ts';
import type { ChatRef } from '../model.ts';

/** Shows a turn's event to a client that streams them. Best effort: an adapter that throws over it harms no turn. */
export function tellTurn(
  adapter: Adapter | undefined,
  chat: ChatRef,
  promptId: string | undefined,
  event: TurnEvent,
): void {
  try {
    adapter?.turnEvent?.(chat, promptId, event);
  } catch {
    // What became of the turn goes through the outbox, whose failures are told.
  }
}
