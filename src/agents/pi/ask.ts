import { withDeadline } from '../../base/async.ts';
import type { PiRecord } from '../../gateway/agent/pi-files.ts';
import { ChatError, say } from '../../gateway/language/chat-text.ts';
import type { LiveSession } from './live-session.ts';

/** An answer of pi that only reads or sets something. */
const QUICK_MS = 15_000;

/** The `data` of pi's response. Rejects with `agent_silent` when it does not come in time. */
export async function ask(session: LiveSession, command: PiRecord, limitMs = QUICK_MS): Promise<unknown> {
  return withDeadline(limitMs, () => session.link.request(command), {
    reason: () =>
      new ChatError('agent_silent', say('agent.silentNow'), {
        status: 504,
        hint: say('agent.silentNowHint'),
      }),
  });
}
