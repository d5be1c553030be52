import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError, messageOf } from '../base/errors.ts';

/** Where everything lives: `~/.0xkobold`, or the directory given by `--data-dir` or `PI_GATEWAY_HOME`. */
export interface DataFolder {
  readonly root: string;
  readonly config: string;
  readonly operatorToken: string;
  readonly sessionsDb: string;
  readonly securityDb: string;
  readonly tasksDb: string;
  /** Private directories of the adapters (credentials, offsets). */
  readonly adapters: string;
  /** The agent's own session files. */
  readonly agentSessions: string;
  /** Files that chats sent. */
  readonly files: string;
  /** The log, and what rejected senders wrote. */
  readonly logs: string;
  /** Backups that the gateway made. */
  readonly backups: string;
}

export function dataFolder(dataDir: string | undefined, env: NodeJS.ProcessEnv): DataFolder {
  const root = resolve(dataDir ?? (env['PI_GATEWAY_HOME'] || join(homedir(), '.0xkobold')));
  return {
    root,
    config: join(root, 'gateway', 'config.json'),
    operatorToken: join(root, 'gateway', 'operator.token'),
    sessionsDb: join(root, 'gateway-sessions.db'),
    securityDb: join(root, 'gateway-security.db'),
    tasksDb: join(root, 'gateway-background-tasks.db'),
    adapters: join(root, 'gateway', 'adapters'),
    agentSessions: join(root, 'gateway', 'agent-sessions'),
    files: join(root, 'gateway', 'files'),
    logs: join(root, 'gateway', 'logs'),
    backups: join(root, 'gateway', 'backups'),
  };
}

/** The same with the agent's session files in another directory, if one is named. */
export function withSessionsIn(folder: DataFolder, sessionDir: string | undefined): DataFolder {
  return sessionDir === undefined ? folder : { ...folder, agentSessions: resolve(sessionDir) };
}

/** Creates the directories (0700) and the operator token (0600) at first start; returns the token. */
export function openDataFolder(folder: DataFolder): string {
  try {
    mkdirSync(folder.root, { recursive: true, mode: 0o700 });
    mkdirSync(join(folder.root, 'gateway'), { recursive: true, mode: 0o700 });
    chmodSync(join(folder.root, 'gateway'), 0o700);
  } catch (error) {
    throw new ConfigError(
      `data directory ${folder.root} cannot be used: ${messageOf(error)}`,
      'Give a writable directory with --data-dir or PI_GATEWAY_HOME.',
    );
  }
  const known = readOperatorToken(folder);
  if (known !== undefined) {
    chmodSync(folder.operatorToken, 0o600);
    return known;
  }
  return replaceOperatorToken(folder);
}

/** Writes a new operator token in place of the old one; a crash leaves one of the two. */
export function replaceOperatorToken(folder: DataFolder): string {
  const token = randomBytes(32).toString('base64url');
  const next = `${folder.operatorToken}.new`;
  rmSync(next, { force: true });
  const file = openSync(next, 'wx', 0o600);
  try {
    writeFileSync(file, `${token}\n`);
    fchmodSync(file, 0o600);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, folder.operatorToken);
  return token;
}

/** The operator token of a directory, for the CLI and `attach` of the same user; undefined where there is none. */
export function readOperatorToken(folder: DataFolder): string | undefined {
  try {
    const token = readFileSync(folder.operatorToken, 'utf8').trim();
    return token === '' ? undefined : token;
  } catch {
    return undefined; // never started here, or not ours to read
  }
}

/**
 * Makes a file with secrets private (0600). A link belongs to the one who made it, and a file of another user cannot be
 * changed: then the sentence that warns about it; undefined when all is well.
 */
export function closeToOthers(path: string): string | undefined {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined || process.platform === 'win32') return undefined;
  const mode = facts.isSymbolicLink() ? (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) : facts.mode;
  if ((mode & 0o077) === 0) return undefined;
  if (!facts.isSymbolicLink())
    try {
      chmodSync(path, 0o600);
      return undefined;
    } catch {
      // told below
    }
  return `${path} can be read by other users (mode ${(mode & 0o777).toString(8)}): make it private with chmod 600`;
}

/** Where the gateway of a data directory answers; written when it is ready, removed at a clean stop. */
export interface Runtime {
  readonly pid: number;
  readonly port: number;
  readonly host: string;
}

const fileOf = (folder: DataFolder): string => join(folder.root, 'gateway', 'runtime.json');

export function writeRuntime(folder: DataFolder, runtime: Runtime): void {
  writeFileSync(fileOf(folder), `${JSON.stringify(runtime)}\n`, { mode: 0o600 });
}

export function removeRuntime(folder: DataFolder): void {
  rmSync(fileOf(folder), { force: true });
}

/** What the file says; after a crash it may be out of date, so anyone who reads it asks the port. */
export function readRuntime(folder: DataFolder): Runtime | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(fileOf(folder), 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, port, host } = value as Record<string, unknown>;
    return typeof pid === 'number' && typeof port === 'number' && typeof host === 'string'
      ? { pid, port, host }
      : undefined;
  } catch {
    return undefined; // no gateway has been ready here
  }
}

/** An address that reaches a gateway listening on `host` from this machine. */
export function urlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === 'localhost' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** Is something answering as a gateway there? Bounded; never throws. */
export async function answersAsGateway(url: string, timeoutMs = 1500): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(timeoutMs) });
    const body: unknown = await response.json();
    return (
      typeof body === 'object' &&
      body !== null &&
      ('service' in body ? body.service === 'pi-gateway-tui' : response.ok)
    );
  } catch {
    return false; // nothing there, or something else
  }
}
