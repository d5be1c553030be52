import { GatewayError } from '../../base/errors.ts';
import type { Actor } from '../access/audit.ts';
import type { AgentAnswer } from '../agent/question.ts';
import type { CommandResult, OperatorCommand } from '../operator/operator.ts';
import type { Dialog } from './dialog.ts';
import type { Dialogs } from './dialogs.ts';
import { readAnswer } from './reading.ts';
import { answeredText } from './wording.ts';

type AnswerCommand = Extract<OperatorCommand, { type: 'dialog.answer' }>;

/** The operator's word: it counts for every question, whoever it was put to. */
export async function answerDialog(
  dialogs: Dialogs,
  command: AnswerCommand,
  actor: Actor,
): Promise<CommandResult> {
  const dialog = dialogs.book.get(command.id);
  if (dialog === undefined) {
    const over = dialogs.book.closed(command.id) !== undefined;
    throw new GatewayError(
      over ? 'dialog_over' : 'dialog_not_found',
      over ? 'that question is over; nothing has changed' : `no question has the id ${command.id}`,
      { status: over ? 409 : 404, hint: 'Look at the open questions.' },
    );
  }
  const answer = answerOf(dialog, command);
  await dialogs.answer(dialog.id, answer, actor);
  return { message: answeredText(dialog, answer), data: { id: dialog.id, sessionId: dialog.sessionId } };
}

function answerOf({ question }: Dialog, { decision, value }: AnswerCommand): AgentAnswer {
  if (question.kind === 'approval') {
    if (decision === undefined || value !== undefined)
      throw unfit('this question waits for a decision', 'Give "decision": "once", "session" or "deny".');
    return {
      type: 'approval',
      decision,
      ...(decision === 'deny' ? { reason: 'The operator did not approve this call.' } : {}),
    };
  }
  if (decision === 'deny' && value === undefined)
    return question.kind === 'confirm'
      ? { type: 'confirm', confirmed: false }
      : { type: 'cancelled', reason: 'no answer was given' };
  if (decision !== undefined || value === undefined)
    throw unfit('this question waits for an answer', 'Give "value", or "decision": "deny" for none.');
  const answer = readAnswer(question, value);
  if (answer === undefined || answer === 'unclear')
    throw unfit(
      `"${value.slice(0, 80)}" answers nothing here`,
      question.kind === 'confirm'
        ? 'Give "yes" or "no".'
        : `Give one of: ${(question.options ?? []).join(', ')}.`,
    );
  return answer;
}

function unfit(message: string, hint: string): GatewayError {
  return new GatewayError('bad_answer', message, { status: 400, hint });
}
