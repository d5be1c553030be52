import { closest } from '../gateway/config/suggest.ts';
import { LOG_LEVELS, type LogLevel } from '../gateway/log.ts';

/** Wrong usage: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const COMMANDS = [
  { name: 'attach', args: '[url]', help: 'open the console for a gateway that runs elsewhere' },
  { name: 'status', args: '', help: 'what runs, what waits, what is wrong' },
  { name: 'sessions', args: '', help: 'list conversations' },
  {
    name: 'tasks',
    args: '[start|program|retry|cancel|deliver|steps …]',
    help: 'list background tasks; start one, run a program as one, or do something about one',
  },
  {
    name: 'schedules',
    args: '[every|at|pause|resume|run|remove …]',
    help: 'list schedules; make one (every weekday 09:00 <text>), or change one',
  },
  { name: 'home', args: '<platform> [chat]', help: 'name the chat that home:<platform> means' },
  { name: 'open', args: '<session>', help: 'open a conversation with pi in this terminal; its chat waits' },
  { name: 'audit', args: '[count]', help: 'who decided what, and from where; the newest first' },
  { name: 'usage', args: '', help: 'tokens and cost by day, sender and session' },
  { name: 'pair', args: '[code]', help: 'let the person with that code in; without a code: list who waits' },
  {
    name: 'deny',
    args: '<code> | <question>',
    help: 'refuse the person with that code, or the tool call of that question',
  },
  { name: 'approvals', args: '', help: 'list tool calls that wait for an approval, and other questions' },
  { name: 'approve', args: '<question> [session]', help: 'let a tool call run, once or for its session' },
  {
    name: 'allow',
    args: '[platform userId]',
    help: 'let somebody in by id; without arguments: list the allowlist',
  },
  { name: 'revoke', args: '<platform> <userId>', help: 'take somebody’s access away at once' },
  {
    name: 'config',
    args: '[key] | set <key> <value>',
    help: 'show the configuration, or set one key; "-" reads the value from stdin',
  },
  {
    name: 'token',
    args: 'rotate',
    help: 'replace the operator token; the old one stops working immediately',
  },
  { name: 'doctor', args: '[platform]', help: 'check agent, adapters and settings, and say what to do' },
  { name: 'send', args: '<platform> <channel> <text>', help: 'write to a chat' },
  { name: 'chat', args: '', help: 'talk to the gateway from this terminal, as a chat user' },
] as const;

export type CommandName = (typeof COMMANDS)[number]['name'];

const VALUE_FLAGS = ['port', 'host', 'data-dir', 'agent', 'log-level'] as const;
const SWITCHES = [
  'no-agent',
  'no-tui',
  'demo',
  'accept-lost-changes',
  'inline',
  'ascii',
  'screen-reader',
  'json',
  'help',
  'version',
] as const;

export interface Arguments {
  readonly command: CommandName | undefined;
  readonly rest: readonly string[];
  readonly port: number | undefined;
  readonly host: string | undefined;
  readonly dataDir: string | undefined;
  readonly agent: 'pi-rpc' | 'pi-sdk' | 'scripted' | undefined;
  readonly logLevel: LogLevel | undefined;
  readonly noAgent: boolean;
  readonly noTui: boolean;
  readonly demo: boolean;
  readonly acceptLostChanges: boolean;
  readonly inline: boolean;
  readonly ascii: boolean;
  readonly screenReader: boolean;
  readonly json: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

type ValueFlag = (typeof VALUE_FLAGS)[number];
type Switch = (typeof SWITCHES)[number];

/** The command line, split: words in order, flags by name. */
export interface Tokens {
  readonly words: readonly string[];
  readonly values: ReadonlyMap<ValueFlag, string>;
  readonly switches: ReadonlySet<Switch>;
}

/**
 * Splits the command line. It is read at every start, so it waits for no library (meow prints the help: loading it
 * costs 35 ms). Unknown flags and missing values are errors that name the nearest known one. Throws UsageError.
 */
