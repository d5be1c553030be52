import { GatewayError } from '../../base/errors.ts';
import type { Actor } from '../access/audit.ts';
import type { AgentAnswer, ApprovalDecision } from '../agent/question.ts';
import { type ChatText, SILENCE, say } from '../language/chat-text.ts';
import type { ChatRef, InboundMessage } from '../model.ts';
import type { Dialog, Miss } from './dialog.ts';
import type { Dialogs } from './dialogs.ts';
import { readAddress, readAnswer } from './reading.ts';
import {
  answeredText,
  isShownWhole,
  notYoursText,
  overText,
  TOO_LONG_TO_APPROVE,
  whichText,
} from './wording.ts';

export interface ChatAnswersDeps {
  readonly dialogs: Dialogs;
  /** Are choices shown as buttons in this chat? */
  readonly buttons: (chat: ChatRef) => boolean;
  /** May this sender decide about tool calls? */
  readonly mayApprove: (message: InboundMessage) => boolean;
  /** Does the question itself show in its chat what became of it? Then nothing is said next to it. */
  readonly showsOutcome: (dialog: Dialog, chat: ChatRef) => boolean;
  readonly prefix: (chat: ChatRef) => string;
}

const NOTHING = say('answer.nothingWaits');

/** What people in chats say to open questions. Every method returns the sentence that they read; empty: none. */
export class ChatAnswers {
  readonly #deps: ChatAnswersDeps;

  constructor(deps: ChatAnswersDeps) {
    this.#deps = deps;
  }

  /** Is a plain message the answer to a question that was put to its sender? Then it does not reach the agent. */
  takes(message: InboundMessage): boolean {
    if ((message.attachments?.length ?? 0) > 0 || message.edited) return false;
    const { book } = this.#deps.dialogs;
    const mine = book.forPerson(message.chat, message.sender);
    if (mine.length === 0) return false;
    const { which, text } = readAddress(message.text);
    if (which !== undefined)
      return mine.some((dialog) => dialog.number === which || dialog.id === which) && text.trim() !== '';
    return mine.some((dialog) => this.#read(dialog, message, text) !== undefined);
  }

  /** `/answer [#n] <text>`, and plain messages that are answers. */
  async answer(args: string, message: InboundMessage): Promise<ChatText> {
    const { dialogs, prefix } = this.#deps;
    if (args === '') return say('answer.how', { prefix: prefix(message.chat) });
    const { which, text } = readAddress(args);
    const found = dialogs.book.find(
      message.chat,
      message.sender,
      which,
      (dialog) => this.#read(dialog, message, text) !== undefined,
    );
    if ('miss' in found) return this.#missed(found, message);
    const { dialog } = found;
    // Addressed by its number nothing else can be meant.
    const answer = readAnswer(dialog.question, text, which !== undefined || this.#numbered(message.chat));
    if (answer === undefined || answer === 'unclear') return this.#unclear(dialog, message.chat);
    if (answer.type === 'approval' && !this.#deps.mayApprove(message)) return onlyListed;
    return this.#settle(dialog, answer, message);
  }

  /** `/approve [once|session] [#n]` */
  async approve(args: string, message: InboundMessage): Promise<ChatText> {
    const match = /^(once|session)?\s*(\S*)$/i.exec(args);
    if (match === null) return say('answer.onceOrSession');
    const decision: ApprovalDecision = match[1]?.toLowerCase() === 'session' ? 'session' : 'once';
    return this.#decide(match[2] ?? '', decision, message);
  }

  /** `/deny [#n]`: no to a tool call or a yes-or-no question, no answer to any other. */
  async deny(args: string, message: InboundMessage): Promise<ChatText> {
    return this.#decide(args, 'deny', message);
  }

  async #decide(name: string, decision: ApprovalDecision, message: InboundMessage): Promise<ChatText> {
    const { which, text } = readAddress(name);
    if (text !== '') return say('answer.unknown', { name: text.slice(0, 40) });
    const found = this.#deps.dialogs.book.find(
      message.chat,
      message.sender,
      which,
      ({ question: { kind } }) => decision === 'deny' || kind === 'approval' || kind === 'confirm',
    );
    if ('miss' in found)
      return found.miss === 'none' && which === undefined
        ? say('answer.nothingToApprove')
        : this.#missed(found, message);
    const { dialog } = found;
    const { kind } = dialog.question;
    if (kind === 'approval') return this.#settle(dialog, { type: 'approval', decision }, message);
    if (kind === 'confirm')
      return this.#settle(dialog, { type: 'confirm', confirmed: decision !== 'deny' }, message);
    if (decision !== 'deny') return this.#unclear(dialog, message.chat);
    return this.#settle(dialog, { type: 'cancelled', reason: 'no answer was given' }, message);
  }

  async #settle(dialog: Dialog, said: AgentAnswer, message: InboundMessage): Promise<ChatText> {
    const { platform } = message.chat;
    const actor: Actor = { name: `${platform} ${message.sender.id}`, surface: 'chat' };
    if (said.type === 'approval' && said.decision !== 'deny' && !isShownWhole(dialog.question))
      return TOO_LONG_TO_APPROVE;
    const answer = said.type === 'approval' ? { ...said, ...denial(said.decision, message) } : said;
    try {
      const answered = await this.#deps.dialogs.answer(dialog.id, answer, actor);
      const shown = message.promptId === undefined && this.#deps.showsOutcome(dialog, message.chat);
      return shown ? SILENCE : answeredText(answered, answer);
    } catch (error) {
      const closed = this.#deps.dialogs.book.closed(dialog.id);
      if (error instanceof GatewayError && error.code === 'dialog_over' && closed !== undefined)
        return overText(closed);
      throw error;
    }
  }

  #read(dialog: Dialog, message: InboundMessage, text: string): ReturnType<typeof readAnswer> {
    return readAnswer(dialog.question, text, this.#numbered(message.chat));
  }

  #numbered(chat: ChatRef): boolean {
    return !this.#deps.buttons(chat);
  }

  #missed(miss: Miss, { chat }: InboundMessage): ChatText {
    switch (miss.miss) {
      case 'none':
        return NOTHING;
      case 'over':
        return overText(miss.closed);
      case 'not_yours':
        return notYoursText(miss.dialog);
      case 'which':
        return whichText(miss.dialogs, this.#deps.prefix(chat));
    }
  }

  #unclear({ number, question }: Dialog, chat: ChatRef): ChatText {
    const prefix = this.#deps.prefix(chat);
    if (question.kind === 'approval') return say('answer.unclearApproval', { prefix, number });
    if (question.kind === 'confirm') return say('answer.unclearConfirm', { number });
    return say('answer.unclearSelect', { number, last: question.options?.length ?? 1 });
  }
}

const onlyListed = say('answer.onlyApproved');

function denial(decision: ApprovalDecision, message: InboundMessage): { readonly reason?: string } {
  return decision === 'deny' ? { reason: `${message.sender.name} did not approve this call.` } : {};
}
