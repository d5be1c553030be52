/** What people in chats say to open questions, and how the questions get there. */
import { GatewayError } from '../../base/errors.ts';
import type { Actor } from '../access/audit.ts';
import type { AgentAnswer, AgentQuestion, ApprovalDecision } from '../agent/question.ts';
import type { Core } from '../core.ts';
import { type ChatText, SILENCE, say } from '../language/chat-text.ts';
import { LANGUAGES } from '../language/languages.ts';
import { type ChatRef, chatKey, type InboundMessage } from '../model.ts';
import type { Outbox } from '../send/outbox.ts';
import { tellTurn } from '../send/reply.ts';
import { Approvals, type Dialog, type Miss } from './dialog.ts';
import { Dialogs, type DialogVoice } from './dialogs.ts';
import {
  answeredText,
  choicesOf,
  closedNotice,
  closedText,
  endLine,
  isShownWhole,
  notYoursText,
  overText,
  questionText,
  TOO_LONG_TO_APPROVE,
  whichText,
  withButtons,
} from './wording.ts';

/** A text with the question that it names: by its number ("#4 yes") or by its id (buttons). */
interface Addressed {
  readonly which: string | number | undefined;
  readonly text: string;
}

export function readAddress(text: string): Addressed {
  const match = /^(?:#(\d{1,4})|(q[2-7][a-z2-7]{6})(?![\w-]))\s*[:.]?\s*/.exec(text);
  if (match === null) return { which: undefined, text };
  const which = match[1] === undefined ? match[2] : Number(match[1]);
  return { which, text: text.slice(match[0].length) };
}

const YES = /^(y|yes|ok|okay|yep|sure)[.!]?$/i;
const NO = /^(n|no|nope)[.!]?$/i;

/** Without accents, which people leave out as they type. */
const plain = (text: string): string =>
  text
    .normalize('NFD')
    .replaceAll(/\p{Mn}|[.!。！]$/gu, '')
    .toLowerCase();

/** The words of a choice as it was shown, in whichever language that was. */
function names(choice: ChatText, said: string): boolean {
  return LANGUAGES.some((language) => plain(choice.in(language)) === plain(said));
}

const isYes = (said: string): boolean => YES.test(said) || names(say('button.yes'), said);
const isNo = (said: string): boolean => NO.test(said) || names(say('button.no'), said);

/**
 * `unclear`: it looks like an answer, but does not say which. Undefined: it is none. `numbered`: the choices were shown
 * with numbers; a number approves nothing where none was offered.
 */
export function readAnswer(
  question: AgentQuestion,
  text: string,
  numbered = true,
): AgentAnswer | 'unclear' | undefined {
  const said = text.trim();
  if (said === '') return undefined;
  const number = /^\d{1,3}\.?$/.test(said) ? Number.parseInt(said, 10) : undefined;
  switch (question.kind) {
    case 'input':
    case 'editor':
      return { type: 'value', value: text.trim() };
    case 'select': {
      const options = question.options ?? [];
      const same = (option: string, i: number): boolean => {
        const shown = question.optionTexts?.[i];
        if (shown !== undefined && names(shown, said)) return true;
        return option.trim().toLowerCase() === said.toLowerCase();
      };
      // A word that is an option is meant as such, even when it is a number.
      const value = options.find(same) ?? (number === undefined ? undefined : options[number - 1]);
      if (value !== undefined) return { type: 'value', value };
      return number === undefined ? undefined : 'unclear';
    }
    case 'confirm':
      if (isYes(said) || number === 1) return { type: 'confirm', confirmed: true };
      if (isNo(said) || number === 2) return { type: 'confirm', confirmed: false };
      return number === undefined ? undefined : 'unclear';
    case 'approval':
      if (isNo(said)) return { type: 'approval', decision: 'deny' };
      // A "yes" may be meant for something else: what runs is approved in so many words.
      if (isYes(said)) return 'unclear';
      if (number === undefined || !numbered) return undefined;
      if (number === 1) return { type: 'approval', decision: 'once' };
      if (number === 2) return { type: 'approval', decision: 'session' };
      return number === 3 ? { type: 'approval', decision: 'deny' } : 'unclear';
  }
}

interface ChatAnswersDeps {
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

interface ChatVoiceDeps extends Pick<Core, 'adapter'> {
  readonly outbox: Outbox;
  /** May the requester decide about tool calls? */
  readonly mayApprove: (chat: ChatRef, requester: NonNullable<Dialog['requester']>) => boolean;
  readonly prefix: (chat: ChatRef) => string;
}

/** Questions go to their chat through the outbox: durable, in the order of the chat, like everything that is said. */
function chatVoice({ outbox, adapter, mayApprove, prefix }: ChatVoiceDeps): DialogVoice {
  const post = (
    dialog: Dialog,
    chat: ChatRef,
    parts: ReturnType<Outbox['format']>,
    id?: string,
  ): Promise<unknown> =>
    outbox.post(
      {
        chat,
        meta: {
          kind: 'notice',
          sessionId: dialog.sessionId,
          ...(id === undefined ? {} : { amendable: true }),
        },
        parts,
      },
      id,
    );
  return {
    async ask(dialog) {
      const { chat, requester, question } = dialog;
      if (chat === undefined || requester === undefined) return;
      const wording = {
        prefix: prefix(chat),
        buttons: adapter(chat.platform)?.capabilities.buttons ?? false,
        mayApprove: question.kind !== 'approval' || mayApprove(chat, requester),
      };
      const parts = outbox.format(chat, questionText(dialog, wording), requester);
      const shown = wording.buttons
        ? withButtons(parts, choicesOf(dialog, wording), outbox, chat, requester)
        : parts;
      await post(dialog, chat, shown, rowOf(dialog.id));
    },
    closed({ id, chat, number, question, requester }, end) {
      if (chat === undefined) return;
      const line = endLine(end);
      outbox.amend(rowOf(id), (last, count) => {
        const whole =
          count === 1 && question !== undefined && number !== undefined
            ? outbox.format(chat, closedText({ question, number }, line), requester)
            : [];
        const [only, ...more] = whole;
        if (only !== undefined && more.length === 0) return only;
        const [said] = outbox.format(chat, line, requester);
        if (said === undefined) return undefined;
        const limit = adapter(chat.platform)?.capabilities.textLimit ?? Number.POSITIVE_INFINITY;
        if (last.text.length + said.text.length + 2 > limit) return said;
        return { text: `${last.text}\n\n${said.text}`, plain: `${last.plain}\n\n${said.plain}` };
      });
    },
    tell(dialog, answer) {
      const { chat, requester } = dialog;
      if (chat === undefined || requester === undefined) return;
      // Best effort: the agent has its answer already.
      post(dialog, chat, outbox.format(chat, closedNotice(dialog, answer), requester)).catch(() => {});
    },
    show({ chat, promptId }, event) {
      if (chat !== undefined) tellTurn(adapter(chat.platform), chat, promptId, event);
    },
  };
}

/** The row of a question, found again when it has ended, even after a restart. */
function rowOf(dialogId: string): string {
  return `question:${dialogId}`;
}

interface CreateDialogsDeps extends Core {
  readonly outbox: Outbox;
  readonly listed: (message: Pick<InboundMessage, 'chat' | 'sender'>) => boolean;
  readonly prefix: (chat: ChatRef) => string;
}

/** The questions of agents, and what chats say to them. */
export function createDialogs(deps: CreateDialogsDeps): {
  readonly dialogs: Dialogs;
  readonly answers: ChatAnswers;
} {
  const { settings, outbox, adapter, listed, prefix, clock } = deps;
  const dialogs = new Dialogs({
    ...deps,
    approvals: new Approvals(() => settings.agent.approvals),
    voice: chatVoice({
      outbox,
      adapter,
      mayApprove: (chat, requester) => listed({ chat, sender: requester }),
      prefix,
    }),
    timeoutMs: () => settings.agent.questionMs,
  });
  const answers = new ChatAnswers({
    dialogs,
    buttons: ({ platform }) => adapter(platform)?.capabilities.buttons ?? false,
    showsOutcome: (dialog, chat) => {
      const { edit = false, editWindowMs = Number.POSITIVE_INFINITY } =
        adapter(chat.platform)?.capabilities ?? {};
      const here = dialog.chat !== undefined && chatKey(dialog.chat) === chatKey(chat);
      return edit && here && clock() - dialog.createdAt < editWindowMs;
    },
    mayApprove: listed,
    prefix,
  });
  return { dialogs, answers };
}
