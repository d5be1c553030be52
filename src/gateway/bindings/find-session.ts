import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, isAbsolute, join } from 'node:path';
import { GatewayError } from '../../base/errors.ts';
import { parseRecord, stringAt } from '../agent/record.ts';

/** A session file of pi, and where its session works. */
export interface PiSessionFile {
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
