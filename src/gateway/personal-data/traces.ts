/** Traces of a person in files that are no database: the log, what was rejected, and what adapters remember. */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RefusalView } from '../decisions.ts';
import { editLines } from '../log-hub.ts';
import { isChatOf, type Mentions, namesIn, type Person, withTexts } from './person.ts';

/** A line about the person goes; their name goes out of any other. */
export function logEdit(mentions: Mentions): (line: string) => string | undefined {
  return (line) => {
    if (mentions.named(line)) return undefined;
    if (mentions.withoutNames(line) === line) return line;
    try {
      return JSON.stringify(withTexts(JSON.parse(line), mentions.withoutNames));
    } catch {
      return mentions.withoutNames(line);
    }
  };
}

export function isRefusalOf(person: Person): (refusal: RefusalView) => boolean {
  return ({ platform, senderId, chatId }) =>
    platform === person.platform && (person.ids.includes(senderId) || isChatOf(person, { platform, chatId }));
}

/** No one reads a line that a kill has torn, and whose it was cannot be told: it goes as well. */
export function refusalEdit(
  concerns: (refusal: RefusalView) => boolean,
): (line: string) => string | undefined {
  return (line) => {
    try {
      return concerns(JSON.parse(line) as RefusalView) ? undefined : line;
    } catch {
      return undefined;
    }
  };
}

/** Every file of the directory, no matter who wrote it. */
export async function editDirectory(
  folder: string,
  change: (line: string) => string | undefined,
): Promise<void> {
  for (const name of namesIn(folder)) await editLines(join(folder, name), change);
}

export function linesWith(folder: string, named: (line: string) => boolean): string[] {
  return namesIn(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && named(line)),
  );
}

/** What installed packages of an adapter hold is not about anybody. */
const PACKAGES = 'packages';
/** Credentials name no one but the account itself. */
const CREDENTIALS = /^creds\.json|token/u;
const MOST_BYTES = 64 * 1024 * 1024;

/** Files below the directory of an adapter that name the person. */
export function stateFilesOf(folder: string, { named }: Mentions): string[] {
  return namesIn(folder).flatMap((name) => {
    if (name === PACKAGES || CREDENTIALS.test(name)) return [];
    const path = join(folder, name);
    const facts = statSync(path, { throwIfNoEntry: false });
    if (facts?.isDirectory() === true) return stateFilesOf(path, { named, withoutNames: (text) => text });
    if (facts?.isFile() !== true || facts.size > MOST_BYTES) return [];
    return named(name) || named(readFileSync(path, 'utf8')) ? [path] : [];
  });
}

/**
 * Takes entries that name the person out of a JSON file of an adapter that is stopped. A file that is called after them
 * goes as a whole. False: it is of another form, and stays unchanged.
 */
export function eraseInState(path: string, { named }: Mentions): boolean {
  if (named(path.split(/[\\/]/u).at(-1) ?? '')) {
    rmSync(path, { force: true });
    return true;
  }
  const text = readFileSync(path, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  const kept = without(value, named);
  if (kept === undefined) return false;
  writeFileSync(`${path}.tmp`, JSON.stringify(kept), { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
  return true;
}

/** Undefined: the value itself is the one that names them. */
function without(value: unknown, named: (text: string) => boolean): unknown {
  if (Array.isArray(value)) return value.filter((each) => !named(JSON.stringify(each)));
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.fromEntries(
    Object.entries(value).filter(([key, each]) => !named(key) && !named(JSON.stringify(each) ?? '')),
  );
}
