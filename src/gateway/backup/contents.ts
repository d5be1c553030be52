/** What of a data directory belongs into a backup, and what a restore puts in the place of what is there. */
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DataFolder } from '../../store/data-folder.ts';

/**
 * Below `gateway/`, what stays with the machine: keys to this very gateway, what it is doing right now, copies of what is
 * elsewhere, and logs.
 */
const STAYS =
  /^(?:backups|exports|debug|logs|restore|operator\..*|runtime\.json|chat-client\.json|last-good|.*\.tmp|.*\.new)$/iu;
/** Libraries that are installed again when they are missing. */
const INSTALLED = /^gateway\/adapters\/[^/]+\/packages$/u;
const FILES = 'gateway/files';

/** The names of the databases, as they are called in the data directory and in a backup. */
export const DATABASES = {
  sessions: 'gateway-sessions.db',
  security: 'gateway-security.db',
  tasks: 'gateway-background-tasks.db',
} as const;

/** Begins the name of a directory in which a restore keeps what was there. */
export const ASIDE = 'gateway-before-restore-';

export interface Found {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly at: number;
}

/**
 * The files of the data directory without its databases. A link is followed where it stands for the configuration; other
 * links, and what is no file, are named and left out.
 */
export function filesIn(
  folder: DataFolder,
  withFiles: boolean,
): { readonly files: Found[]; readonly leftOut: string[] } {
  const files: Found[] = [];
  const leftOut: string[] = withFiles ? [] : [`${FILES} (files of chats)`];
  const look = (name: string): void => {
    const path = join(folder.root, name);
    const facts = lstatSync(path, { throwIfNoEntry: false });
    if (facts === undefined || INSTALLED.test(name) || (name === FILES && !withFiles)) return;
    if (facts.isDirectory()) for (const each of readdirSync(path).sort()) look(`${name}/${each}`);
    else if (facts.isFile()) files.push({ name, path, size: facts.size, at: facts.mtimeMs });
    else if (path === folder.config && existsSync(path))
      files.push({ name, path, size: -1, at: facts.mtimeMs });
    else if (facts.isSymbolicLink()) leftOut.push(`${name} (a link)`);
  };
  const top = join(folder.root, 'gateway');
  if (existsSync(top))
    for (const name of readdirSync(top).sort()) if (!STAYS.test(name)) look(`gateway/${name}`);
  return { files, leftOut };
}

/** What a restore moves aside, as names below the data directory. `files`: the backup has files of chats. */
export function replacedIn(folder: DataFolder, files: boolean): string[] {
  const list = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);
  const databases = Object.values(DATABASES).map((name) => name.replace(/\.db$/u, ''));
  return [
    ...list(folder.root).filter((name) =>
      databases.some((base) => name.startsWith(`${base}.`) || name.startsWith(`${base}-`)),
    ),
    ...list(join(folder.root, 'gateway'))
      .filter((name) => !STAYS.test(name))
      .map((name) => `gateway/${name}`)
      .filter((name) => files || name !== FILES),
  ];
}

/** Below `gateway/`, what is a directory or a file for the gateway, and must not come as the other. */
const DIRECTORIES = /^(?:adapters|agent-sessions|files)$/iu;
const FILE = /^config\.json$/iu;

/** A file that a backup may bring, by the names that every file system takes for the same. */
export function belongs(name: string): boolean {
  const [top, second = '', ...below] = name.split('/');
  if (top !== 'gateway') return Object.values(DATABASES).some((each) => each === name);
  const meant = second.replace(/[. ]+$/u, '');
  return !STAYS.test(meant) && !(below.length > 0 ? FILE : DIRECTORIES).test(meant);
}
