/** Questions of agents: what wants to run, and one key that decides. Nothing here ever opens on its own. */
import type { DialogView } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import { originWords } from '../lists/list.ts';
import { callKey, questionWords } from '../lists/questions.ts';
import type { Confirmation } from '../state/decisions.ts';
import { openedList, topMode } from '../state/view.ts';
import { type Action, type ActionContext, onRow } from './action.ts';

function what(row: DialogView): string {
  return `${originWords(row.id)}#${row.number} ${clean(row.call?.tool ?? row.title, 60)}`;
}

/** A call that was not read to its end is shown instead of approved. */
function unread(context: ActionContext, row: DialogView): boolean {
  if (context.wasRead(callKey(row))) return false;
  const mode = topMode(context.view);
  if (mode?.kind !== 'page' || mode.page !== 'question')
    context.open({ kind: 'page', page: 'question', subject: row.id, top: 0 });
  context.toast(
    'Read the whole call first: PgDn scrolls, G goes to the end. Then press the key again.',
    'warn',
  );
  return true;
}

function decide(decision: 'once' | 'session' | 'deny', said: string): Pick<Action, 'disabled' | 'run'> {
  return onRow(
    'questions',
    (context, row) => {
      if (decision !== 'deny' && unread(context, row)) return;
      context.run(
        { type: 'dialog.answer', id: row.id, decision },
        { pending: row.id, done: () => `${what(row)} ${said}` },
      );
    },
    (row) =>
      decision === 'deny' || row.kind === 'approval'
        ? undefined
        : 'this question needs an answer: Enter, then i',
  );
}

/** The act and the whole call, for the palette. */
function confirmation(verb: string) {
  return (context: ActionContext): Confirmation | undefined => {
    const row = context.target('questions');
    if (row === undefined) return undefined;
    const asker = clean(row.requesterName ?? 'operator', 40);
    return { title: `${verb} ${what(row)} of ${asker}?`, lines: [questionWords(row)], verb };
  };
}

/** How an answer is typed. */
function hintOf(row: DialogView): string {
  switch (row.kind) {
    case 'select':
      return (row.options ?? []).map((option, i) => `${i + 1} ${clean(option, 60)}`).join('  ');
    case 'confirm':
      return 'yes or no';
    default:
      return clean(row.preset ?? '', 200);
  }
}

export const QUESTIONS: readonly Action[] = [
  {
    id: 'open.questions',
    scopes: ['global'],
    keys: ['!'],
    label: 'questions',
    help: 'Show questions of agents: tool calls that need approval, and others.',
    words: 'approvals',
    run: (context) =>
      context.update((state) => openedList({ ...state, modes: [] }, { kind: 'list', list: 'questions' })),
  },
  {
    id: 'question.approve',
    scopes: ['questions', 'question'],
    keys: ['a'],
    label: 'approve once',
    help: 'Approve exactly the selected tool call, once; a longer one is shown to its end first.',
    hint: 10,
    careful: 'questions',
    confirm: confirmation('Approve'),
    ...decide('once', 'was approved once'),
  },
  {
    id: 'question.approve-session',
    scopes: ['questions', 'question'],
    keys: ['A'],
    label: 'for session',
    help: 'Approve the selected tool call and those of its group until the session ends.',
    hint: 11,
    careful: 'questions',
    confirm: confirmation('Approve for the session'),
    ...decide('session', 'was approved for its session'),
  },
  {
    id: 'question.deny',
    scopes: ['questions', 'question'],
    keys: ['d'],
    label: 'deny',
    help: 'Refuse the selected tool call, or give the selected question no answer.',
    hint: 12,
    careful: 'questions',
    confirm: confirmation('Deny'),
    ...decide('deny', 'was denied'),
  },
  {
    id: 'question.answer',
    scopes: ['questions', 'question'],
    keys: ['i'],
    label: 'answer',
    help: 'Type the answer to the selected question.',
    hint: 13,
    ...onRow(
      'questions',
      (context, row) => {
        if (row.kind === 'approval') return;
        context.prompt({
          title: clean(row.title, 80),
          hint: hintOf(row),
          submit: (value) =>
            value.trim() === '' ? undefined : { command: { type: 'dialog.answer', id: row.id, value } },
        });
      },
      ({ kind }) => (kind === 'approval' ? 'a tool call is approved or denied' : undefined),
    ),
  },
  {
    id: 'question.open',
    scopes: ['questions'],
    keys: ['enter'],
    label: 'details',
    help: 'Show the selected question with everything that would run.',
    hint: 14,
    ...onRow('questions', (context, row) =>
      context.open({ kind: 'page', page: 'question', subject: row.id, top: 0 }),
    ),
  },
];
