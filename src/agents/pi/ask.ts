import { withDeadline } from '../../base/deadline.ts';
import { GatewayError } from '../../base/errors.ts';
import type { PiRecord } from '../../gateway/agent/record.ts';
import type { LiveSession } from './live-session.ts';

/** An answer of pi that only reads or sets something. */
const QUICK_MS = 15_000;

/** The `data` of pi's response. Rejects with `agent_silent` when it does not come in time. */
export async function ask(session: LiveSession, command: PiRecord, limitMs = QUICK_MS): Promise<unknown> {
  return withDeadline(limitMs, () => session.link.request(command), {
    reason: () =>
      new GatewayError('agent_silent', 'The agent did not answer in time.', {
        status: 504,
        hint: 'Wait for the running turn, or stop it with /stop.',
      }),
  });
}
