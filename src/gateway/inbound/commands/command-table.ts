/** One table declares every chat command: platform menus, `/help` and the documentation come from it. */
export interface ChatCommand {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly args?: string;
  readonly help: string;
  /** May it run while the agent works? Those that may never wait for a turn. */
  readonly midTurn: boolean;
}

export const CHAT_COMMANDS = [
  { name: 'help', help: 'Show what I understand.', midTurn: true },
  { name: 'new', aliases: ['reset'], help: 'Start a new session; the old one is kept.', midTurn: true },
  { name: 'stop', help: 'Stop the running turn and drop your waiting messages.', midTurn: true },
  { name: 'status', help: 'Show what I am doing and what waits.', midTurn: true },
  { name: 'sessions', help: 'List your sessions of this chat.', midTurn: true },
  { name: 'resume', args: '<n>', help: 'Go back to session number n of /sessions.', midTurn: true },
  { name: 'retry', help: 'Run your last message again.', midTurn: true },
  { name: 'undo', help: 'Take your last turn back.', midTurn: false },
  { name: 'title', args: '<text>', help: 'Give this session a title.', midTurn: true },
  { name: 'model', args: '[name]', help: 'Show or change the model of this session.', midTurn: false },
  { name: 'thinking', args: '[level]', help: 'Show or change the thinking level.', midTurn: false },
  { name: 'compact', help: 'Shorten what the agent remembers of this session.', midTurn: false },
  { name: 'usage', help: 'Show tokens and cost of this session.', midTurn: false },
  { name: 'queue', args: '<text>', help: 'Send a message that waits for its own turn.', midTurn: true },
  { name: 'steer', args: '<text>', help: 'Send a message into the running turn.', midTurn: true },
  {
    name: 'bg',
    aliases: ['background'],
    args: '<text>',
    help: 'Run a task in the background.',
    midTurn: true,
  },
  { name: 'tasks', help: 'List background tasks of this chat.', midTurn: true },
  { name: 'cancel', args: '<id>', help: 'Cancel a background task.', midTurn: true },
  { name: 'btw', args: '<text>', help: 'Ask something beside the conversation.', midTurn: true },
  { name: 'approve', args: '[once|session]', help: 'Allow what the agent asks for.', midTurn: true },
  { name: 'deny', help: 'Refuse what the agent asks for.', midTurn: true },
  { name: 'whoami', help: 'Show the id under which I know you.', midTurn: true },
] as const satisfies readonly ChatCommand[];

export type ChatCommandName = (typeof CHAT_COMMANDS)[number]['name'];

export interface ParsedCommand {
  readonly name: string;
  readonly args: string;
  /** The table's row; undefined for a word that is not ours. */
  readonly known: ChatCommandName | undefined;
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

/** `/help`, from the table. */
export function helpText(prefix: string): string {
  return CHAT_COMMANDS.map(
    (row: ChatCommand) => `${prefix}${row.name}${row.args === undefined ? '' : ` ${row.args}`} – ${row.help}`,
  ).join('\n');
}
