import { GatewayError } from '../../base/errors.ts';
import type { ChatRef } from '../model.ts';
import type { InboxItem } from '../receive/inbox.ts';
import type { SessionRecord } from '../sessions/sessions.ts';

/** What the turns ask about chats that are bound. */
export interface BoundChats {
  readonly keyOf: (chat: ChatRef) => string | undefined;
  readonly refuse: (session: SessionRecord) => void;
  readonly tookLate: (item: InboxItem) => void;
}

/** The session of a bound chat does not end by itself. */
export function refuseBound({ bound }: SessionRecord): void {
  if (bound !== undefined)
    throw new GatewayError('session_bound', 'This chat is bound to a session of pi.', {
      status: 409,
      hint: 'The operator unbinds it with /gateway unbind.',
    });
}

export function bindingOver(): GatewayError {
  return new GatewayError('binding_over', 'That binding has ended.', {
    status: 410,
    hint: 'The operator binds the chat again with /gateway bind or bind-current.',
  });
}
