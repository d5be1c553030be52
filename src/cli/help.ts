/** `--help`: the page of the program, and one for each command. */
import { COMMANDS } from './commands.ts';

export const GROUPS = {
  start: 'Start and stop',
  access: 'Access',
  sessions: 'Sessions',
  automation: 'Automation',
  configuration: 'Configuration',
  help: 'Help',
} as const;

const COLUMN = 34;

const START = [
  ['--demo', 'try it with simulated platforms and no accounts'],
  ['--no-tui', 'run headless, with JSON logs (services, containers)'],
  ['--standby', 'run headless, and wait while another gateway leads the store (store.url)'],
] as const;

const FLAGS = `Flags
  --data-dir <dir>   data directory (default ~/.0xkobold, env PI_GATEWAY_HOME)
  --context <name>   act on a gateway of "contexts" in the configuration
  --port <n>         TCP port, 0 for any free port (default 3847, env PI_GATEWAY_PORT)
  --host <address>   address to listen on (default localhost, env PI_GATEWAY_HOST)
  --agent <backend>  auto (default), pi-rpc, pi-sdk or scripted
  --no-agent         store messages for an API client; do not run an agent
  --accept-lost-changes  start although the newest changes of the data are lost
  --log-level <l>    debug, info (default), warn or error
  --format <f>       of export: md (default), json or html
  --minutes <n>      of prove: how long (default 1)
  --json             machine-readable output
  --yes              of person erase: do not ask
  --fix              of security audit: repair what can be repaired safely
  --force            of restore: move the present data aside and replace them
  --system           of service: a service of the machine instead of this user
  --fall-back        with --no-tui: start with the last good configuration if the new one fails
  --inline, --ascii, --screen-reader    console display: see docs/console.md
  --readonly         a console that changes nothing
  -h, --help         show help; "pi-gateway-tui <command> --help" for one command
  -v, --version      show the version`;

const EXIT = `Exit codes: 0 success, 1 failure, 2 usage error, 75 data directory in use,
78 invalid configuration`;

/** The page of one command; without a name, that of the program. */
export function helpText(name?: string, commands = COMMANDS): string {
  const command = commands.find((each) => each.name === name);
  if (command === undefined) return programPage(commands);
  const { args, help, example, once } = command;
  const flags = once === false ? '' : '\n  --json             machine-readable output';
  return `Usage: pi-gateway-tui ${`${command.name} ${args}`.trim()}

${help.charAt(0).toUpperCase()}${help.slice(1)}.

Flags
  --data-dir <dir>   data directory (default ~/.0xkobold, env PI_GATEWAY_HOME)${flags}

Example
  pi-gateway-tui ${example}
`;
}

function programPage(commands: typeof COMMANDS): string {
  const groups = Object.entries(GROUPS).map(([group, title]) => {
    const lines = commands
      .filter((each) => each.group === group)
      .map(({ name, args, help }) => [`${name} ${args}`.trim(), help] as const);
    return [title, ...[...(group === 'start' ? START : []), ...lines].map(line)].join('\n');
  });
  return `Usage: pi-gateway-tui [command] [flags]

Connects the pi coding agent to chat platforms and opens a terminal console.
Without a command: start the gateway and the console, or attach to the gateway
that is already running.

${groups.join('\n\n')}

${FLAGS}

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
