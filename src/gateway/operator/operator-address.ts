/**
 * Where operators reach the gateway, known to both ends: the route of the operator link, and for the operator's own programs
 * on this machine a path in the data directory.
 */
import { randomBytes } from 'node:crypto';
import {
  type BigIntStats,
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The route of the operator link, known to both ends. */
export const OPERATOR_PATH = '/operator';
/** Names the program at the other end of a link, for the audit. */
export const SURFACE_HEADER = 'x-gateway-surface';
/** Programs that link to a gateway next to the attached console. */
const LINK_SURFACES = ['attach', 'cli', 'extension'] as const;
export type LinkSurface = (typeof LINK_SURFACES)[number];

/** What a peer says it is; anyone who says nothing known counts as an attached console. All of them hold the same token. */
export function surfaceOf(header: string | readonly string[] | undefined): LinkSurface {
  return LINK_SURFACES.find((each) => each === header) ?? 'attach';
}

/** Bytes of a socket path without its terminating zero: `sun_path` holds 108 on Linux and 104 on macOS and the BSDs. */
const LONGEST = process.platform === 'linux' ? 107 : 103;
const NAME = 'operator.sock';
/** Begins the name under which a socket is made; shorter than `NAME` altogether. */
const MAKING = '.op-';
/** Holds the path of a socket that has no place next to it. */
const RECORD = 'operator.sock.path';

export interface SocketPlace {
  readonly path: string;
  /**
   * Only the operator's own user can open or make it. False for a named pipe of Windows: any user may claim such a name,
   * so both ends prove there that they know the operator token.
   */
  readonly private: boolean;
}

/**
 * Where the gateway that holds `directory` (0700) is to listen. What an earlier run left there is removed: only the
 * holder of the data directory's lock may call this.
 */
export function prepareSocketPlace(
  directory: string,
  platform = process.platform,
  longest = LONGEST,
): SocketPlace {
  const beside = join(directory, NAME);
  rmSync(beside, { force: true });
  for (const name of readdirSync(directory))
    if (name.startsWith(MAKING)) rmSync(join(directory, name), { force: true });
  if (platform === 'win32') {
    const path = `\\\\.\\pipe\\pi-gateway-tui-${randomBytes(16).toString('hex')}`;
    record(directory, path);
    return { path, private: false };
  }
  if (Buffer.byteLength(beside) <= longest) {
    rmSync(join(directory, RECORD), { force: true });
    return { path: beside, private: true };
  }
  forget(directory, recorded(directory));
  const path = join(shortDirectory(longest), NAME);
  record(directory, path);
  return { path, private: true };
}

/** Under this name a socket is made first: anyone who stops listening removes the name that it has listened on. */
export function makingPath({ path, private: isPrivate }: SocketPlace): string {
  return isPrivate ? join(dirname(path), `${MAKING}${randomBytes(4).toString('hex')}`) : path;
}

/**
 * Gives a socket that listens its rights and its name. Returns the function that takes the name away again, unless a
 * successor has taken it in the meantime: this gateway may have lost the directory without noticing.
 */
export function nameSocket(
  directory: string,
  made: string,
  { path, private: isPrivate }: SocketPlace,
): () => void {
  if (!isPrivate) return () => forget(directory, path);
  chmodSync(made, 0o600);
  renameSync(made, path);
  const own = factsOf(path);
  return () => {
    const now = factsOf(path);
    // The inode alone may be used again.
    if (now !== undefined && now.ino === own?.ino && now.ctimeNs === own.ctimeNs)
      rmSync(path, { force: true });
    if (dirname(path) !== directory) forget(directory, path);
  };
}

function factsOf(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/** Removes a short directory, and the record if it still names it. */
function forget(directory: string, path: string | undefined): void {
  if (recorded(directory) === path) rmSync(join(directory, RECORD), { force: true });
  if (path !== undefined && !path.startsWith('\\\\') && isPrivate(dirname(path)))
    rmSync(dirname(path), { recursive: true, force: true });
}

/** Where a gateway of `directory` listens, if one does; undefined when nothing safe is there. */
export function findSocketPlace(directory: string): SocketPlace | undefined {
  const beside = join(directory, NAME);
  if (isSocket(beside)) return { path: beside, private: true };
  const path = recorded(directory);
  if (path === undefined) return undefined;
  if (path.startsWith('\\\\')) return { path, private: false };
  // A directory for temporary files is shared: what was removed there, another user may have made again.
  return isPrivate(dirname(path)) && isSocket(path) ? { path, private: true } : undefined;
}

/** A new directory of this user alone, short enough for a socket in it. */
function shortDirectory(longest: number): string {
  const fits = (base: string): boolean =>
    Buffer.byteLength(join(base, 'pigw-XXXXXX', NAME)) <= longest &&
    statSync(base, { throwIfNoEntry: false }) !== undefined;
  const base = [process.env['XDG_RUNTIME_DIR'] ?? '', tmpdir(), '/tmp'].find(
    (each) => each !== '' && fits(each),
  );
  return mkdtempSync(join(base ?? '/tmp', 'pigw-')); // 0700, whatever the umask
}

function record(directory: string, path: string): void {
  const file = join(directory, RECORD);
  writeFileSync(file, `${path}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
}

function recorded(directory: string): string | undefined {
  try {
    return readFileSync(join(directory, RECORD), 'utf8').trim() || undefined;
  } catch {
    return undefined; // the usual case: the socket is in the data directory
  }
}

function isPrivate(directory: string): boolean {
  const stat = lstatSync(directory, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0;
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
  } catch {
    return false; // its directory cannot be read: not ours
  }
}
