/** What an operator answers to the questions of agents: the word counts for every question, no matter who it was put to. */
import { Type } from 'typebox';
import { GatewayError } from '../../../base/errors.ts';
import type { AgentAnswer } from '../../agent/question.ts';
import { readAnswer } from '../../questions/chat-answers.ts';
import type { Dialog } from '../../questions/dialog.ts';
import { answeredText } from '../../questions/wording.ts';
import { isQuestionName, questionId } from './names.ts';
import { Id, operation } from './operation.ts';

export const QUESTIONS = [
  operation({
    name: 'dialog.answer',
    /** `value` is an option, a text, or "yes" and "no". */
    help: 'answer a question of an agent: "decision" for a tool call, and "deny" for any question that gets no answer; "value" for the others',
    params: {
      id: Id,
      decision: Type.Optional(
        Type.Union([Type.Literal('once'), Type.Literal('session'), Type.Literal('deny')]),
      ),
      value: Type.Optional(Type.String({ maxLength: 100_000 })),
    },
    http: 'POST /api/dialogs/:id/answer',
    expects: '{"decision": "once"|"session"|"deny"} or {"value"}',
    words: [
      {
        say: 'approve <#n> [session]',
        group: 'sessions',
        help: 'allow a tool call once, or for the whole session',
        example: 'approve 4 session',
        read: ({ '#n': name = '', session: decision = 'once' }, seen) =>
          decision === 'once' || decision === 'session'
            ? { id: questionId(seen, name), decision }
            : undefined,
      },
      {
        say: 'deny <#n>',
        read: ({ '#n': name = '' }, seen) =>
          isQuestionName(name) ? { id: questionId(seen, name), decision: 'deny' } : undefined,
      },
    ],
    async run({ gateway: { dialogs } }, params, actor) {
      const dialog = dialogs.book.get(params.id);
      if (dialog === undefined) {
        const over = dialogs.book.closed(params.id) !== undefined;
        throw new GatewayError(
          over ? 'dialog_over' : 'dialog_not_found',
          over
            ? 'that question is already closed; nothing has changed'
            : `no question has the id ${params.id}`,
          { status: over ? 409 : 404, hint: 'List the open questions.' },
        );
      }
      const answer = answerOf(dialog, params);
      await dialogs.answer(dialog.id, answer, actor);
      return {
        message: answeredText(dialog, answer).in('en'),
        data: { id: dialog.id, sessionId: dialog.sessionId },
      };
    },
  }),
] as const;

interface Answer {
  readonly decision?: 'once' | 'session' | 'deny';
  readonly value?: string;
}

function answerOf({ question }: Dialog, { decision, value }: Answer): AgentAnswer {
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
