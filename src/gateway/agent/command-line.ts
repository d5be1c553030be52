import { basename } from 'node:path';

/** What the placeholders of a command stand for. */
export interface CommandValues {
  /** Working directory of the session. */
  readonly cwd: string;
  /** File of the session. */
  readonly session: string;
  readonly sessionDir: string;
  /** The gateway's own id of the session. */
  readonly id: string;
}

/** Arguments of pi for one session. */
export interface CommandArguments {
  readonly mode: readonly string[];
  /** How pi is told its session where the command has no `{session}`. */
  readonly session: readonly string[];
  readonly flags: readonly string[];
}

const PLACEHOLDER = /\{(cwd|session|sessionDir|id|args)(:q)?\}/g;
/** ssh gives what follows the host to a shell as one line. */
const SHELLS = ['ssh'];
/** Programs whose other side has files of its own. */
const ELSEWHERE = ['ssh', 'docker', 'podman', 'nerdctl', 'kubectl', 'oc', 'lxc', 'incus'];

/**
 * The argv that starts pi. `{cwd}`, `{session}`, `{sessionDir}` and `{id}` are filled in; `{args}` is where pi's
 * arguments go, at the end when it is absent. With `:q` the value is quoted for a POSIX shell.
 */
export function commandLine(
  command: readonly [string, ...string[]],
  values: CommandValues,
  { mode, session, flags }: CommandArguments,
): [string, ...string[]] {
  const args = [...mode, ...(uses(command, 'session') ? [] : session), ...flags];
  const fill = (part: string): string =>
    part.replace(PLACEHOLDER, (_whole, name: keyof CommandValues | 'args', quote: string | undefined) => {
      if (name === 'args') return args.map(quoted).join(' ');
      return quote === undefined ? values[name] : quoted(values[name]);
    });
  const [program, ...rest] = command;
  const filled = rest.flatMap((part) => (part === '{args}' ? args : [fill(part)]));
  if (uses(command, 'args')) return [fill(program), ...filled];
  const ends = SHELLS.includes(basename(program)) ? args.map(quoted) : args;
  return [fill(program), ...filled, ...ends];
}

/** Is the working directory the command's own business, and not a directory of this machine? */
export function placesFolder(command: readonly string[]): boolean {
  return uses(command, 'cwd') || !sharesFiles(command);
}

/** By the name of its program: does what the command starts see the gateway's files under the same paths? */
export function sharesFiles(command: readonly string[]): boolean {
  return !ELSEWHERE.includes(basename(command[0] ?? ''));
}

function uses(command: readonly string[], name: keyof CommandValues | 'args'): boolean {
  return command.some((part) => part.includes(`{${name}}`) || part.includes(`{${name}:q}`));
}

/** One word of a POSIX shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
