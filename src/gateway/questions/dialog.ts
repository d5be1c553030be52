/** A question of an agent: who is asked, what is seen of it, which ones are open, and which calls need no question. */
import { randomBytes } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import type { AgentAnswer, AgentQuestion, ToolCall } from '../agent/question.ts';
import { type ChatText, joined, raw } from '../language/chat-text.ts';
import type { ChatRef, DialogOutcome, DialogView, Sender } from '../model.ts';

/** Controls (line feed and tab stay), format characters (bidi, zero width), and separators that break lines. */
const HIDDEN = /[^\P{Cc}\n\t]|[\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u2800\u3164\uffa0]/gu;

/**
 * A text of an agent with everything shown that would otherwise change how it reads: anyone who approves a command must
 * see the command that runs.
 */
export function visible(text: string): string {
  return text.toWellFormed().replace(HIDDEN, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** In a fence that nothing in the text can close. */
export function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map((match) => match[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

/** In a fence, whatever the language: none of the gateway's words closes one. */
export function fencedText(text: ChatText): ChatText {
  const [fence = ''] = fenced(text.in('en')).split('\n', 1);
  return joined([raw(fence), text, raw(fence)], '\n');
}

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
    ...defined({
      text: text && visible(text),
      options: options?.map(visible),
      preset: preset && visible(preset),
    }),
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
    ...defined({ chat, requesterId: requester?.id, requesterName: requester?.name }),
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
function isRequester(dialog: Addressee, person: Pick<Sender, 'id' | 'aliases'>): boolean {
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

/** Questions that are over and still recognized: anyone who answers late is told so. */
export const CLOSED_KEPT = 500;
/** Open questions of one session; an agent that asks more is not answered. */
const MAX_OPEN = 10;
const LAST_NUMBER = 999;

/** Why someone's words reach no question. */
export type Miss =
  | { readonly miss: 'none' }
  /** It has ended; nothing changes anymore. */
  | { readonly miss: 'over'; readonly closed: ClosedDialog }
  /** It waits for someone else. */
  | { readonly miss: 'not_yours'; readonly dialog: Dialog }
  /** There are several: say which. */
  | { readonly miss: 'which'; readonly dialogs: readonly Dialog[] };

type Found = { readonly dialog: Dialog } | Miss;

/** Which questions are open, and whose word counts for which. No clock, no timers: time comes in. */
export class DialogBook {
  readonly #open = new Map<string, Dialog>();
  readonly #closed: ClosedDialog[] = [];
  #number = 0;

  /** What an earlier run left, oldest first. */
  remember(closed: readonly ClosedDialog[]): void {
    for (const each of closed) this.#keep(each);
    this.#number = closed.at(-1)?.number ?? 0;
  }

  nextNumber(): number {
    this.#number = this.#number >= LAST_NUMBER ? 1 : this.#number + 1;
    return this.#number;
  }

  hasRoom(sessionId: string): boolean {
    return this.list().filter((dialog) => dialog.sessionId === sessionId).length < MAX_OPEN;
  }

  open(dialog: Dialog): void {
    this.#open.set(dialog.id, dialog);
  }

  get(id: string): Dialog | undefined {
    return this.#open.get(id);
  }

  /** The oldest first. */
  list(): Dialog[] {
    return [...this.#open.values()];
  }

  closed(id: string): ClosedDialog | undefined {
    return this.#closed.find((each) => each.id === id);
  }

  /** Ends a question. False: it was over already, and nothing changes. */
  close(id: string, outcome: DialogOutcome): boolean {
    const dialog = this.#open.get(id);
    if (dialog === undefined) return false;
    this.#open.delete(id);
    this.#keep({ id, number: dialog.number, chat: dialog.chat, outcome });
    return true;
  }

  /** Open questions that this person may answer here. */
  forPerson(chat: ChatRef, person: Pick<Sender, 'id' | 'aliases'>): Dialog[] {
    return this.list().filter((dialog) => sameRoom(dialog.chat, chat) && isRequester(dialog, person));
  }

  /**
   * The question that a person in a chat means: the named one, or the only one that fits. A question of another chat
   * does not exist here, and an id or number proves nothing about who may answer.
   */
  find(
    chat: ChatRef,
    person: Pick<Sender, 'id' | 'aliases'>,
    which: string | number | undefined,
    fits: (dialog: Dialog) => boolean = () => true,
  ): Found {
    const here = this.list().filter((dialog) => sameRoom(dialog.chat, chat));
    if (which !== undefined) {
      const named = (each: { readonly id: string; readonly number: number }): boolean =>
        typeof which === 'number' ? each.number === which : each.id === which;
      const dialog = here.find(named);
      if (dialog !== undefined)
        return isRequester(dialog, person) ? { dialog } : { miss: 'not_yours', dialog };
      const closed = this.#closed.findLast((each) => named(each) && sameRoom(each.chat, chat));
      return closed === undefined ? { miss: 'none' } : { miss: 'over', closed };
    }
    const fitting = here.filter(fits);
    const mine = fitting.filter((dialog) => isRequester(dialog, person));
    const [only, ...more] = mine;
    if (only !== undefined) return more.length === 0 ? { dialog: only } : { miss: 'which', dialogs: mine };
    const [foreign] = fitting;
    return foreign === undefined ? { miss: 'none' } : { miss: 'not_yours', dialog: foreign };
  }

  #keep(closed: ClosedDialog): void {
    this.#closed.push(closed);
    if (this.#closed.length > CLOSED_KEPT) this.#closed.shift();
  }
}

type ApprovalMode = 'off' | 'dangerous' | 'all';

const APPROVED: AgentAnswer = { type: 'approval', decision: 'once' };

/** Which tool calls need no one's word: harmless ones by the mode, and groups that were approved for the session. */
export class Approvals {
  readonly #mode: () => ApprovalMode;
  /** Session, then requester, then group: an approval of one person is not one for others in the same session. */
  readonly #granted = new Map<string, Set<string>>();
  /** Session, then calls that were approved and then cut off by a restart. */
  readonly #again = new Map<string, Set<string>>();

  constructor(mode: () => ApprovalMode) {
    this.#mode = mode;
  }

  /** The answer that needs no one; undefined: someone has to be asked. */
  answer(call: ToolCall, sessionId: string, requesterId: string | undefined): AgentAnswer | undefined {
    const mode = this.#mode();
    const free = mode === 'off' || (mode === 'dangerous' && !call.dangerous);
    if (free && call.always !== true) return APPROVED;
    if (this.#again.get(sessionId)?.delete(againKey(call, requesterId))) return APPROVED;
    return this.#granted.get(sessionId)?.has(keyOf(call, requesterId)) ? APPROVED : undefined;
  }

  /** From now on the group of this call runs without asking, until the session ends. */
  grant(call: Pick<ToolCall, 'groupKey'>, sessionId: string, requesterId: string | undefined): void {
    const granted = this.#granted.get(sessionId) ?? new Set();
    granted.add(keyOf(call, requesterId));
    this.#granted.set(sessionId, granted);
  }

  /** This call, once, runs without asking: it was approved before a restart cut it off. */
  allowAgain(call: Pick<ToolCall, 'hash'>, sessionId: string, requesterId: string | undefined): void {
    const again = this.#again.get(sessionId) ?? new Set();
    again.add(againKey(call, requesterId));
    this.#again.set(sessionId, again);
  }

  /** The turn is over in which such a call may have come. */
  forgetAgain(sessionId: string): void {
    this.#again.delete(sessionId);
  }

  forget(sessionId: string): void {
    this.#granted.delete(sessionId);
    this.#again.delete(sessionId);
  }
}

function againKey(call: Pick<ToolCall, 'hash'>, requesterId: string | undefined): string {
  return JSON.stringify([requesterId ?? null, call.hash]);
}

function keyOf(call: Pick<ToolCall, 'groupKey'>, requesterId: string | undefined): string {
  return JSON.stringify([requesterId ?? null, call.groupKey]);
}
