import type { Part } from '../adapter.ts';
import { type AgentAnswer, type AgentQuestion, SEND_FILE_TOOL } from '../agent/question.ts';
import { type ChatText, joined, raw, recognized, say } from '../language/chat-text.ts';
import type { ChatRef, Sender } from '../model.ts';
import { type ClosedDialog, type Dialog, fenced, fencedText, visible } from './dialog.ts';
import type { QuestionEnd } from './dialogs.ts';

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
export function questionText(dialog: Dialog, wording: Wording): ChatText {
  const { question, number } = dialog;
  const lines = question.kind === 'approval' ? approvalLines(dialog) : titleLines({ question, number });
  return joined([...lines, ...choiceLines(dialog, wording), waitLine(dialog)], '\n\n');
}

function titleLines({ question, number }: Pick<Dialog, 'question' | 'number'>): ChatText[] {
  const { titleText, text, bodyText } = question;
  return [heading(titleText ?? raw(visible(question.title)), number), bodyText ?? raw(visible(text ?? ''))];
}

function heading(text: ChatText, number: number): ChatText {
  return joined([raw('**'), text, raw(`** (#${number})`)], '');
}

function approvalLines({ question, number }: Pick<Dialog, 'question' | 'number'>): ChatText[] {
  const { call } = question;
  if (call === undefined) return [];
  return [
    heading(isFile(question) ? say('question.maySend') : say('question.mayRun'), number),
    shownCall(call.tool, call.argumentsJson),
    say('question.tool', { tool: visible(call.tool), reason: recognized(visible(call.reason), 'why.') }),
  ];
}

/** All of what a tool call would do, as it is typed; undefined for any other question. */
export function callText({ call }: AgentQuestion): ChatText | undefined {
  return call === undefined ? undefined : readable(call.tool, call.argumentsJson);
}

/** A tool call as people read it in a chat. */
export function shownCall(tool: string, argumentsJson: string): ChatText {
  return fencedText(shortened(readable(tool, argumentsJson)));
}

/** Does the chat show all of what would run? No one approves what they have not seen. */
export function isShownWhole(question: AgentQuestion): boolean {
  return (callText(question)?.in('en').length ?? 0) <= SHOWN_CHARS;
}

export const TOO_LONG_TO_APPROVE = say('question.tooLong');

export function isFile({ call }: AgentQuestion): boolean {
  return call?.tool === SEND_FILE_TOOL;
}

/** A command as it is typed; other arguments as indented JSON. */
function readable(tool: string, argumentsJson: string): ChatText {
  const args: unknown = JSON.parse(argumentsJson);
  if (tool === SEND_FILE_TOOL) {
    const { files } = args as { files: readonly { path: string; bytes: number; sha256: string }[] };
    return joined(
      files.flatMap(({ path, bytes, sha256 }) => [
        raw(visible(path)),
        say('question.bytes', { n: bytes, hash: sha256.slice(0, 16) }),
      ]),
      '\n',
    );
  }
  if (tool === 'bash' && typeof args === 'object' && args !== null) {
    const { command, ...rest } = { ...args } as Record<string, unknown>;
    if (typeof command === 'string')
      return raw(
        [visible(command), ...(Object.keys(rest).length === 0 ? [] : [visible(JSON.stringify(rest))])].join(
          '\n',
        ),
      );
  }
  return raw(visible(JSON.stringify(args, undefined, 2)));
}

function shortened(whole: ChatText): ChatText {
  const text = whole.in('en');
  if (text.length <= SHOWN_CHARS) return whole;
  const [head, tail] = [text.slice(0, SHOWN_CHARS - 700).toWellFormed(), text.slice(-700).toWellFormed()];
  return joined([raw(head), say('question.moreChars', { n: text.length - SHOWN_CHARS }), raw(tail)], '\n');
}

/** What "for this session" would approve. */
function groupText({ call }: AgentQuestion): ChatText {
  return recognized(visible(call?.group ?? ''), 'group.');
}

interface Choice {
  readonly label: ChatText;
  readonly command: string;
}

/** Buttons of a question, each with the command that it stands for. */
export function choicesOf({ id, question }: Dialog, { prefix, mayApprove }: Wording): Choice[] {
  switch (question.kind) {
    case 'approval':
      if (!mayApprove) return [];
      if (!isShownWhole(question)) return [{ label: say('button.deny'), command: `${prefix}deny ${id}` }];
      return [
        { label: say('button.approveOnce'), command: `${prefix}approve once ${id}` },
        { label: say('button.session'), command: `${prefix}approve session ${id}` },
        { label: say('button.deny'), command: `${prefix}deny ${id}` },
      ];
    case 'confirm':
      return [
        { label: say('button.yes'), command: `${prefix}answer ${id} yes` },
        { label: say('button.no'), command: `${prefix}answer ${id} no` },
      ];
    case 'select':
      return (question.options ?? []).map((option, i) => ({
        label: question.optionTexts?.[i] ?? raw(visible(option)),
        command: `${prefix}answer ${id} ${i + 1}`,
      }));
    default:
      return [];
  }
}

