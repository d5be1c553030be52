import { type ChatText, joined, raw, say } from '../../language/chat-text.ts';

/** One table declares every chat command: platform menus, `/help` and the documentation come from it. */
export interface ChatCommand {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly args?: string;
  /** May it run while the agent works? Those that may never wait for a turn. */
  readonly midTurn: boolean;
  /**
   * `everyone`: whoever may write here. `listed`: only people on the allowlist, not those whom an open chat lets in;
   * where `allowAll` lets everybody in, everybody counts as listed.
   */
  readonly who: 'everyone' | 'listed';
  /**
   * Gives the agent nothing to do, and does not count towards the rate limit: `always` passes however often it comes, so
   * that whoever started something can stop it; `own` has a limit of the same size to itself.
   */
  readonly control?: 'always' | 'own';
  /** For few: not in `/help` and not in the menus of platforms. */
  readonly hidden?: true;
  /** Takes as long as the agent needs for an answer; the others are answered soon. */
  readonly patient?: boolean;
}

export const CHAT_COMMANDS = [
  {
    name: 'start',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  { name: 'help', midTurn: true, who: 'everyone', control: 'own' },
  {
    name: 'new',
    aliases: ['reset'],
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'stop',
    midTurn: true,
    who: 'everyone',
    control: 'always',
  },
  {
    name: 'status',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'sessions',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'resume',
    args: '<n>',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'search',
    args: '<words>',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  { name: 'retry', midTurn: true, who: 'everyone' },
  { name: 'undo', midTurn: false, who: 'everyone' },
  {
    name: 'title',
    args: '<text>',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'model',
    args: '[name]',
    midTurn: false,
    who: 'listed',
  },
  {
    name: 'thinking',
    args: '[level]',
    midTurn: false,
    who: 'listed',
  },
  {
    name: 'compact',
    midTurn: false,
    patient: true,
    who: 'listed',
  },
  {
    name: 'usage',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'queue',
    args: '<text>',
    midTurn: true,
    who: 'everyone',
  },
  {
    name: 'steer',
    args: '<text>',
    midTurn: true,
    who: 'everyone',
  },
  {
    name: 'bg',
    aliases: ['background'],
    args: '<text>',
    midTurn: true,
    who: 'listed',
  },
  {
    name: 'tasks',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'cancel',
    args: '<id>',
    midTurn: true,
    who: 'listed',
    control: 'always',
  },
  {
    name: 'every',
    args: '<when> <text>',
    midTurn: true,
    who: 'listed',
  },
  {
    name: 'at',
    args: '<when> <text>',
    midTurn: true,
    who: 'listed',
  },
  {
    name: 'schedules',
    args: '[pause|resume|run|remove <id>]',
    midTurn: true,
    who: 'listed',
  },
  {
    name: 'btw',
    args: '<text>',
    midTurn: true,
    who: 'everyone',
    patient: true,
  },
  {
    name: 'approve',
    args: '[once|session] [#n]',
    midTurn: true,
    who: 'listed',
    control: 'always',
  },
  {
    name: 'deny',
    args: '[#n]',
    midTurn: true,
    who: 'everyone',
    control: 'always',
  },
  {
    name: 'answer',
    args: '[#n] <text>',
    midTurn: true,
    who: 'everyone',
    control: 'always',
  },
  {
    name: 'owner',
    args: '[approve|deny|block|show|stop <id>]',
    midTurn: true,
    who: 'everyone',
    control: 'always',
    hidden: true,
  },
  {
    name: 'whoami',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'language',
    args: '[code]',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
] as const satisfies readonly ChatCommand[];

export type ChatCommandName = (typeof CHAT_COMMANDS)[number]['name'];

export type NamedCommand = ChatCommand & { readonly name: ChatCommandName };

export interface ParsedCommand {
  readonly name: string;
  readonly args: string;
  /** The table's row; undefined for a word that is not ours. */
  readonly known: ChatCommandName | undefined;
}

/** The row of a command. */
export function commandRow(name: ChatCommandName): ChatCommand {
  const row: ChatCommand | undefined = CHAT_COMMANDS.find((each) => each.name === name);
  if (row === undefined) throw new RangeError(`no chat command named ${name}`);
  return row;
}

/** Reads `/word rest` (also `/word@bot rest`), and `!word rest` where the platform takes it. */
export function parseCommand(text: string, bang: boolean): ParsedCommand | undefined {
  const match = /^([/!])([A-Za-z][\w:-]*)(?:@\w+)?(?:\s+([\s\S]*))?$/.exec(text.trim());
  if (match === null || (match[1] === '!' && !bang)) return undefined;
  const name = (match[2] ?? '').toLowerCase();
  const row = CHAT_COMMANDS.find(
    (each: ChatCommand) => each.name === name || (each.aliases?.includes(name) ?? false),
  );
  return { name, args: (match[3] ?? '').trim(), known: row?.name };
}

/** Is the command offered to everyone? */
export function inMenus({ hidden }: ChatCommand): boolean {
  return hidden !== true;
}

/** What a command does, in one line. */
export function helpOf(name: ChatCommandName): ChatText {
  return say(`help.${name}`);
}

/** `/help`, from the table. */
export function helpText(prefix: string): ChatText {
  const rows = CHAT_COMMANDS.filter((row) => inMenus(row));
  return joined(
    rows.map(({ name, ...row }: NamedCommand) =>
      joined([raw(`${prefix}${name}${row.args === undefined ? '' : ` ${row.args}`}`), helpOf(name)], ' – '),
    ),
    '\n',
  );
}