export function readTokens(argv: readonly string[]): Tokens {
  const words: string[] = [];
  const values = new Map<ValueFlag, string>();
  const switches = new Set<Switch>();
  for (let i = 0; i < argv.length; i += 1) {
    const token = argv[i] ?? '';
    if (token === '--') {
      words.push(...argv.slice(i + 1));
      break;
    }
    if (!token.startsWith('-') || token === '-') {
      words.push(token);
      continue;
    }
    // Ids of chats and people may begin with a dash: those of Telegram's groups are negative numbers.
    if (/^-\d/.test(token) || (!token.startsWith('--') && words.length >= 2)) {
      words.push(token);
      continue;
    }
    if (!token.startsWith('--')) {
      if (token !== '-h' && token !== '-v')
        throw new UsageError(`unknown flag ${token}. --help lists the flags.`);
      switches.add(token === '-h' ? 'help' : 'version');
      continue;
    }
    const [name = '', inline] = token.slice(2).split(/=(.*)/s, 2);
    const known = SWITCHES.find((each) => each === name);
    const valued = VALUE_FLAGS.find((each) => each === name);
    if (known !== undefined) {
      if (inline !== undefined) throw new UsageError(`--${name} takes no value.`);
      switches.add(known);
    } else if (valued !== undefined) {
      const value = inline ?? argv[++i];
      if (value === undefined || (inline === undefined && value.startsWith('--') && value.length > 2))
        throw new UsageError(`--${name} needs a value.`);
      values.set(valued, value);
    } else {
      const near = closest(name, [...VALUE_FLAGS, ...SWITCHES]);
      throw new UsageError(
        `unknown flag --${name}.${near === undefined ? '' : ` Did you mean --${near}?`} --help lists the flags.`,
      );
    }
  }
  return { words, values, switches };
}

/** The command line as typed arguments. Throws UsageError for a word, flag or value that cannot be. */
export function readArguments(argv: readonly string[]): Arguments {
  const { words, values, switches } = readTokens(argv);
  const [word, ...rest] = words;
  const names = COMMANDS.map((each) => each.name);
  const command = names.find((name) => name === word);
  if (word !== undefined && command === undefined) {
    const near = closest(word, names);
    throw new UsageError(
      `unknown command "${word}".${near === undefined ? '' : ` Did you mean ${near}?`} --help lists the commands.`,
    );
  }
  return {
    command,
    rest,
    port: portOf(values.get('port')),
    host: values.get('host'),
    dataDir: values.get('data-dir'),
    agent: choice('agent', values.get('agent'), ['pi-rpc', 'pi-sdk', 'scripted']),
    logLevel: choice('log-level', values.get('log-level'), LOG_LEVELS),
    noAgent: switches.has('no-agent'),
    noTui: switches.has('no-tui'),
    demo: switches.has('demo'),
    acceptLostChanges: switches.has('accept-lost-changes'),
    inline: switches.has('inline'),
    ascii: switches.has('ascii'),
    screenReader: switches.has('screen-reader'),
    json: switches.has('json'),
    help: switches.has('help'),
    version: switches.has('version'),
  };
}

function portOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const port = Number(value);
  if (value.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UsageError(`--port: "${value}" is not a port; give a whole number from 0 to 65535.`);
  return port;
}

function choice<T extends string>(
  flag: string,
  value: string | undefined,
  options: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = options.find((option) => option === value);
  if (found !== undefined) return found;
  throw new UsageError(`--${flag}: "${value}" is not one of ${options.join(', ')}.`);
}

/** The flags that concern the console. */
export function consoleOptions(args: Arguments): { inline: boolean; ascii: boolean; screenReader: boolean } {
  return { inline: args.inline, ascii: args.ascii, screenReader: args.screenReader };
}

const HELP_COLUMN = 33;

/** `--help`. */
export function helpText(): string {
  const rows = COMMANDS.map(({ name, args, help }) => {
    const left = `  ${`${name} ${args}`.trim()}`;
    // What is too long for the column has its explanation on the next line.
    return left.length > HELP_COLUMN - 2
      ? `${left}\n${' '.repeat(HELP_COLUMN)}${help}`
      : `${left.padEnd(HELP_COLUMN)}${help}`;
  });
  return `
pi-gateway-tui – talk to the pi coding agent from Telegram, Discord, Slack, WhatsApp, Twitch or a WebSocket,
and decide from one console who may.

  pi-gateway-tui [flags]         the console, with the gateway inside
  pi-gateway-tui --demo          the same with simulated platforms and a scripted agent: no account, no key
  pi-gateway-tui --no-tui        headless: JSON log lines, for services and containers
  pi-gateway-tui <command>

Commands
${rows.join('\n')}

Flags
  --port <n>            TCP port (default 3847; 0 takes a free one)
  --host <address>      address to listen on (default localhost)
  --data-dir <folder>   where everything is kept (default ~/.0xkobold, also PI_GATEWAY_HOME)
  --agent <backend>     pi-rpc (default), pi-sdk or scripted
  --no-agent            keep messages for a program to answer; no automatic answers
  --no-tui              headless
  --demo                simulated platforms in a throw-away folder
  --accept-lost-changes start although a journal was removed or emptied
  --inline              draw below the prompt instead of on the alternate screen
  --ascii               ASCII characters only
  --screen-reader       linear, append-only output
  --log-level <level>   debug, info (default), warn or error
  --json                machine-readable output of one-shot commands
  --help, --version

Exit codes: 0 done, 1 failed, 2 wrong usage, 75 another gateway holds the data directory or has taken it over, 78 configuration error.
`.trimStart();
}
