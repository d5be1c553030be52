import { readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ParkedError } from '../kit/supervisor.ts';

/** What baileys' `useMultiFileAuthState` left in a folder: `creds.json` and one `<type>-<id>.json` for each key. */
export interface MultiFileSession {
  readonly creds: unknown;
  readonly keys: readonly { readonly type: string; readonly id: string; readonly value: unknown }[];
}

const CREDS = 'creds.json';
/** Longer names first: `sender-key-memory-…` also begins with `sender-key-`. */
const TYPES = [
  'app-state-sync-version',
  'app-state-sync-key',
  'sender-key-memory',
  'sender-key',
  'identity-key',
  'lid-mapping',
  'device-list',
  'pre-key',
  'session',
  'tctoken',
];

/** Undefined when the folder holds none. Throws ParkedError when its account file cannot be read. */
export async function readMultiFileSession(
  folder: string,
  reviver: (key: string, value: unknown) => unknown,
): Promise<MultiFileSession | undefined> {
  const names = await readdir(folder);
  if (!names.includes(CREDS)) return undefined;
  const creds = await parse(join(folder, CREDS), reviver);
  if (!isAccount(creds))
    throw new ParkedError(
      `the session file ${join(folder, CREDS)} is damaged`,
      `Restore ${join(folder, CREDS)} from a backup, or delete it and link the phone again; then start the WhatsApp adapter.`,
    );
  const keys: { type: string; id: string; value: unknown }[] = [];
  for (const name of names) {
    const type = TYPES.find((candidate) => name.startsWith(`${candidate}-`) && name.endsWith('.json'));
    if (type === undefined) continue;
    const value = await parse(join(folder, name), reviver);
    // One unreadable key heals by itself: the peers are asked to send again.
    if (value !== undefined) keys.push({ type, id: idOf(type, name), value });
  }
  return { creds, keys };
}

/** Renames the account file: it goes stale from now on, and must not come back after a logout. */
export async function retireMultiFileSession(folder: string): Promise<void> {
  await rename(join(folder, CREDS), join(folder, `${CREDS}.taken-over`));
}

async function parse(path: string, reviver: (key: string, value: unknown) => unknown): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'), reviver);
  } catch {
    return undefined;
  }
}

/** The file names replace `/` by `__` and `:` by `-`; only ids of the types below contain either. */
function idOf(type: string, name: string): string {
  const id = name.slice(type.length + 1, -'.json'.length).replaceAll('__', '/');
  if (type !== 'sender-key') return id;
  // `<group>::<user>::<device>`
  const match = /^(.+@g\.us)--(.+)--(\d+)$/.exec(id);
  return match === null ? id : `${match[1]}::${match[2]}::${match[3]}`;
}

function isAccount(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'noiseKey' in value &&
    'signedIdentityKey' in value &&
    'advSecretKey' in value
  );
}
