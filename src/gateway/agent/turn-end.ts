import type { TurnEnd, TurnFailureCode } from './agent.ts';

/** How far the turn had come when it failed; decides whether a queue may try it again. */
export interface FailureFacts {
  readonly reachedModel: boolean;
  /** Default: false. */
  readonly retryable?: boolean;
}

/** A failed turn. `message` is read in the chat, `hint` by the operator. */
export function failedEnd(
  code: TurnFailureCode,
  message: string,
  hint: string,
  facts: FailureFacts,
): TurnEnd {
  return {
    status: 'failed',
    code,
    message,
    hint,
    reachedModel: facts.reachedModel,
    retryable: facts.retryable ?? false,
  };
}

/** The outcome of a turn whose signal fired: a deadline is a failure, everything else is a wish. */
export function abortedEnd(signal: AbortSignal, reachedModel: boolean): TurnEnd {
  if (signal.reason !== 'timed_out') return { status: 'aborted' };
  return failedEnd(
    'timed_out',
    'The answer took too long, so it was stopped.',
    'Check the session for the step that did not end, or raise the time limit of turns.',
    { reachedModel },
  );
}

/** The outcome of a turn that was running while its conversation was closed. */
export function stoppedEnd(reachedModel: boolean): TurnEnd {
  return failedEnd(
    'agent_stopped',
    'The agent was stopped before it could finish the answer.',
    'Send the message again once the gateway is running.',
    { reachedModel, retryable: !reachedModel },
  );
}
