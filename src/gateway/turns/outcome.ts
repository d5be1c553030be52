import type { TurnEnd } from '../agent/agent.ts';
import type { InboxItem } from '../receive/inbox.ts';
import type { SessionRecord } from '../sessions/sessions.ts';

/**
 * Why a turn is ended from outside: the operator stopped it, its sender did (`told`: the command says so itself), a
 * later message interrupts it, its time has ended, or the gateway stops. Also the reason of the signal that the agent gets.
 */
export type AbortReason = 'stopped' | 'told' | 'interrupted' | 'timed_out' | 'shutdown';

/** What became of a message. Every accepted message gets exactly one. */
export type Outcome =
  | { readonly kind: 'answered' }
  /** Its text was joined into the turn of a later message that the model took before any answer began. */
  | { readonly kind: 'joined'; readonly to: InboxItem }
  /** `told`: anyone who stopped it has the sentence already. */
  | { readonly kind: 'aborted'; readonly by: 'stop' | 'told' | 'interrupt' }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'timed_out' }
  /** The gateway was stopped while a turn worked on it. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'failed'; readonly end: Extract<TurnEnd, { status: 'failed' }> };

/** A turn that was ended from outside has the outcome of that, whatever the agent says about its own end. */
export function outcomeOf(end: TurnEnd, signal: AbortSignal): Outcome {
  if (end.status === 'answered') return { kind: 'answered' };
  switch (signal.aborted ? (signal.reason as AbortReason) : undefined) {
    case 'timed_out':
      return { kind: 'timed_out' };
    case 'shutdown':
      return { kind: 'interrupted' };
    case 'interrupted':
      return { kind: 'aborted', by: 'interrupt' };
    case 'stopped':
      return { kind: 'aborted', by: 'stop' };
    case 'told':
      return { kind: 'aborted', by: 'told' };
    default:
  }
  if (end.status === 'aborted') return { kind: 'aborted', by: 'stop' };
  return end.code === 'timed_out' ? { kind: 'timed_out' } : { kind: 'failed', end };
}

/** The session's row shows it until a turn is answered. */
export function noteFailure(session: SessionRecord, outcome: Outcome, now: number): void {
  if (outcome.kind === 'answered') session.lastFailure = undefined;
  else if (outcome.kind === 'failed') session.lastFailure = { at: now, reason: outcome.end.message };
  else if (outcome.kind === 'timed_out') session.lastFailure = { at: now, reason: 'it took too long' };
}
