import { randomBytes } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import type { AgentAnswer, AgentQuestion } from '../agent/question.ts';
import type { ChatRef, DialogOutcome, DialogView, Sender } from '../model.ts';
import { visible } from './visible.ts';

/** Whom a question is put to: the chat and the person whose message the agent works on. */
export interface Addressee {
  /** Undefined: no one in a chat is asked. */
  readonly chat: ChatRef | undefined;
  /** The sender of the running turn; undefined when only the operator may answer. */
  readonly requester: Pick<Sender, 'id' | 'name' | 'aliases'> | undefined;
  /** Of the message that the turn answers. */
  readonly promptId?: string;
}

/** An open question. It lives exactly as long as the agent process that asked it waits. */
export interface Dialog extends Addressee {
  readonly id: string;
  readonly number: number;
  readonly sessionId: string;
  readonly question: AgentQuestion;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** What is remembered of a question that has ended. */
export interface ClosedDialog {
  readonly id: string;
  readonly number: number;
  readonly chat: Pick<ChatRef, 'platform' | 'accountId' | 'chatId'> | undefined;
  /** `void`: the gateway was restarted while it was open. */
  readonly outcome: DialogOutcome | 'void';
}

export function dialogView(dialog: Dialog): DialogView {
  const { id, number, sessionId, question, chat, requester, createdAt, expiresAt } = dialog;
  const { kind, title, text, options, preset, call } = question;
  return {
    id,
    number,
    kind,
    title: visible(title),
    ...(text === undefined ? {} : { text: visible(text) }),
    ...(options === undefined ? {} : { options: options.map(visible) }),
    ...(preset === undefined ? {} : { preset: visible(preset) }),
    ...(call === undefined
      ? {}
      : {
          call: {
            tool: visible(call.tool),
            arguments: visible(JSON.stringify(JSON.parse(call.argumentsJson), undefined, 2)),
            hash: call.hash,
            reason: call.reason,
            group: visible(call.group),
          },
        }),
    sessionId,
    ...defined({ chat }),
    ...(requester === undefined ? {} : { requesterId: requester.id, requesterName: requester.name }),
    createdAt,
    expiresAt,
  };
}

/** What an answer makes of a dialog. */
export function outcomeOf(answer: AgentAnswer): DialogOutcome {
  switch (answer.type) {
    case 'approval':
      return ({ once: 'approved', session: 'approved_session', deny: 'denied' } as const)[answer.decision];
    case 'cancelled':
      return 'cancelled';
    default:
      return 'answered';
  }
}

/** Is it this person, under any of their ids? */
export function isRequester(dialog: Addressee, person: Pick<Sender, 'id' | 'aliases'>): boolean {
  if (dialog.requester === undefined) return false;
  const ids = new Set([dialog.requester.id, ...(dialog.requester.aliases ?? [])]);
  return [person.id, ...(person.aliases ?? [])].some((id) => ids.has(id));
}

/** The same room, threads aside: a pressed button does not always tell its thread. */
export function sameRoom(
  a: Pick<ChatRef, 'platform' | 'accountId' | 'chatId'> | undefined,
  b: ChatRef,
): boolean {
  return a?.platform === b.platform && a.accountId === b.accountId && a.chatId === b.chatId;
}

const SYMBOLS = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * "q", a digit so that it is no word, and 30 random bits: short enough for every platform's buttons. An id names a
 * question and gives no right.
 */
export function randomId(): string {
  const [first = 0, ...rest] = randomBytes(7);
  return `q${2 + (first % 6)}${rest.map((byte) => SYMBOLS[byte % 32]).join('')}`;
}