function choiceLines(dialog: Dialog, wording: Wording): ChatText[] {
  const { question, number } = dialog;
  const { prefix, buttons, mayApprove } = wording;
  const numbered = joined(
    choicesOf(dialog, wording).map(({ label }, i) => joined([raw(`${i + 1}. `), label], '')),
    '\n',
  );
  switch (question.kind) {
    case 'approval': {
      if (!mayApprove) return [say('question.operatorOnly')];
      if (!isShownWhole(question))
        return [TOO_LONG_TO_APPROVE, ...(buttons ? [] : [say('question.denyIt', { prefix })])];
      const session = say('question.sessionMeans', { group: groupText(question) });
      if (buttons) return [session];
      return [numbered, session, say('question.numberOr', { prefix })];
    }
    case 'select':
    case 'confirm':
      return buttons ? [] : [numbered, say('question.number', { number })];
    default:
      return [
        ...(question.preset === undefined || question.preset === ''
          ? []
          : [raw(fenced(visible(question.preset)))]),
        say('question.write', { prefix }),
      ];
  }
}

function waitLine({ requester, createdAt, expiresAt }: Dialog): ChatText {
  const minutes = Math.max(1, Math.round((expiresAt - createdAt) / 60_000));
  const name = requester === undefined ? say('question.operator') : raw(visible(requester.name));
  return say('question.wait', { n: minutes, name });
}

/** The parts with the choices as buttons below the last one. */
export function withButtons(
  parts: readonly Part[],
  choices: readonly Choice[],
  outbox: { words(chat: ChatRef, text: ChatText, person?: Pick<Sender, 'id'>): string },
  chat: ChatRef,
  person?: Pick<Sender, 'id'>,
): readonly Part[] {
  if (choices.length === 0) return parts;
  const buttons = choices.map(({ label, command }) => ({
    label: outbox.words(chat, label, person),
    command,
  }));
  return parts.map((part, i) => (i === parts.length - 1 ? { ...part, buttons } : part));
}

/** What the person reads who has just answered. */
export function answeredText({ number, question }: Dialog, answer: AgentAnswer): ChatText {
  switch (answer.type) {
    case 'approval':
      if (answer.decision === 'deny')
        return isFile(question) ? say('answer.deniedFile', { number }) : say('answer.denied', { number });
      if (answer.decision === 'once') return say('answer.once', { number });
      return say('answer.session', { number, group: groupText(question) });
    case 'cancelled':
      return say('answer.none', { number });
    default:
      return say('answer.answered', { number });
  }
}

/** What the chat reads when the operator has answered, or no one has. */
export function closedNotice(dialog: Dialog, answer: AgentAnswer | 'timed_out'): ChatText {
  const { number, question } = dialog;
  if (answer === 'timed_out') {
    if (question.kind !== 'approval') return say('answer.late', { number });
    return isFile(question) ? say('answer.lateSend', { number }) : say('answer.lateRun', { number });
  }
  if (answer.type !== 'approval') return say('answer.byOperator', { number });
  return answer.decision === 'deny'
    ? say('answer.operatorDenied', { number })
    : say('answer.operatorApproved', { number });
}

/** The question as its chat reads it once it has ended, in Markdown: nothing is left to choose. */
export function closedText(dialog: Pick<Dialog, 'question' | 'number'>, line: ChatText): ChatText {
  const lines = dialog.question.kind === 'approval' ? approvalLines(dialog).slice(0, 2) : titleLines(dialog);
  return joined([...lines, line], '\n\n');
}

/** What became of a question, below it. */
export function endLine({ outcome, answer, by }: QuestionEnd): ChatText {
  switch (outcome) {
    case 'approved':
    case 'approved_session':
    case 'denied':
    case 'answered': {
      const what =
        answer?.type !== 'confirm' || outcome !== 'answered' ? outcome : answer.confirmed ? 'yes' : 'no';
      if (by === undefined) return say(`end.${what}`);
      const name = by === 'operator' ? say('question.operator') : raw(visible(by.name));
      return say(`end.${what}By`, { name });
    }
    default:
      return say(`end.${outcome}`);
  }
}

/** What a late answer is told. Nothing changes by it. */
export function overText({ number, outcome }: ClosedDialog): ChatText {
  return say(`over.${outcome}`, { number });
}

export function notYoursText({ number, requester }: Dialog): ChatText {
  return requester === undefined
    ? say('answer.operatorOnly', { number })
    : say('answer.notYours', { number, name: visible(requester.name) });
}

export function whichText(dialogs: readonly Dialog[], prefix: string): ChatText {
  const [first] = dialogs;
  const approvals = dialogs.every(({ question }) => question.kind === 'approval');
  const number = first?.number ?? 0;
  const example = approvals ? raw(`${prefix}approve #${number}`) : say('answer.example', { number });
  const list = dialogs
    .map(({ number, question }) => `#${number} ${visible(question.title).slice(0, 80)}`)
    .join('\n');
  return say('answer.which', { list, example });
}
