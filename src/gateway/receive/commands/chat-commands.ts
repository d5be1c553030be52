/**
 * The chat commands: one table declares them in the order of `/help`; here they are read and run, next to the words
 * that the agent itself knows.
 */
import { randomUUID } from 'node:crypto';
import { withDeadline } from '../../../base/async.ts';
import { defined } from '../../../base/defined.ts';
import { GatewayError, messageOf } from '../../../base/errors.ts';
import { closest } from '../../../base/text.ts';
import type { Tx } from '../../../store/database.ts';
import type { CommandMenu, MenuCommand } from '../../adapter.ts';
import type { AgentWord } from '../../agent/agent.ts';
import type { BusyMode } from '../../config/schema.ts';
import type { Core } from '../../core.ts';
import { ChatError, type ChatText, joined, raw, say } from '../../language/chat-text.ts';
import { LANGUAGES, type Language, type LanguageSetting, loadCatalogue } from '../../language/languages.ts';
import type { InboundMessage } from '../../model.ts';
import type { ChatAnswers } from '../../questions/chat-answers.ts';
import { errorSentence } from '../../send/egress.ts';
import type { Outbox } from '../../send/outbox.ts';
import type { Inbox, InboxItem } from '../inbox.ts';
import { type ChatCommand, type CommandCore, command } from './command.ts';
import { SESSION_COMMANDS } from './session-commands.ts';
import { PERSON_COMMANDS, SCHEDULE_COMMANDS, TASK_COMMANDS } from './work-commands.ts';

/** A row, with the name that has its line in the catalogue. */
type NamedCommand = ReturnType<typeof command>;
type Table = readonly NamedCommand[];

export const CHAT_COMMANDS: Table = [
  // Telegram sends it when a person opens the bot; what a link adds to it means nothing to someone who has access.
  command({
    name: 'start',
    who: 'everyone',
    control: 'own',
    run: ({ prefix }, _args, { chat }) => say('command.hello', { prefix: prefix(chat) }),
  }),
  command({
    name: 'help',
    who: 'everyone',
    control: 'own',
    run: ({ prefix }, _args, { chat }) => helpText(prefix(chat)),
  }),
  ...SESSION_COMMANDS,
  ...TASK_COMMANDS,
  ...SCHEDULE_COMMANDS,
  ...PERSON_COMMANDS,
];

interface ParsedCommand {
  readonly name: string;
  readonly args: string;
  /** The table's row; undefined for a word that is not ours. */
  readonly row: ChatCommand | undefined;
}

/** The row of a command. */
function commandRow(name: NamedCommand['name']): NamedCommand {
  const row = CHAT_COMMANDS.find((each) => each.name === name);
  if (row === undefined) throw new RangeError(`no chat command named ${name}`);
  return row;
}

/** Reads `/word rest` (also `/word@bot rest`), and `!word rest` where the platform takes it. */
export function parseCommand(text: string, bang: boolean, table = CHAT_COMMANDS): ParsedCommand | undefined {
  const match = /^([/!])([A-Za-z][\w:-]*)(?:@\w+)?(?:\s+([\s\S]*))?$/.exec(text.trim());
  if (match === null || (match[1] === '!' && !bang)) return undefined;
  const name = (match[2] ?? '').toLowerCase();
  const row = table.find((each) => each.name === name || (each.aliases?.includes(name) ?? false));
  return { name, args: (match[3] ?? '').trim(), row };
}

/** The commands that everyone is offered. */
export function inMenus(table = CHAT_COMMANDS): Table {
  return table.filter(({ hidden }) => hidden !== true);
}

/** The menu of commands in a language that is read. */
export function menuIn(language: Language): readonly MenuCommand[] {
  return inMenus().map(({ name, args }) => ({
    name,
    help: helpOf(name).in(language),
    ...defined({ args }),
  }));
}

/** The menus of a platform: English first and then every other language, or the one that is configured. */
export async function menusFor(setting: LanguageSetting): Promise<readonly CommandMenu[]> {
  const languages = setting === 'auto' ? LANGUAGES : [setting];
  await Promise.all(languages.map((language) => loadCatalogue(language)));
  return languages.map((language) => ({ language, commands: menuIn(language) }));
}

/** What a command does, in one line. */
export function helpOf(name: NamedCommand['name']): ChatText {
  return say(`help.${name}`);
}

/** `/help`, from the table. */
export function helpText(prefix: string, table = CHAT_COMMANDS): ChatText {
  return joined(
    inMenus(table).map(({ name, args }) =>
      joined([raw(`${prefix}${name}${args === undefined ? '' : ` ${args}`}`), helpOf(name)], ' – '),
    ),
    '\n',
  );
}

