import type { OutboundMeta } from '../adapter.ts';
import type { InboundMessage } from '../model.ts';
import type { Outcome } from './outcome.ts';

/** What the chat reads when a turn has its outcome; undefined where nothing is sent. */
export function outcomeText(outcome: Outcome, answer: string, message: InboundMessage): string | undefined {
  // A program on a socket waits for every prompt id; in a chat one "stopped" line is enough.
  const program = message.promptId !== undefined;
  switch (outcome.kind) {
    case 'answered':
      return answer.trim() === '' ? '(The agent finished without saying anything.)' : answer;
    case 'joined':
      return program ? '' : undefined;
    case 'dropped':
      return program ? 'Dropped before its turn began.' : undefined;
    case 'aborted':
      if (outcome.by === 'told' && !program)
        return answer.trim() === '' ? undefined : `${answer.trimEnd()} …`;
      return withPartial(
        answer,
        outcome.by === 'interrupt' ? 'Interrupted by your next message.' : 'Stopped.',
        program,
      );
    case 'interrupted':
      return withPartial(
        answer,
        'I was stopped by my operator while working on this. It was not finished. /retry runs it again.',
        program,
      );
    case 'timed_out':
      return withPartial(answer, 'This took too long and was ended.', program);
    case 'failed':
      return withPartial(answer, outcome.end.message, program);
  }
}

/** What was already said stays readable in a chat, with the outcome below it. */
function withPartial(answer: string, sentence: string, program: boolean): string {
  return program || answer.trim() === '' ? sentence : `${answer}\n\n${sentence}`;
}

export function outcomeMeta(outcome: Outcome, sessionId: string): OutboundMeta {
  switch (outcome.kind) {
    case 'answered':
      return { kind: 'reply', sessionId };
    case 'joined':
      return { kind: 'reply', sessionId, joinedTo: outcome.to.message.promptId ?? outcome.to.id };
    case 'dropped':
    case 'aborted':
      return { kind: 'outcome', sessionId, code: 'aborted' };
    case 'timed_out':
    case 'interrupted':
      return { kind: 'outcome', sessionId, code: outcome.kind };
    case 'failed':
      return { kind: 'outcome', sessionId, code: 'failed' };
  }
}
