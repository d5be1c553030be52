/** One table declares every chat command: platform menus, `/help` and the documentation come from it. */
export interface ChatCommand {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly args?: string;
  readonly help: string;
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
    help: 'Say hello and show how to begin.',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  { name: 'help', help: 'Show what I understand.', midTurn: true, who: 'everyone', control: 'own' },
  {
    name: 'new',
    aliases: ['reset'],
    help: 'Start a new session; the old one is kept.',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'stop',
    help: 'Stop the running turn and drop your queued messages.',
    midTurn: true,
    who: 'everyone',
    control: 'always',
  },
  {
    name: 'status',
    help: 'Show what is running and queued.',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'sessions',
    help: 'List your sessions of this chat.',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'resume',
    args: '<n>',
    help: 'Go back to session number n of /sessions.',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'search',
    args: '<words>',
    help: 'Search your sessions of this chat.',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  { name: 'retry', help: 'Run your last message again.', midTurn: true, who: 'everyone' },
  { name: 'undo', help: 'Take your last message and its answer back.', midTurn: false, who: 'everyone' },
  {
    name: 'title',
    args: '<text>',
    help: 'Give this session a title.',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'model',
    args: '[name]',
    help: 'Show or change the model of this session.',
    midTurn: false,
    who: 'listed',
  },
  {
    name: 'thinking',
    args: '[level]',
    help: 'Show or change the thinking level.',
    midTurn: false,
    who: 'listed',
  },
  {
    name: 'compact',
    help: 'Shorten what the agent remembers of this session.',
    midTurn: false,
    patient: true,
    who: 'listed',
  },
  {
    name: 'usage',
    help: 'Show tokens and cost of this session and of you.',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'queue',
    args: '<text>',
    help: 'Queue a message for a turn of its own.',
    midTurn: true,
    who: 'everyone',
  },
  {
    name: 'steer',
    args: '<text>',
    help: 'Send a message into the running turn.',
    midTurn: true,
    who: 'everyone',
  },
  {
    name: 'bg',
    aliases: ['background'],
    args: '<text>',
    help: 'Run a task in the background.',
    midTurn: true,
    who: 'listed',
  },
  {
    name: 'tasks',
    help: 'List background tasks of this chat.',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
  {
    name: 'cancel',
    args: '<id>',
    help: 'Cancel a background task.',
    midTurn: true,
    who: 'listed',
    control: 'always',
  },
  {
    name: 'every',
    args: '<when> <text>',
    help: 'Run a task again and again: /every weekday 09:00 <text>.',
    midTurn: true,
    who: 'listed',
  },
  {
    name: 'at',
    args: '<when> <text>',
    help: 'Run a task once at a time: /at 18:30 <text>, /at +20m <text>.',
    midTurn: true,
    who: 'listed',
  },
  {
    name: 'schedules',
    args: '[pause|resume|run|remove <id>]',
    help: 'List your schedules of this chat, or change one.',
    midTurn: true,
    who: 'listed',
  },
  {
    name: 'btw',
    args: '<text>',
    help: 'Ask a side question: the agent only reads, and the session does not keep it.',
    midTurn: true,
    who: 'everyone',
    patient: true,
  },
  {
    name: 'approve',
    args: '[once|session] [#n]',
    help: 'Allow what the agent asks for.',
    midTurn: true,
    who: 'listed',
    control: 'always',
  },
  {
    name: 'deny',
    args: '[#n]',
    help: 'Refuse what the agent asks for.',
    midTurn: true,
    who: 'everyone',
    control: 'always',
  },
  {
    name: 'answer',
    args: '[#n] <text>',
    help: 'Answer a question of the agent.',
    midTurn: true,
    who: 'everyone',
    control: 'always',
  },
  {
    name: 'owner',
    args: '[approve|deny|block|show|stop <id>]',
    help: 'For owners, in a direct message: list what is waiting, or decide about it.',
    midTurn: true,
    who: 'everyone',
    control: 'always',
    hidden: true,
  },
  {
    name: 'whoami',
    help: 'Show the id under which I know you.',
    midTurn: true,
    who: 'everyone',
    control: 'own',
  },
] as const satisfies readonly ChatCommand[];

export type ChatCommandName = (typeof CHAT_COMMANDS)[number]['name'];

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

/** `/help`, from the table. */
export function helpText(prefix: string): string {
  return (CHAT_COMMANDS as readonly ChatCommand[])
    .filter(inMenus)
    .map((row) => `${prefix}${row.name}${row.args === undefined ? '' : ` ${row.args}`} – ${row.help}`)
    .join('\n');
}
