import { GatewayError } from '../../errors.ts';
import { withoutHeader } from '../../inbound/context-header.ts';
import type { Undone } from '../agent.ts';
import { ask } from './ask.ts';
import type { LiveSession } from './live-session.ts';
import { listAt, objectAt, stringAt } from './record.ts';

/**
 * Takes the last turn of a resting session back: pi makes a new session file that ends before the last message. What
 * was taken back stays in the old file. Rejects with `nothing_to_undo` when there is none.
 */
export async function undoTurn(session: LiveSession): Promise<Undone & { readonly file: string }> {
  const messages = listAt(await ask(session, { type: 'get_fork_messages' }), 'messages');
  const last = messages.at(-1);
  const entryId = stringAt(last, 'entryId');
  if (entryId === undefined)
    throw new GatewayError('nothing_to_undo', 'there is no turn to take back', {
      status: 409,
      hint: 'This conversation is empty.',
    });
  const forked = objectAt({ it: await ask(session, { type: 'fork', entryId }) }, 'it');
  if (forked['cancelled'] === true)
    throw new GatewayError('agent_refused', 'an extension of the agent did not let the turn be taken back', {
      status: 409,
    });
  const file =
    stringAt(forked, 'sessionFile') ?? stringAt(await ask(session, { type: 'get_state' }), 'sessionFile');
  if (file === undefined)
    throw new GatewayError('unsupported', 'this agent keeps no session file to go back in', { status: 409 });
  return { text: withoutHeader(stringAt(last, 'text') ?? ''), file };
}
