/** Why a session came to its end. `ResetReason` ones are told to the user, once, in one line. */
export type ResetReason = 'idle' | 'daily' | 'reset by the operator';

export function isResetReason(reason: string | undefined): reason is ResetReason {
  return reason === 'idle' || reason === 'daily' || reason === 'reset by the operator';
}

const WHY: Record<ResetReason, string> = {
  idle: 'quiet for a long time',
  daily: 'daily reset',
  'reset by the operator': 'the operator began a new one',
};

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

/** The line that a user reads above the first answer of a session that began by itself. */
export function resetNotice(reason: ResetReason): string {
  return `New session (${WHY[reason]}). /resume goes back to the old one.`;
}
