/** How turns end, and the text that they leave. */
import { type ChatText, recognized, say } from '../language/chat-text.ts';
import type { AgentEvent, TurnEnd, TurnFailureCode } from './agent.ts';

/** How far the turn had come when it failed; decides whether a queue may try it again. */
interface FailureFacts {
  readonly reachedModel: boolean;
  /** Default: false. */
  readonly retryable?: boolean;
  /** What ran it, or the way there, is gone: where sessions move, the turn may be continued elsewhere. Default: false. */
  readonly gone?: boolean;
}

/** What the chat reads of ends that were made here; one from another process has its English words only. */
const texts = new WeakMap<TurnEnd, ChatText>();

const gone = new WeakSet<TurnEnd>();

/** Is what ran the turn gone, so that it may be continued elsewhere? */
export function isGone(end: TurnEnd): boolean {
  return gone.has(end);
}

/** A failed turn. `message` is read in the chat, `hint` by the operator. */
export function failedEnd(
  code: TurnFailureCode,
  message: ChatText,
  hint: string,
  facts: FailureFacts,
): Extract<TurnEnd, { status: 'failed' }> {
  const end = {
    status: 'failed',
    code,
    message: message.in('en'),
    hint,
    reachedModel: facts.reachedModel,
    retryable: facts.retryable ?? false,
  } as const;
  texts.set(end, message);
  if (facts.gone === true) gone.add(end);
  return end;
}

/** What the chat reads of a failed turn. */
export function endText(end: Extract<TurnEnd, { status: 'failed' }>): ChatText {
  return texts.get(end) ?? recognized(end.message, 'failure.');
}

/** The outcome of a turn whose signal fired: a deadline is a failure, everything else is a wish. */
export function abortedEnd(signal: AbortSignal, reachedModel: boolean): TurnEnd {
  if (signal.reason !== 'timed_out') return { status: 'aborted' };
  return failedEnd(
    'timed_out',
    say('failure.tookTooLong'),
    'Check the session for the step that did not end, or raise the time limit of turns.',
    { reachedModel },
  );
}

/** The outcome of a turn that was running while its conversation was closed. */
export function stoppedEnd(reachedModel: boolean): TurnEnd {
  return failedEnd(
    'agent_stopped',
    say('failure.stopped'),
    'Send the message again once the gateway is running.',
    { reachedModel, retryable: !reachedModel },
  );
}

/** The text of a turn, as it grows. */
export class AnswerText {
  text = '';
  #break = false;

  take(event: AgentEvent): void {
    if (event.type === 'text_end') this.#break = true;
    if (event.type !== 'text_delta') return;
    // A new message of the assistant begins a new paragraph.
    this.text += this.#break && this.text !== '' ? `\n\n${event.delta}` : event.delta;
    this.#break = false;
  }
}