/** Carries out the command of an admitted sender, and returns the sentence or list that the chat reads. */
export async function execute(
  core: CommandCore,
  { name, who, idleOnly, run }: ChatCommand,
  args: string,
  message: InboundMessage,
): Promise<ChatText> {
  if (who === 'listed' && !core.listed(message)) return say('command.approvedOnly', { name });
  const session = core.conversations.sessionOf(message);
  const queue = session === undefined ? undefined : core.conversations.queue(session.id);
  const working = queue?.current !== undefined || queue?.doing !== undefined;
  if (working && idleOnly === true) return say('command.busy', { name });
  return run(core, args, message);
}

/** Longest time a command may take: asking the agent may start it first. */
const COMMAND_MS = 90_000;
/** Those that let the agent work end by its own time limits; this only guards against one that does not. */
const PATIENT_MS = 24 * 60 * 60_000;

interface ChatCommandsDeps extends Core {
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  /** Answers to open questions are commands too, also without a word of command. */
  readonly answers: Pick<ChatAnswers, 'takes'>;
  readonly words: AgentWords;
  /** Where the agent of this message's conversation works. */
  readonly cwdOf: (message: InboundMessage) => string;
  /** Hands a message that turned out to be none of our commands to its conversation. False: there is no room. */
  readonly passOn: (message: InboundMessage, tx: (tx: Tx) => void) => Promise<boolean>;
  /** Carries a command out and returns what the chat reads, empty for nothing. A GatewayError becomes its sentence. */
  readonly execute: (row: ChatCommand, args: string, message: InboundMessage) => Promise<ChatText>;
}

/** What becomes of a message that may be a command. */
type Handled =
  | { readonly handled: true }
  | { readonly handled: false; readonly message: InboundMessage; readonly mode?: BusyMode };

/** Control commands: commands never wait for a turn. */
export class ChatCommands {
  readonly #deps: ChatCommandsDeps;
  readonly #underway = new Set<Promise<void>>();

  constructor(deps: ChatCommandsDeps) {
    this.#deps = deps;
  }

  /** The command that a message is, if it is one. pi's own skills ("/skill:name") are none. */
  parse(message: InboundMessage): ParsedCommand | undefined {
    const adapter = this.#deps.adapter(message.chat.platform);
    const command = parseCommand(message.text, adapter?.capabilities.bangCommands ?? false);
    if (command === undefined && this.#deps.answers.takes(message))
      return { name: 'answer', args: message.text.trim(), row: commandRow('answer') };
    return command?.row === undefined && command?.name.startsWith('skill:') ? undefined : command;
  }

  /** Does the message steer what already runs, or only ask about it? */
  control(message: InboundMessage): ChatCommand['control'] {
    return message.edited ? undefined : this.parse(message)?.row?.control;
  }

  /** Resolves when the command is durable; its answer follows through the outbox. */
  async handle(message: InboundMessage, command: ParsedCommand): Promise<Handled> {
    const { row, args, name } = command;
    if (row === undefined) {
      const { words, cwdOf } = this.#deps;
      const own = words.recall(name, cwdOf(message));
      if (own !== undefined) return { handled: false, message: { ...message, text: wordText(own, args) } };
      // Asking the agent may take a second: what follows does not wait for it.
      await this.#run(message, (item) => this.#ask(item, name, args));
      return { handled: true };
    }
    if (row.mode !== undefined && args !== '')
      return { handled: false, message: { ...message, text: args }, mode: row.mode };
    await this.#run(message, () => this.#deps.execute(row, args, message), limitOf(row));
    return { handled: true };
  }

  /**
   * The command that a held message is: it is carried out with this once `item` is stored as running. A word that is
   * none of ours is none here.
   */
  held(message: InboundMessage): ((item: InboxItem) => void) | undefined {
    const { row, args = '' } = this.parse(message) ?? {};
    if (row === undefined || (row.mode !== undefined && args !== '')) return undefined;
    return (item) => this.#begin(item, () => this.#deps.execute(row, args, message), limitOf(row));
  }

  /** Resolves when every command that was taken has its answer. */
  async settled(): Promise<void> {
    await Promise.all(this.#underway);
  }

  /** A word that is not ours: it may be the agent's own. */
  async #ask(item: InboxItem, name: string, args: string): Promise<ChatText | undefined> {
    const { words, cwdOf, passOn, inbox } = this.#deps;
    const own = await words.find(name, cwdOf(item.message));
    if (own === undefined) return unknownCommand(name);
    const passed = await passOn({ ...item.message, text: wordText(own, args) }, (tx) =>
      inbox.setState(tx, item, 'done'),
    );
    return passed ? undefined : say('receive.queueFull');
  }

  async #run(
    message: InboundMessage,
    work: (item: InboxItem) => Promise<ChatText | undefined>,
    limitMs = COMMAND_MS,
  ): Promise<void> {
    const { db, inbox, clock } = this.#deps;
    const now = clock();
    const item = await db.write((tx) =>
      inbox.markSeen(tx, message, now)
        ? inbox.add(tx, randomUUID(), message, 'running', undefined, now)
        : undefined,
    );
    if (item !== undefined) this.#begin(item, () => work(item), limitMs);
  }

