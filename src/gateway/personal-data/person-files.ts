/** Files about a person in the data directory. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DataFolder } from '../../store/data-folder.ts';
import { sessionStem } from '../agent/pi-files.ts';
import { fileTag, type Person } from './person.ts';

/** Files with more after the name, and sessions of pi that were branched off one of these. */
export function withBranches(files: readonly string[], sessions: string): string[] {
  const found = new Set(files);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const folder of new Set([sessions, ...files.map((file) => dirname(file))]))
      for (const name of namesIn(folder)) {
        const path = join(folder, name);
        if (found.has(path)) continue;
        const belongs = [...found].some(
          (file) => dirname(file) === folder && name.startsWith(`${sessionStem(file)}.`),
        );
        if (belongs || (name.endsWith('.jsonl') && found.has(parentOf(path) ?? ''))) found.add(path);
      }
  }
  return [...found];
}

function parentOf(path: string): string | undefined {
  try {
    const [first = ''] = readFileSync(path, 'utf8').split('\n', 1);
    const { parentSession }: { parentSession?: unknown } = { ...Object(JSON.parse(first)) };
    return typeof parentSession === 'string' ? parentSession : undefined;
  } catch {
    return undefined; // not a session file
  }
}

export function directoriesOf(files: string, { platform, ids }: Person, owners: readonly string[]): string[] {
  const tags = ids.map((id) => `${fileTag(platform, id)}-`);
  const found: string[] = [];
  for (const owner of namesIn(files)) {
    if (owners.includes(owner)) found.push(join(files, owner));
    else
      for (const name of namesIn(join(files, owner)))
        if (tags.some((tag) => name.startsWith(tag))) found.push(join(files, owner, name));
  }
  return found;
}

export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // not there, or a file
  }
}

export function exportsOf(folder: DataFolder, { platform, ids }: Person): string[] {
  return namesIn(exportsFolder(folder))
    .filter((name) => ids.some((id) => name.startsWith(exportName(platform, id))))
    .map((name) => join(exportsFolder(folder), name));
}

export function exportsFolder(folder: DataFolder): string {
  return join(folder.root, 'gateway', 'exports');
}

export function exportName(platform: string, userId: string): string {
  return `${platform}-${userId.replaceAll(/[^\w.@-]/gu, '_').slice(0, 80)}-`;
}

/** Paths in the configuration whose value is one of their ids, or a chat of theirs. */
export function configKeys(path: string, { platform, ids, chats }: Person): string[] {
  const named = new Set([
    ...ids,
    ...ids.map((id) => `${platform}:${id}`),
    ...chats.map(({ chatId }) => chatId),
    ...chats.map(({ chatId }) => `${platform}:${chatId}`),
  ]);
  const found = new Set<string>();
  const look = (value: unknown, key: string): void => {
    if (typeof value === 'string' || typeof value === 'number') {
      if (named.has(String(value)) && (key.includes(platform) || String(value).includes(':'))) found.add(key);
    } else if (Array.isArray(value)) for (const each of value) look(each, key);
    else if (typeof value === 'object' && value !== null)
      for (const [name, each] of Object.entries(value)) {
        const inner = key === '' ? name : `${key}.${name}`;
        if (named.has(name) && key.includes(platform)) found.add(key);
        look(each, inner);
      }
  };
  try {
    look(JSON.parse(readFileSync(path, 'utf8')), '');
  } catch {
    // No configuration, or one that cannot be read: then it names no one.
  }
  return [...found];
}
