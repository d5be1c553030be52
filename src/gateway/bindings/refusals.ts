import { GatewayError } from '../../base/errors.ts';
import type { SessionRecord } from '../sessions/sessions.ts';

/** The session of a bound chat does not end by itself. */
export function refuseBound({ bound }: SessionRecord): void {
  if (bound !== undefined)
    throw new GatewayError('session_bound', 'This chat is bound to a session of pi.', {
      status: 409,
      hint: 'The operator unbinds it with /gateway unbind.',
    });
}

export function bindingOver(): GatewayError {
  return new GatewayError('binding_over', 'That binding is over.', {
    status: 410,
    hint: 'The operator binds the chat again with /gateway bind or bind-current.',
  });
}
