/** `--help`: the page of the program, and one for each command; and the completion scripts for shells. */

import { nextWords } from '../gateway/operator/operations/operation.ts';
import { SWITCHES, UsageError, VALUE_FLAGS } from './arguments.ts';
import { COMMANDS } from './views.ts';

export const GROUPS = {
  start: 'Start and stop',
  access: 'Access',
  sessions: 'Sessions',
  automation: 'Automation',
  configuration: 'Configuration',
  help: 'Help',
} as const;

const COLUMN = 34;
const FLAG_COLUMN = 25;

const START = [
  ['--demo', 'try it with simulated platforms and no accounts'],
  ['--no-tui', 'run headless, with JSON logs (services, containers)'],
  ['--standby', 'run headless, and wait while another gateway leads the store (store.url)'],
] as const;

const FLAGS = [
  ['--data-dir <dir>', 'data directory (default ~/.0xkobold, env PI_GATEWAY_HOME)'],
  ['--context <name>', 'act on a gateway of "contexts" in the configuration'],
  ['--port <n>', 'TCP port, 0 for any free port (default 3847, env PI_GATEWAY_PORT)'],
  ['--host <address>', 'address to listen on (default localhost, env PI_GATEWAY_HOST)'],
  ['--agent <backend>', 'auto (default), pi-rpc, pi-sdk or scripted'],
  ['--no-agent', 'store messages for an API client; do not run an agent'],
  ['--log-level <level>', 'debug, info (default), warn or error'],
  ['--json', 'machine-readable output'],
  ['--inline, --ascii, --screen-reader', 'console display: see docs/console.md'],
  ['--readonly', 'open a console that changes nothing'],
  ['-h, --help', 'show help; "pi-gateway-tui <command> --help" for one command'],
  ['-v, --version', 'show the version'],
] as const;

/** Flags that one command takes, or a start without a console. */
const OWN_FLAGS: readonly (readonly [flag: string, of: string, help: string])[] = [
  ['--fall-back', '--no-tui', 'start with the last good configuration if the new one fails'],
  ['--accept-lost-changes', '--no-tui', 'start although the newest changes of the data are lost'],
  ['--format <format>', 'export', 'md (default), json or html'],
  ['--minutes <n>', 'prove', 'how many minutes it takes (default 1)'],
  ['--postgres <url>', 'prove', 'two gateways on a new database there (a URL, $NAME or !command)'],
  ['--yes', 'person erase', 'do not ask'],
  ['--fix', 'security audit', 'repair what can be repaired safely'],
  ['--force', 'restore', 'move the present data aside and replace them'],
  ['--force', 'service install', 'replace a file that was written by hand'],
  ['--system', 'service', 'a service of the machine instead of this user'],
];

/** What a new user needs first comes first; other commands follow in the order of their tables. */
const ORDER = [
  ...['attach', 'doctor', 'stop', 'restart', 'adapter', 'service', 'backup', 'restore'],
  ...['pair', 'deny', 'invite', 'allow', 'revoke', 'block', 'unblock', 'blocked'],
  ...['status', 'sessions', 'session', 'search', 'send', 'chat', 'open', 'approvals', 'approve'],
  ...['config', 'help'],
];

/** The commands of a group in the order of the help. */
export function commandsIn(group: string, commands: typeof COMMANDS = COMMANDS): typeof COMMANDS {
  const place = (name: string): number => (ORDER.indexOf(name) + ORDER.length + 1) % (ORDER.length + 1);
  return commands.filter((each) => each.group === group).sort((a, b) => place(a.name) - place(b.name));
}

const EXIT = `Exit codes: 0 success, 1 failure, 2 usage error, 75 data directory in use,
78 invalid configuration`;

/** The page of one command; without a name, that of the program. */
export function helpText(name?: string, commands = COMMANDS): string {
  const command = commands.find((each) => each.name === name);
  if (command === undefined) return programPage(commands);
  const { args, help, example, once } = command;
  const own = OWN_FLAGS.filter(([, of]) => of.split(' ')[0] === command.name).map(([flag, of, text]) => [
    flag,
    of === command.name ? text : `of ${of}: ${text}`,
  ]);
  const json = FLAGS.filter(([flag]) => flag === '--json' && once !== false);
  return `Usage: pi-gateway-tui ${`${command.name} ${args}`.trim()}

${help.charAt(0).toUpperCase()}${help.slice(1)}.

Flags
${[...own, FLAGS[0], ...json].map(flagLine).join('\n')}

Example
  pi-gateway-tui ${example}
`;
}