  #begin(item: InboxItem, work: () => Promise<ChatText | undefined>, limitMs: number): void {
    const answered = this.#answer(item, work, limitMs)
      .catch((error: unknown) =>
        this.#deps.log.error('a command was not answered', { error: messageOf(error) }),
      )
      .finally(() => this.#underway.delete(answered));
    this.#underway.add(answered);
  }

  async #answer(item: InboxItem, work: () => Promise<ChatText | undefined>, limitMs: number): Promise<void> {
    const { persist, inbox, outbox, log } = this.#deps;
    const { message } = item;
    const text = await withDeadline(limitMs, work).catch((error: unknown) => {
      if (error instanceof ChatError) return error.text;
      if (error instanceof GatewayError && error.code === 'storage_full') return say('receive.diskFull');
      if (error instanceof GatewayError)
        return raw([errorSentence(error), ...(error.hint === undefined ? [] : [error.hint])].join(' '));
      log.error('a command failed', { error: messageOf(error) });
      return say('command.failed');
    });
    if (text === undefined) return;
    const row = await persist((tx) => {
      inbox.setState(tx, item, 'done');
      const silent = text.isEmpty;
      if (silent && message.promptId === undefined) return undefined;
      return outbox.add(tx, {
        chat: message.chat,
        meta: { kind: 'command', ...defined({ promptId: message.promptId }) },
        // A program waits for the outcome of its prompt, even when there is nothing to say.
        parts: silent ? [{ text: '', plain: '' }] : outbox.format(message.chat, text, message.sender),
        replyTo: message.messageId,
      });
    });
    if (row !== undefined) void outbox.release(row);
    else await this.#deps.adapter(message.chat.platform)?.unanswered?.(message.chat, message.messageId);
  }
}

function limitOf({ patient }: ChatCommand): number {
  return patient === true ? PATIENT_MS : COMMAND_MS;
}

function wordText(word: string, args: string): string {
  return args === '' ? `/${word}` : `/${word} ${args}`;
}

function unknownCommand(name: string): ChatText {
  const near = closest(
    name,
    CHAT_COMMANDS.map((row) => row.name),
  );
  return near === undefined ? say('command.unknown', { name }) : say('command.unknownNear', { name, near });
}

/** Templates and skills change seldom; a word that is not on a list of this age is asked for again. */
const FRESH_MS = 30_000;
const ASK_MS = 20_000;

interface Known {
  readonly at: number;
  readonly words: readonly AgentWord[];
}

/** The words that the agent itself knows, directory by directory: looked up at once, asked for behind the scenes. */
export class AgentWords {
  readonly #core: Pick<Core, 'agent' | 'clock' | 'log'>;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<readonly AgentWord[]>>();

  constructor(core: Pick<Core, 'agent' | 'clock' | 'log'>) {
    this.#core = core;
  }

  /** How the agent spells the word, without asking it; undefined: not on a list that we have. */
  recall(word: string, cwd: string): string | undefined {
    return spelled(this.#known.get(cwd)?.words ?? [], word);
  }

  /** Is it, in any directory that we know of, a command of an extension? */
  isProgram(word: string): boolean {
    return [...this.#known.values()].some(({ words }) =>
      words.some(({ name, program }) => name === word && program === true),
    );
  }

  /** How the agent spells the word; it is asked unless it was a moment ago. Never rejects. */
  async find(word: string, cwd: string): Promise<string | undefined> {
    const known = this.#known.get(cwd);
    const fresh = known !== undefined && this.#core.clock() - known.at < FRESH_MS;
    return spelled(fresh ? known.words : await this.#ask(cwd), word);
  }

  async #ask(cwd: string): Promise<readonly AgentWord[]> {
    const { agent, log, clock } = this.#core;
    if (agent?.words === undefined) return [];
    const asking =
      this.#asking.get(cwd) ??
      agent
        .words(cwd, AbortSignal.timeout(ASK_MS))
        .catch((error: unknown) => {
          log.warn('the agent did not tell its own commands', { error: messageOf(error) });
          return this.#known.get(cwd)?.words ?? [];
        })
        .finally(() => this.#asking.delete(cwd));
    this.#asking.set(cwd, asking);
    const words = await asking;
    this.#known.set(cwd, { at: clock(), words });
    return words;
  }
}

/** The operator's own command is none of a chat, whatever the agent knows. */
const OPERATORS = /^gateway\b/i;

function spelled(words: readonly AgentWord[], word: string): string | undefined {
  if (OPERATORS.test(word)) return undefined;
  return words.find(({ name }) => name.toLowerCase() === word.toLowerCase())?.name;
}
