/**
 * Which file pi's own tools open for a path that the model wrote: the same steps, in the same order, as in pi 0.87 and
 * 1.6 (`core/tools/path-utils`, `utils/paths`). A test compares both on thousands of paths.
 */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

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