function programPage(commands: typeof COMMANDS): string {
  const groups = Object.entries(GROUPS).map(([group, title]) => {
    const lines = commandsIn(group, commands).map(
      ({ name, args, help }) => [`${name} ${args}`.trim(), help] as const,
    );
    return [title, ...[...(group === 'start' ? START : []), ...lines].map(line)].join('\n');
  });
  return `Usage: pi-gateway-tui [command] [flags]

Connects the pi coding agent to chat platforms and opens a terminal console.
Without a command: start the gateway and the console, or attach to the gateway
that is already running.

${groups.join('\n\n')}

Flags
${FLAGS.map(flagLine).join('\n')}

Flags of one command
${OWN_FLAGS.map(([flag, of, help]) => flagLine([flag, `of ${of}: ${help}`])).join('\n')}

Examples
  pi-gateway-tui pair KQ7M-2XPD
  pi-gateway-tui schedules every weekday 09:00 "summarize my mail"

${EXIT}
`;
}

/** What is too long for the column has its explanation on the next line. */
function line([left, right]: readonly [string, string]): string {
  return left.length > COLUMN - 4
    ? `  ${left}\n${' '.repeat(COLUMN)}${right}`
    : `  ${left}`.padEnd(COLUMN) + right;
}

function flagLine([flag = '', help = '']: readonly string[]): string {
  return `  ${flag}`.padEnd(FLAG_COLUMN - 2).concat(`  ${help}`);
}

// Completion scripts for shells, made from the table of commands.

/** Throws UsageError for a shell that is not known. */
export function completionScript(shell: string | undefined, commands = COMMANDS): string {
  switch (shell) {
    case 'bash':
      return bash(commands);
    case 'zsh':
      return `#compdef pi-gateway-tui\nautoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`;
    case 'fish':
      return fish(commands);
    default:
      throw new UsageError('usage: pi-gateway-tui completion bash|zsh|fish');
  }
}

const OFFERED_FLAGS = [...VALUE_FLAGS, ...SWITCHES].map((flag) => `--${flag}`);

/** What can follow the command; behind a word that can be anything (`adapter <platform>`), what can follow that. */
function wordsOf({ name, forms = [] }: (typeof COMMANDS)[number]): {
  readonly second: string;
  readonly third: string;
} {
  const list = (typed: readonly string[]): string =>
    nextWords(forms, typed)
      .map(({ word }) => word)
      .join(' ');
  return { second: list([name]), third: list([name, '']) };
}

function bash(commands: typeof COMMANDS): string {
  const names = commands.map(({ name }) => name).join(' ');
  const cases = commands.flatMap((command) => {
    const { second, third } = wordsOf(command);
    const words =
      third === '' ? `words="${second}"` : `[[ $COMP_CWORD -eq 3 ]] && words="${third}" || words="${second}"`;
    return second === '' ? [] : [`    ${command.name}) ${words} ;;`];
  });
  return `_pi_gateway_tui() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words=""
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "${OFFERED_FLAGS.join(' ')}" -- "$current"))
    return
  fi
  if [[ "\${COMP_WORDS[COMP_CWORD-1]}" == --data-dir ]]; then
    COMPREPLY=($(compgen -d -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
    help) words="${names}" ;;
${cases.join('\n')}
  esac
  if [[ $COMP_CWORD -eq 1 ]]; then words="${names}"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _pi_gateway_tui pi-gateway-tui
`;
}

function fish(commands: typeof COMMANDS): string {
  const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const program = 'complete -c pi-gateway-tui';
  return [
    `${program} -f`,
    ...commands.map(({ name, help }) => `${program} -n __fish_use_subcommand -a ${name} -d ${quote(help)}`),
    ...commands.flatMap((command) =>
      Object.values(wordsOf(command))
        .filter((words) => words !== '')
        .map((words) => `${program} -n '__fish_seen_subcommand_from ${command.name}' -a ${quote(words)}`),
    ),
    ...SWITCHES.map((flag) => `${program} -l ${flag}`),
    ...VALUE_FLAGS.map((flag) => `${program} -l ${flag} ${flag === 'data-dir' ? '-r -F' : '-x'}`),
    '',
  ].join('\n');
}
