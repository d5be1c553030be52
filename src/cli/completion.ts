/** Completion scripts for shells, made from the table of commands. */
import { PLATFORMS } from '../gateway/model.ts';
import { SWITCHES, UsageError, VALUE_FLAGS } from './arguments.ts';
import { COMMANDS } from './commands.ts';

/** Throws UsageError for a shell that is not known. */
export function completionScript(shell: string | undefined): string {
  switch (shell) {
    case 'bash':
      return bash();
    case 'zsh':
      return `#compdef pi-gateway-tui\nautoload -U +X bashcompinit && bashcompinit\n${bash()}`;
    case 'fish':
      return fish();
    default:
      throw new UsageError('usage: pi-gateway-tui completion bash|zsh|fish');
  }
}

const FLAGS = [...VALUE_FLAGS, ...SWITCHES].map((flag) => `--${flag}`);

function wordsOf(words: readonly string[] = []): readonly string[] {
  return words.flatMap((word) => (word === 'platform' ? PLATFORMS : [word]));
}

function bash(): string {
  const names = COMMANDS.map(({ name }) => name).join(' ');
  const cases = COMMANDS.flatMap(({ name, words }) =>
    words === undefined ? [] : [`    ${name}) words="${wordsOf(words).join(' ')}" ;;`],
  );
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
    adapter) [[ $COMP_CWORD -eq 3 ]] && words="start stop restart check" || words="${PLATFORMS.join(' ')}" ;;
    help) words="${names}" ;;
${cases.filter((each) => !each.startsWith('    adapter)')).join('\n')}
  esac
  if [[ $COMP_CWORD -eq 1 ]]; then words="${names}"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _pi_gateway_tui pi-gateway-tui
`;
}

function fish(): string {
  const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const program = 'complete -c pi-gateway-tui';
  return [
    `${program} -f`,
    ...COMMANDS.map(({ name, help }) => `${program} -n __fish_use_subcommand -a ${name} -d ${quote(help)}`),
    ...COMMANDS.flatMap(({ name, words }) =>
      words === undefined
        ? []
        : [`${program} -n '__fish_seen_subcommand_from ${name}' -a ${quote(wordsOf(words).join(' '))}`],
    ),
    `${program} -n '__fish_seen_subcommand_from adapter' -a 'start stop restart check'`,
    ...SWITCHES.map((flag) => `${program} -l ${flag}`),
    ...VALUE_FLAGS.map((flag) => `${program} -l ${flag} ${flag === 'data-dir' ? '-r -F' : '-x'}`),
    '',
  ].join('\n');
}
