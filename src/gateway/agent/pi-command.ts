/** The commands that start pi: which pi that is, and the words of `agent.command`. */
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';

/** How pi is started on this machine. */
interface PiCommand {
  readonly argv: readonly [string, ...string[]];
  readonly origin: 'configured' | 'host' | 'path' | 'bundled';
}

/** `configured`, else the pi that runs us as its extension, else the one on the PATH of `env`, else one next to us. */
export function resolvePiCommand(
  configured: readonly string[] | undefined,
  env: NodeJS.ProcessEnv,
): PiCommand | undefined {
  const [program, ...rest] = configured ?? [];
  if (program !== undefined) return { argv: [program, ...rest], origin: 'configured' };
  const host = hostPi(process.argv[1]);
  if (host !== undefined) return { argv: [process.execPath, host], origin: 'host' };
  const onPath = findOnPath(process.platform === 'win32' ? 'pi.exe' : 'pi', env['PATH'] ?? '');
  if (onPath !== undefined) return { argv: [onPath], origin: 'path' };
  const bundled = bundledPi();
  return bundled === undefined ? undefined : { argv: [process.execPath, bundled], origin: 'bundled' };
}

function findOnPath(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false; // absent or not for us
  }
}

const PACKAGE = '@earendil-works/pi-coding-agent';
const CLI = 'dist/bundle/cli.js';

/** An installed pi whose SDK can be loaded. */
export interface PiPackage {
  readonly directory: string;
  /** Its command line program. */
  readonly cli: string;
}

/**
 * The package behind the `pi` that answers when no command is configured; undefined when there is none, or when the `pi`
 * on the PATH is something else than the program of that package (a wrapper, a single executable).
 */
export function piPackage(env: NodeJS.ProcessEnv): PiPackage | undefined {
  const found = resolvePiCommand(undefined, env);
  const program = found?.origin === 'path' ? found.argv[0] : found?.argv[1];
  return program === undefined ? undefined : packageAround(program);
}

/** The pi package that the program `file` belongs to. */
function packageAround(file: string): PiPackage | undefined {
  for (let directory = dirname(realpathSync(file)); ; directory = dirname(directory)) {
    const cli = join(directory, CLI);
    if (isPackage(directory) && existsSync(cli)) return { directory, cli };
    if (dirname(directory) === directory) return undefined;
  }
}

/** The command line program of the pi that `script`, the main script of this process, belongs to. */
export function hostPi(script: string | undefined): string | undefined {
  return script === undefined || !existsSync(script) ? undefined : packageAround(script)?.cli;
}

function isPackage(directory: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    return (
      typeof manifest === 'object' && manifest !== null && 'name' in manifest && manifest.name === PACKAGE
    );
  } catch {
    return false; // none here, or none that can be read
  }
}

/** The command line program of the pi package next to us; undefined when it is not installed. */
export function bundledPi(): string | undefined {
  // The package exports only its RPC entry; the program with `--version` and the rest lies next to it.
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const cli = join(folder, 'node_modules', PACKAGE, CLI);
    if (existsSync(cli)) return cli;
    if (dirname(folder) === folder) return undefined;
  }
}

/** What the placeholders of a command stand for. */
interface CommandValues {
  /** Working directory of the session. */
  readonly cwd: string;
  /** File of the session. */
  readonly session: string;
  readonly sessionDir: string;
  /** The gateway's own id of the session. */
  readonly id: string;
}

/** Arguments of pi for one session. */
interface CommandArguments {
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

/** The argv that opens a session in a terminal, by the same command as the agent's; undefined: pi is not installed. */
export function interactivePi(
  configured: readonly string[] | undefined,
  session: { readonly id: string; readonly file: string; readonly cwd: string },
  env: NodeJS.ProcessEnv,
): readonly string[] | undefined {
  const command = resolvePiCommand(configured, env)?.argv;
  if (command === undefined) return undefined;
  const sessionDir = dirname(session.file);
  return commandLine(
    command,
    { cwd: session.cwd, session: session.file, sessionDir, id: session.id },
    { mode: [], session: ['--session-dir', sessionDir, '--session', session.file], flags: [] },
  );
}
