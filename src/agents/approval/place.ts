/** Where a path really leads, looked up on the machine where the tool runs, at the moment of the question. */
import { existsSync, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';

type Place =
  /** Below the working directory. */
  | 'inside'
  /** Below it, and what is written there steers agents or programs: settings, hooks, instructions, skills. */
  | 'steering'
  /** Somewhere else. */
  | 'outside'
  /** Secrets of the gateway or of pi, wherever they lie. */
  | 'secret'
  /** Not to be told; a link that leads nowhere yet, a directory that cannot be looked at, a name with hidden characters. */
  | 'unclear';

export interface Located {
  readonly place: Place;
  /** The path with every link followed, as far as it could be. */
  readonly real: string;
}

/** Where the gateway keeps its data, for the extension inside pi. */
export const DATA_VARIABLE = 'PI_GATEWAY_DATA';

/** Controls, and characters that file systems and eyes drop (so that `.g\u200cit` may be `.git`). */
const HIDDEN_CHARACTERS = /[\p{Cc}\p{Cf}]/u;
/** Windows opens other names than these say: streams, devices, short names, trailing dots. */
const WINDOWS_MEANING = /:|[. ](?:[\\/]|$)|~\d|^\\\\/;
const INSTRUCTIONS = /^(?:agents|claude|gemini|append_system|system|skill)(?:\.[\w-]+)*\.md$/i;
const SECRET_FILES = ['operator.token', 'config.json'];
/** As many as are looked through for one question. */
const MANY_FILES = 20_000;
const STEERING_DIRECTORY = /^(?:skills|prompts|extensions)$/i;

/** Throws nothing: what cannot be told is `unclear`. */
export function locate(path: string, cwd: string): Located {
  if (HIDDEN_CHARACTERS.test(path)) return { place: 'unclear', real: path };
  try {
    const home = realpathSync(cwd);
    const real = followed(path);
    if (isSecret(real)) return { place: 'secret', real };
    if (!isWithin(home, real)) return { place: 'outside', real };
    const steps = [relative(home, real), isWithin(cwd, path) ? relative(cwd, path) : ''];
    if (process.platform === 'win32' && steps.some((way) => WINDOWS_MEANING.test(way)))
      return { place: 'unclear', real };
    return { place: steps.some((way) => steers(way, home)) ? 'steering' : 'inside', real };
  } catch {
    return { place: 'unclear', real: path };
  }
}

/** Would reading everything below this path read a secret of the gateway or of pi? */
export function holdsSecrets(path: string): boolean {
  try {
    const real = followed(path);
    const { data, auth } = secrets();
    return (
      [data && join(data, 'gateway'), auth].some(
        (secret) => secret !== undefined && isWithin(real, secret),
      ) || hasOtherNameOf(real)
    );
  } catch {
    return true;
  }
}

/** Is `path` the directory itself, or below it? Both are absolute, without links. */
export function isWithin(directory: string, path: string): boolean {
  const way = relative(directory, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** The real path of what exists, and the rest as it is written. Throws for a link that leads nowhere yet. */
function followed(path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return realpathSync(path);
  const parent = dirname(path);
  return parent === path ? path : join(followed(parent), basename(path));
}

/** Hidden names hold settings, hooks and skills (`.git`, `.pi`, `.agents`, `.envrc`); others are known by name. */
function steers(way: string, home: string): boolean {
  const names = way.split(sep);
  return names.some(
    (name, i) =>
      name.startsWith('.') ||
      STEERING_DIRECTORY.test(name) ||
      INSTRUCTIONS.test(name) ||
      // The hooks of a bare repository.
      (/^hooks$/i.test(name) && existsSync(join(home, ...names.slice(0, i), 'HEAD'))),
  );
}

/** Our own data is known by its names: the working directory may hold it, or lie next to it. */
function isSecret(real: string): boolean {
  const { data, auth } = secrets();
  if (data !== undefined && isWithin(data, real) && /^gateway(?:-|$)/i.test(firstStep(data, real)))
    return true;
  if (auth !== undefined && isWithin(auth, real)) return true;
  return isOtherNameOf(real, secretsWithOtherNames);
}

/** A hard link is no link to follow: it is another name of the same file. */
function isOtherNameOf(real: string, known: () => ReadonlySet<string>): boolean {
  const id = identityOf(real);
  return id !== undefined && known().has(id);
}

/**
 * Does another name of a secret lie below this directory? Hardly ever a secret has one: then nothing has to be looked
 * through. Of a directory with very many files it is assumed.
 */
function hasOtherNameOf(directory: string): boolean {
  const known = secretsWithOtherNames();
  if (known.size === 0) return false;
  const files = filesBelow(directory, MANY_FILES);
  return files === undefined || files.some((file) => isOtherNameOf(file, () => known));
}

/** Of a file that has more names than one. */
function identityOf(path: string): string | undefined {
  const file = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return file === undefined || !file.isFile() || file.nlink < 2n ? undefined : `${file.dev}:${file.ino}`;
}

function secretsWithOtherNames(): ReadonlySet<string> {
  const { data, auth } = secrets();
  const gateway = data === undefined ? undefined : join(data, 'gateway');
  const files = [
    auth,
    ...(gateway === undefined ? [] : SECRET_FILES.map((name) => join(gateway, name))),
    // What links a phone.
    ...(gateway === undefined ? [] : (filesBelow(join(gateway, 'adapters'), MANY_FILES) ?? [])),
  ];
  return new Set(
    files.flatMap((file) => (file === undefined ? [] : [identityOf(file)])).filter((id) => id !== undefined),
  );
}

/** Every name below a path that is no directory, without following links; undefined: more than that many. */
function filesBelow(path: string, atMost: number): string[] | undefined {
  const files: string[] = [];
  const open = [path];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (lstatSync(next, { throwIfNoEntry: false })?.isDirectory() !== true) files.push(next);
    else
      for (const entry of readdirSync(next, { withFileTypes: true }))
        (entry.isDirectory() ? open : files).push(join(next, entry.name));
    if (files.length + open.length > atMost) return undefined;
  }
  return files;
}

function firstStep(directory: string, path: string): string {
  return relative(directory, path).split(sep)[0] ?? '';
}

function secrets(): { readonly data: string | undefined; readonly auth: string | undefined } {
  const { [DATA_VARIABLE]: data, PI_CODING_AGENT_DIR: agentDir } = process.env;
  return { data: real(data), auth: real(join(agentDir || join(homedir(), '.pi', 'agent'), 'auth.json')) };
}

function real(path: string | undefined): string | undefined {
  try {
    return path === undefined || path === '' ? undefined : followed(path);
  } catch {
    return undefined;
  }
}
