import type { Part } from '../adapter.ts';
import { type AgentAnswer, type AgentQuestion, SEND_FILE_TOOL } from '../agent/question.ts';
import type { ClosedDialog, Dialog } from './dialog.ts';
import type { QuestionEnd } from './dialogs.ts';
import { fenced, visible } from './visible.ts';

/** Of a tool call in a chat; the operator's console shows all of it. */
const SHOWN_CHARS = 3000;

export interface Wording {
  /** `/` or `!`. */
  readonly prefix: string;
  /** Choices are shown as buttons. */
  readonly buttons: boolean;
  /** May the requester decide about tool calls? */
  readonly mayApprove: boolean;
}

/** The question as its chat reads it, in Markdown. */
export function questionText(dialog: Dialog, wording: Wording): string {
  const { question, number } = dialog;
  const lines =
    question.kind === 'approval'
      ? approvalLines(dialog)
      : [`**${visible(question.title)}** (#${number})`, visible(question.text ?? '')];
  return [...lines, ...choiceLines(dialog, wording), waitLine(dialog)]
    .filter((line) => line !== '')
    .join('\n\n');
}

function approvalLines({ question, number }: Pick<Dialog, 'question' | 'number'>): string[] {
  const { call } = question;
  if (call === undefined) return [];
  return [
    `**${isFile(question) ? 'May I send this?' : 'May I run this?'}** (#${number})`,
    shownCall(call.tool, call.argumentsJson),
    `Tool: ${visible(call.tool)}. I ask because ${visible(call.reason)}.`,
  ];
}

/** All of what a tool call would do, as it is typed; undefined for any other question. */
export function callText({ call }: AgentQuestion): string | undefined {
  return call === undefined ? undefined : readable(call.tool, call.argumentsJson);
}

/** A tool call as people read it in a chat. */
export function shownCall(tool: string, argumentsJson: string): string {
  return fenced(shortened(readable(tool, argumentsJson)));
}

/** Does the chat show all of what would run? Nobody approves what they have not seen. */
export function isShownWhole(question: AgentQuestion): boolean {
  return (callText(question)?.length ?? 0) <= SHOWN_CHARS;
}

export const TOO_LONG_TO_APPROVE =
  'This is too long to be shown here in full, so it cannot be approved from here. The operator can approve it in the console.';

export function isFile({ call }: AgentQuestion): boolean {
  return call?.tool === SEND_FILE_TOOL;
}

/** A command as it is typed; other arguments as indented JSON. */
function readable(tool: string, argumentsJson: string): string {
  const args: unknown = JSON.parse(argumentsJson);
  if (tool === SEND_FILE_TOOL) {
    const { files } = args as { files: readonly { path: string; bytes: number; sha256: string }[] };
    return files
      .map(({ path, bytes, sha256 }) => `${visible(path)}\n${bytes} bytes, sha256 ${sha256.slice(0, 16)}`)
      .join('\n');
  }
  if (tool === 'bash' && typeof args === 'object' && args !== null) {
    const { command, ...rest } = { ...args } as Record<string, unknown>;
    if (typeof command === 'string')
      return [
        visible(command),
        ...(Object.keys(rest).length === 0 ? [] : [visible(JSON.stringify(rest))]),
      ].join('\n');
  }
  return visible(JSON.stringify(args, undefined, 2));
}

function shortened(text: string): string {
  if (text.length <= SHOWN_CHARS) return text;
  const [head, tail] = [text.slice(0, SHOWN_CHARS - 700).toWellFormed(), text.slice(-700).toWellFormed()];
  return `${head}\n… ${text.length - SHOWN_CHARS} more characters, which the operator sees in the console …\n${tail}`;
}

interface Choice {
  readonly label: string;
  readonly command: string;
}

/** Buttons of a question, each with the command that it stands for. */
export function choicesOf({ id, question }: Dialog, { prefix, mayApprove }: Wording): Choice[] {
  switch (question.kind) {
    case 'approval':
      if (!mayApprove) return [];
      if (!isShownWhole(question)) return [{ label: 'Deny', command: `${prefix}deny ${id}` }];
      return [
        { label: 'Approve once', command: `${prefix}approve once ${id}` },
        { label: 'For this session', command: `${prefix}approve session ${id}` },
        { label: 'Deny', command: `${prefix}deny ${id}` },
      ];
    case 'confirm':
      return [
        { label: 'Yes', command: `${prefix}answer ${id} yes` },
        { label: 'No', command: `${prefix}answer ${id} no` },
      ];
    case 'select':
      return (question.options ?? []).map((option, i) => ({
        label: visible(option),
        command: `${prefix}answer ${id} ${i + 1}`,
      }));
    default:
      return [];
  }
}

