/** One table declares every chat command, in the order of `/help`. */

import { defined } from '../../../base/defined.ts';
import type { CommandMenu, MenuCommand } from '../../adapter.ts';
import { loadCatalogue } from '../../language/catalogues.ts';
import { type ChatText, joined, raw, say } from '../../language/chat-text.ts';
import { LANGUAGES, type Language, type LanguageSetting } from '../../language/languages.ts';
import type { InboundMessage } from '../../model.ts';
import { type ChatCommand, type CommandCore, command } from './command.ts';
import { SCHEDULE_COMMANDS } from './schedule-commands.ts';
import { SESSION_COMMANDS } from './session-commands.ts';
import { PERSON_COMMANDS, TASK_COMMANDS } from './work-commands.ts';

/** A row, with the name that has its line in the catalogue. */
export type NamedCommand = ReturnType<typeof command>;
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

export interface ParsedCommand {
  readonly name: string;
  readonly args: string;
  /** The table's row; undefined for a word that is not ours. */
  readonly row: ChatCommand | undefined;
}

/** The row of a command. */
export function commandRow(name: NamedCommand['name']): NamedCommand {
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
