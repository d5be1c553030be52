import { LOG_LEVELS, type LogLevel } from '../base/log.ts';
import { closest } from '../base/text.ts';
import type { Command } from '../gateway/operator/operations/operation.ts';

/** Wrong usage: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Flags with a value. */
export const VALUE_FLAGS = [
  'port',
  'host',
  'data-dir',
  'context',
  'agent',
  'log-level',
  'format',
  'minutes',
  'postgres',
] as const;
/** Flags without one. */
export const SWITCHES = [
  'no-agent',
  'no-tui',
  'standby',
  'demo',
  'accept-lost-changes',
  'fix',
  'force',
  'system',
  'fall-back',
  'inline',
  'ascii',
  'screen-reader',
  'readonly',
  'json',
  'yes',
  'help',
  'version',
] as const;

export interface Arguments {
  readonly command: string | undefined;
  readonly rest: readonly string[];
  readonly port: number | undefined;
  readonly host: string | undefined;
  readonly dataDir: string | undefined;
  /** The name of a gateway in `contexts`. */
  readonly context: string | undefined;
  readonly agent: 'auto' | 'pi-rpc' | 'pi-sdk' | 'scripted' | undefined;
  readonly logLevel: LogLevel | undefined;
  /** Of `export`. */
  readonly format: 'md' | 'json' | 'html' | undefined;
  /** Of `prove`. */
  readonly minutes: string | undefined;
  /** Of `prove`: where it makes a database of its own. */
  readonly postgres: string | undefined;
  readonly noAgent: boolean;
  readonly noTui: boolean;
  /** Wait while another gateway leads the same store. */
  readonly standby: boolean;
  readonly demo: boolean;
  readonly acceptLostChanges: boolean;
  readonly inline: boolean;
  readonly ascii: boolean;
  readonly screenReader: boolean;
  readonly readOnly: boolean;
  readonly json: boolean;
  /** Asks nothing. */
  readonly yes: boolean;
  /** Of `security audit`: repair what can be repaired safely. */
  readonly fix: boolean;
  /** Of `restore`: also over data that are there; of `service install`: also over a file of somebody else. */
  readonly force: boolean;
  /** Of `service`: of the machine, not of this user. */
  readonly system: boolean;
  /** A configuration that does not start is replaced by the last one that did. */
  readonly fallBack: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

type ValueFlag = (typeof VALUE_FLAGS)[number];
type Switch = (typeof SWITCHES)[number];

const START = 'the start of the gateway';
/** Flags that mean something to a few commands only: elsewhere what they were meant to do would not happen. */
const OWNERS: readonly (readonly [ValueFlag | Switch, readonly string[]])[] = [
  ['format', ['export']],
  ['minutes', ['prove']],
  ['postgres', ['prove']],
  ['fix', ['security']],
  ['force', ['restore', 'service']],
  ['system', ['service']],
  ['standby', [START]],
  ['fall-back', [START]],
  ['accept-lost-changes', [START]],
];

/** The command line, split: words in order, flags by name. */
interface Tokens {
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

/** The tokens as typed arguments. Throws UsageError for a word or value that cannot be. */
export function argumentsOf({ words, values, switches }: Tokens, commands: readonly CommandRow[]): Arguments {
  const [word, ...rest] = words;
  const command = commands.find(({ name }) => name === word);
  if (word !== undefined && command === undefined) {
    const near = closest(
      word,
      commands.map((each) => each.name),
    );
    throw new UsageError(
      `unknown command "${word}".${near === undefined ? '' : ` Did you mean ${near}?`} pi-gateway-tui help lists the commands.`,
    );
  }
  if (command !== undefined && !switches.has('help')) refuseExtra(command, rest, commands);
  const given: ReadonlySet<string> = new Set([...values.keys(), ...switches]);
  for (const [flag, owners] of OWNERS)
    if (given.has(flag) && !given.has('help') && !owners.includes(command?.name ?? START))
      throw new UsageError(`--${flag} is a flag of ${owners.join(' and ')}. --help lists the flags.`);
  return {
    command: command?.name,
    rest,
    port: portOf(values.get('port')),
    host: values.get('host'),
    dataDir: values.get('data-dir'),
    context: values.get('context'),
    agent: choice('agent', values.get('agent'), ['auto', 'pi-rpc', 'pi-sdk', 'scripted']),
    logLevel: choice('log-level', values.get('log-level'), LOG_LEVELS),
    format: choice('format', values.get('format'), ['md', 'json', 'html']),
    minutes: values.get('minutes'),
    postgres: values.get('postgres'),
    noAgent: switches.has('no-agent'),
    noTui: switches.has('no-tui'),
    standby: switches.has('standby'),
    demo: switches.has('demo'),
    acceptLostChanges: switches.has('accept-lost-changes'),
    inline: switches.has('inline'),
    ascii: switches.has('ascii'),
    screenReader: switches.has('screen-reader'),
    readOnly: switches.has('readonly'),
    json: switches.has('json'),
    yes: switches.has('yes'),
    fix: switches.has('fix'),
    force: switches.has('force'),
    system: switches.has('system'),
    fallBack: switches.has('fall-back'),
    help: switches.has('help'),
    version: switches.has('version'),
  };
}

/** A word too many is a mistake: what it was meant to do would not happen. */
function refuseExtra(
  { name, args, most }: CommandRow,
  rest: readonly string[],
  commands: readonly CommandRow[],
): void {
  const extra = rest[most ?? Number.POSITIVE_INFINITY];
  if (extra === undefined) return;
  throw new UsageError(
    `${name} takes ${most === 0 ? 'no words' : `at most ${most} ${most === 1 ? 'word' : 'words'}`}: unexpected "${extra}". ${suggestion(extra, commands)}Usage: pi-gateway-tui ${`${name} ${args}`.trim()}`,
  );
}

/** The extra word may be a command of its own, or a flag without its dashes. */
function suggestion(word: string, commands: readonly CommandRow[]): string {
  const flag = [...VALUE_FLAGS, ...SWITCHES].find((each) => each === word);
  if (flag !== undefined) return `Did you mean --${flag}? `;
  return commands.every(({ name }) => name !== word) ? '' : `Did you mean pi-gateway-tui ${word}? `;
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
export function consoleOptions(
  args: Arguments,
): Pick<Arguments, 'inline' | 'ascii' | 'screenReader' | 'readOnly'> {
  const { inline, ascii, screenReader, readOnly } = args;
  return { inline, ascii, screenReader, readOnly };
}

export interface CommandRow extends Omit<Command, 'forms'> {
  /** What can follow, for completion. */
  readonly forms?: readonly string[];
  /** Absent: one-shot, prints its result (`--json`) and ends. */
  readonly once?: false;
}

/** What is no act of an operator on a gateway: it has its own code. */
export const PROGRAM: readonly CommandRow[] = [
  {
    name: 'attach',
    group: 'start',
    args: '[url]',
    help: 'open the console for a running gateway',
    most: 1,
    example: 'attach http://gateway.internal:3847',
    once: false,
  },
  {
    name: 'open',
    group: 'sessions',
    args: '<session>',
    help: 'open a session with pi in this terminal; messages queue until you exit',
    most: 1,
    example: 'open 4f2a',
    once: false,
  },
  {
    name: 'chat',
    group: 'sessions',
    args: '[url]',
    help: 'chat with the bot from this terminal',
    most: 1,
    example: 'chat',
    once: false,
  },
  {
    name: 'task',
    group: 'automation',
    args: 'show|steps|retry|cancel|deliver <id>',
    help: 'show one task, or act on it',
    most: 2,
    forms: ['task show <id>', 'task steps <id>', 'task retry <id>', 'task cancel <id>', 'task deliver <id>'],
    example: 'task show bg-12',
  },
  {
    name: 'config',
    group: 'configuration',
    args: '[key] | set <key> <value>',
    help: 'show values and where each comes from, or set one; "-" reads it from stdin',
    example: 'config set platforms.telegram.token -',
  },
  {
    name: 'security',
    group: 'access',
    args: 'audit [--fix]',
    help: 'find unsafe settings and file rights, and fix the safe ones',
    most: 1,
    forms: ['security audit'],
    example: 'security audit --fix',
  },
  {
    name: 'service',
    group: 'start',
    args: 'install|uninstall|status|logs [--system]',
    help: 'run the gateway as a service of this user, or of the system',
    most: 1,
    forms: ['service install', 'service uninstall', 'service status', 'service logs'],
    example: 'service install',
  },
  {
    name: 'restore',
    group: 'start',
    args: '<file> [--force]',
    help: 'replace the data of a stopped gateway with a backup',
    most: 1,
    example: 'restore gateway.tar.gz',
  },
  {
    name: 'prove',
    group: 'help',
    args: '[--minutes <n>] [--postgres <url>]',
    help: 'kill and freeze a test gateway, and check that no message is lost or doubled',
    most: 0,
    example: 'prove --minutes 5',
  },
  {
    name: 'help',
    group: 'help',
    args: '[command]',
    // The page of "hosts" is also the one of "hosts drain".
    help: 'show help for a command',
    example: 'help schedules',
    once: false,
  },
  {
    name: 'version',
    group: 'help',
    args: '',
    help: 'show the version',
    most: 0,
    example: 'version',
    once: false,
  },
  {
    name: 'completion',
    group: 'help',
    args: 'bash|zsh|fish',
    help: 'print a completion script for a shell',
    most: 1,
    forms: ['completion bash', 'completion zsh', 'completion fish'],
    example: 'completion bash > ~/.local/share/bash-completion/completions/pi-gateway-tui',
    once: false,
  },
];