function choiceLines(dialog: Dialog, wording: Wording): string[] {
  const { question, number } = dialog;
  const { prefix, buttons, mayApprove } = wording;
  const numbered = choicesOf(dialog, wording)
    .map(({ label }, i) => `${i + 1}. ${label}`)
    .join('\n');
  switch (question.kind) {
    case 'approval': {
      if (!mayApprove) return ['Only the operator can approve this.'];
      if (!isShownWhole(question))
        return [TOO_LONG_TO_APPROVE, ...(buttons ? [] : [`Answer ${prefix}deny to refuse it.`])];
      const session = `"For this session" means: ${visible(question.call?.group ?? '')}.`;
      if (buttons) return [session];
      return [
        numbered,
        session,
        `Answer with a number, ${prefix}approve, ${prefix}approve session or ${prefix}deny.`,
      ];
    }
    case 'select':
    case 'confirm':
      return buttons
        ? []
        : [numbered, `Answer with a number; "#${number} 1" when I have asked more than one thing.`];
    default:
      return [
        ...(question.preset === undefined || question.preset === ''
          ? []
          : [fenced(visible(question.preset))]),
        `Write the answer, or ${prefix}deny to give none.`,
      ];
  }
}

function waitLine({ requester, createdAt, expiresAt }: Dialog): string {
  const minutes = Math.max(1, Math.round((expiresAt - createdAt) / 60_000));
  return `I wait ${minutes} ${minutes === 1 ? 'minute' : 'minutes'} for ${visible(requester?.name ?? 'the operator')}.`;
}

/** The parts with the choices as buttons below the last one. */
export function withButtons(parts: readonly Part[], choices: readonly Choice[]): readonly Part[] {
  if (choices.length === 0) return parts;
  return parts.map((part, i) => (i === parts.length - 1 ? { ...part, buttons: choices } : part));
}

/** What the person reads who has just answered. */
export function answeredText({ number, question }: Dialog, answer: AgentAnswer): string {
  switch (answer.type) {
    case 'approval':
      if (answer.decision === 'deny')
        return `Denied (#${number})${isFile(question) ? ': nothing was sent' : ''}.`;
      if (answer.decision === 'once') return `Approved once (#${number}).`;
      return `Approved for this session (#${number}): ${visible(question.call?.group ?? '')}.`;
    case 'cancelled':
      return `No answer given (#${number}).`;
    default:
      return `Answered (#${number}).`;
  }
}

/** What the chat reads when the operator has answered, or nobody has. */
export function closedNotice(dialog: Dialog, answer: AgentAnswer | 'timed_out'): string {
  const { number, question } = dialog;
  if (answer === 'timed_out')
    return question.kind === 'approval'
      ? `No one approved #${number} in time, so it was not ${isFile(question) ? 'sent' : 'run'}.`
      : `No one answered #${number} in time. I'll continue without an answer.`;
  if (answer.type !== 'approval') return `The operator has answered #${number}.`;
  return answer.decision === 'deny' ? `The operator denied #${number}.` : `The operator approved #${number}.`;
}

/** The question as its chat reads it once it is over, in Markdown: nothing is left to choose. */
export function closedText(dialog: Pick<Dialog, 'question' | 'number'>, line: string): string {
  const { question, number } = dialog;
  const lines =
    question.kind === 'approval'
      ? approvalLines(dialog).slice(0, 2)
      : [`**${visible(question.title)}** (#${number})`, visible(question.text ?? '')];
  return [...lines, line].filter((each) => each !== '').join('\n\n');
}

/** What became of a question, below it. */
export function endLine({ outcome, answer, by }: QuestionEnd): string {
  const who = by === undefined ? '' : ` by ${visible(by)}`;
  switch (outcome) {
    case 'approved':
      return `Approved${who}.`;
    case 'approved_session':
      return `Approved for this session${who}.`;
    case 'denied':
      return `Denied${who}.`;
    case 'answered':
      return `Answered${who}${answer?.type === 'confirm' ? `: ${answer.confirmed ? 'yes' : 'no'}` : ''}.`;
    case 'cancelled':
      return 'No answer was given.';
    case 'timed_out':
      return 'No answer in time.';
    case 'withdrawn':
      return 'Withdrawn.';
    case 'void':
      return 'Void: I was restarted.';
  }
}

/** What a late answer is told. Nothing changes by it. */
export function overText({ number, outcome }: ClosedDialog): string {
  const said = {
    approved: 'was approved already',
    approved_session: 'was approved already',
    denied: 'was denied already',
    answered: 'was answered already',
    cancelled: 'is closed',
    timed_out: 'has timed out',
    withdrawn: 'is closed: the agent no longer needs an answer',
    void: 'is void: I was restarted since',
  }[outcome];
  return `Question #${number} ${said}. Nothing has changed.`;
}

export function notYoursText({ number, requester }: Dialog): string {
  return requester === undefined
    ? `Only the operator can answer question #${number}.`
    : `Question #${number} is for ${visible(requester.name)}; only they or the operator can answer it.`;
}

export function whichText(dialogs: readonly Dialog[], prefix: string): string {
  const [first] = dialogs;
  const approvals = dialogs.every(({ question }) => question.kind === 'approval');
  const example = approvals ? `${prefix}approve #${first?.number}` : `#${first?.number} and your answer`;
  const list = dialogs
    .map(({ number, question }) => `#${number} ${visible(question.title).slice(0, 80)}`)
    .join('\n');
  return `I have asked more than one thing:\n${list}\nReply with the number, for example: ${example}`;
}
