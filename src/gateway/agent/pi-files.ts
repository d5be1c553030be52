/**
 * How pi names and writes things: paths of its tools, session files and where they are, the records of its protocol; and
 * the commands that start pi: which pi that is, and the words of `agent.command`.
 */

import { createHash, randomBytes } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GatewayError } from '../../base/errors.ts';

/**
 * Which file pi's own tools open for a path that the model wrote: the same steps, in the same order, as in pi 0.87 and
 * 1.6 (`core/tools/path-utils`, `utils/paths`). A test compares both on thousands of paths.
 */

const UNICODE_SPACES = /[\u00A0\u2000-\u200A\u202F\u205F\u3000]/g;
const WINDOWS = process.platform === 'win32';

/** The absolute path that `write`, `edit`, `ls`, `grep` and `find` use; undefined where pi refuses the path. */
export function piPath(path: string, cwd: string): string | undefined {
  const spaced = path.replace(UNICODE_SPACES, ' ');
  const bare = spaced.startsWith('@') ? spaced.slice(1) : spaced;
  const own = WINDOWS ? windowsPath(bare) : bare;
  if (own === '~') return resolve(homedir());
  if (own.startsWith('~/') || (WINDOWS && own.startsWith('~\\')))
    return resolve(join(homedir(), own.slice(2)));
  try {
    const plain = own.startsWith('file://') ? fileURLToPath(own) : own;
    return isAbsolute(plain) ? resolve(plain) : resolve(cwd, plain);
  } catch {
    return undefined; // an address that names no file of this machine
  }
}

/** Every path that `read` may open: it tries other spellings of names that macOS writes, the first that exists. */
export function piReadPaths(path: string, cwd: string): readonly string[] {
  const first = piPath(path, cwd);
  if (first === undefined) return [];
  const decomposed = first.normalize('NFD');
  return [
    ...new Set([
      first,
      first.replace(/ (AM|PM)\./gi, '\u202F$1.'),
      decomposed,
      curly(first),
      curly(decomposed),
    ]),
  ];
}

function curly(path: string): string {
  return path.replace(/'/g, '\u2019');
}

/** Git Bash, Cygwin and WSL spell drives as directories. */
function windowsPath(path: string): string {
  if (!path.startsWith('/') || path.startsWith('//') || path.includes('\\')) return path;
  const match = /^\/(?:mnt\/|cygdrive\/)?([a-z])(?:\/(.*))?$/i.exec(path);
  if (match === null) return path;
  return `${(match[1] ?? '').toUpperCase()}:\\${match[2]?.replaceAll('/', '\\') ?? ''}`;
}

/**
 * The session file of a new session, chosen by us: pi would choose its own name, which a crash before the first answer
 * could lose. The same session id always means the same file.
 */
export function sessionFileFor(sessionDir: string, id: string): string {
  const safe = /^\w[\w.-]{0,99}$/.test(id) ? id : createHash('sha256').update(id).digest('hex');
  return join(sessionDir, `${safe}.jsonl`);
}

/** A name next to it for a copy in which the session continues. */
export function movedSessionFile(file: string): string {
  return join(dirname(file), `${sessionStem(file)}.m${randomBytes(4).toString('hex')}.jsonl`);
}

/** The beginning that a session file has in common with its copies. */
export function sessionStem(file: string): string {
  return basename(file, '.jsonl').replace(/\.m[0-9a-f]{8}$/, '');
}

/** One JSON object of pi's protocol. Everything but `type` is unknown until someone looks. */
export interface PiRecord {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Undefined for everything that is no protocol record: broken JSON, banners, stray output of a tool. */
export function parseRecord(line: string): PiRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isPiRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isPiRecord(value: unknown): value is PiRecord {
  return isObject(value) && typeof value['type'] === 'string';
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A nested object, or an empty one. */
export function objectAt(value: unknown, field: string): Readonly<Record<string, unknown>> {
  const inner = isObject(value) ? value[field] : undefined;
  return isObject(inner) ? inner : {};
}

export function stringAt(value: unknown, field: string): string | undefined {
  const inner = isObject(value) ? value[field] : undefined;
  return typeof inner === 'string' ? inner : undefined;
}

/** A finite number, or 0. */
export function numberAt(value: unknown, field: string): number {
  const inner = isObject(value) ? value[field] : undefined;
  return typeof inner === 'number' && Number.isFinite(inner) ? inner : 0;
}

export function listAt(value: unknown, field: string): readonly unknown[] {
  const inner = isObject(value) ? value[field] : undefined;
  return Array.isArray(inner) ? inner : [];
}

/** The text of a message's content, which is a string or a list of parts. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown) => (stringAt(part, 'type') === 'text' ? (stringAt(part, 'text') ?? '') : ''))
    .join('');
}

/** A session file of pi, and where its session works. */
interface PiSessionFile {
  readonly id: string;
  readonly file: string;
  readonly cwd: string;
}

/** The session that `name` means: its file, or its id (or the beginning of it) among `folders`. Throws GatewayError. */
export function findPiSession(name: string, folders: readonly string[]): PiSessionFile {
  const files = isAbsolute(name) ? [name] : folders.flatMap((folder) => filesOf(folder, name));
  const [file, ...more] = [...new Set(files)].filter((each) => existsSync(each));
  if (file === undefined)
    throw new GatewayError('session_not_found', `no pi session is named "${name}"`, {
      status: 404,
      hint: 'Give the id or the file that /gateway session-id (or /session in pi) prints.',
    });
  if (more.length > 0)
    throw new GatewayError('session_ambiguous', `${more.length + 1} pi sessions begin with "${name}"`, {
      status: 409,
      hint: 'Give the whole id, or the file.',
    });
  const header = headerOf(file);
  if (header === undefined)
    throw new GatewayError('session_damaged', `${file} is not a session file of pi`, {
      status: 409,
      hint: 'Give a file that /gateway session-id prints.',
    });
  if (!existsSync(header.cwd))
    throw new GatewayError('session_gone', `the working directory ${header.cwd} of that session is gone`, {
      status: 409,
      hint: 'Create it, or choose another session.',
    });
  return { file, ...header };
}

/** Where pi keeps sessions: one directory for each working directory. */
export function piSessionFolders(env: NodeJS.ProcessEnv): string[] {
  const sessions = join(
    env['PI_CODING_AGENT_DIR'] || join(env['HOME'] ?? homedir(), '.pi', 'agent'),
    'sessions',
  );
  if (!existsSync(sessions)) return [];
  return readdirSync(sessions, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(sessions, entry.name));
}

/** pi calls them `<time>_<id>.jsonl`, the gateway `<id>.jsonl`. */
function filesOf(folder: string, id: string): string[] {
  if (id.length < 4 || !existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl') && idOf(name).startsWith(id))
    .map((name) => join(folder, name));
}

function idOf(name: string): string {
  const whole = basename(name, '.jsonl');
  return whole.slice(whole.lastIndexOf('_') + 1);
}

function headerOf(file: string): { readonly id: string; readonly cwd: string } | undefined {
  try {
    const [line = ''] = readFileSync(file, 'utf8').split('\n', 1);
    const header = parseRecord(line);
    const id = stringAt(header, 'id');
    const cwd = stringAt(header, 'cwd');
    return header?.type === 'session' && id !== undefined && cwd !== undefined ? { id, cwd } : undefined;
  } catch {
    return undefined;
  }
}

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
