import { type ChatText, say } from '../language/chat-text.ts';

/** Why a session came to its end. `ResetReason` ones are told to the user, once, in one line. */
export type ResetReason = 'idle' | 'daily' | 'reset by the operator';

export function isResetReason(reason: string | undefined): reason is ResetReason {
  return reason === 'idle' || reason === 'daily' || reason === 'reset by the operator';
}

/** The same for the operator. */
export function resetReason(reason: string): string {
  switch (reason) {
    case 'idle':
      return 'no messages for as long as the policy allows';
    case 'daily':
      return 'the hour of the daily reset has passed';
    default:
      return reason;
  }
}

/** The line that a user reads above the first answer of a session that began on its own. */
export function resetNotice(reason: ResetReason): ChatText {
  return say('receive.newSession', { why: reason });
}
