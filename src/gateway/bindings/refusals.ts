import { ChatError } from '../language/chat-error.ts';
import { say } from '../language/chat-text.ts';
import type { ChatRef } from '../model.ts';
import type { InboxItem } from '../receive/inbox.ts';
import type { SessionRecord } from '../sessions/sessions.ts';

/** What the turns ask about chats that are bound. */
export interface BoundChats {
  readonly keyOf: (chat: ChatRef) => string | undefined;
  readonly refuse: (session: SessionRecord) => void;
  readonly tookLate: (item: InboxItem) => void;
}

/** The session of a bound chat does not end on its own. */
export function refuseBound({ bound }: SessionRecord): void {
  if (bound !== undefined)
    throw new ChatError('session_bound', say('agent.bound'), {
      status: 409,
      hint: say('agent.boundHint'),
    });
}

export function bindingOver(): ChatError {
  return new ChatError('binding_over', say('agent.bindingOver'), {
    status: 410,
    hint: say('agent.bindingOverHint'),
  });
}
