/** Completion scripts for shells, made from the table of commands. */
import { nextWords } from '../gateway/operator/operations/operation.ts';
import { SWITCHES, UsageError, VALUE_FLAGS } from './arguments.ts';
import { COMMANDS } from './commands.ts';

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

const FLAGS = [...VALUE_FLAGS, ...SWITCHES].map((flag) => `--${flag}`);

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
    COMPREPLY=($(compgen -W "${FLAGS.join(' ')}" -- "$current"))
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
