/**
 * Who a person is in everything that is kept, how a text is recognized that names them, and which files are about
 * them.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DataFolder } from '../../store/data-folder.ts';
import type { Row } from '../../store/database.ts';
import { sessionStem } from '../agent/pi-files.ts';
import type { Core } from '../core.ts';
import { type ChatRef, chatKey, type Platform, type Sender } from '../model.ts';

export type Stores = Core['stores'];

export interface Person {
  readonly platform: Platform;
  /** As the operator named them. */
  readonly userId: string;
  /** Every id that the platform has for them. */
  readonly ids: readonly string[];
  /** Names under which they wrote. */
  readonly names: readonly string[];
  /** Chats in which no one else writes. */
  readonly chats: readonly ChatRef[];
}

/** `IN (SELECT value FROM json_each(?))`: any number of values is one parameter. */
export const IN = 'IN (SELECT value FROM json_each(?))';
export const strings = (rows: readonly Row[], name = 'id'): string[] => rows.map((row) => String(row[name]));
export const json = (values: Iterable<unknown>): string => JSON.stringify([...values]);
const OF_PLATFORM = "json_extract(chat, '$.platform') = ?";

/** `listed`: the ids that the allowlist has for them. */
export function findPerson(
  { sessions, security, tasks }: Stores,
  platform: Platform,
  userId: string,
  listed: readonly string[],
): Person {
  const ids = new Set([userId, ...listed]);
  const senders = [
    ...security.all('SELECT sender_id, aliases FROM pairing WHERE platform = ?', [platform]).map((row) => ({
      id: String(row['sender_id']),
      aliases: JSON.parse(String(row['aliases'])) as string[],
    })),
    ...sessions
      .all(
        `SELECT DISTINCT json_extract(message, '$.sender') AS sender FROM inbox
              WHERE json_extract(message, '$.chat.platform') = ?`,
        [platform],
      )
      .map((row) => JSON.parse(String(row['sender'])) as Sender),
  ];
  for (let before = 0; before < ids.size; ) {
    before = ids.size;
    for (const { id, aliases = [] } of senders)
      if ([id, ...aliases].some((each) => ids.has(each))) for (const each of [id, ...aliases]) ids.add(each);
  }
  const all = JSON.stringify([...ids]);
  const names = new Set<string>();
  const take = (rows: readonly Row[]): void => {
    for (const row of rows) {
      const name = String(row['name'] ?? '').trim();
      if (name !== '' && !ids.has(name)) names.add(name);
    }
  };
  take(security.all(`SELECT name FROM allowlist WHERE platform = ? AND user_id ${IN}`, [platform, all]));
  take(
    security.all(`SELECT sender_name AS name FROM pairing WHERE platform = ? AND sender_id ${IN}`, [
      platform,
      all,
    ]),
  );
  take(
    sessions.all(`SELECT sender_name AS name FROM sessions WHERE ${OF_PLATFORM} AND sender_id ${IN}`, [
      platform,
      all,
    ]),
  );
  take(
    sessions.all(`SELECT DISTINCT sender_name AS name FROM usage WHERE platform = ? AND sender_id ${IN}`, [
      platform,
      all,
    ]),
  );
  take(
    sessions.all(`SELECT DISTINCT name FROM msg WHERE role = 'user' AND sender ${IN}`, [
      senderKeys(platform, ids),
    ]),
  );
  take(
    tasks.all(`SELECT sender_name AS name FROM schedules WHERE ${OF_PLATFORM} AND sender_id ${IN}`, [
      platform,
      all,
    ]),
  );
  take(
    sessions.all(
      `SELECT DISTINCT json_extract(message, '$.sender.name') AS name FROM inbox
         WHERE json_extract(message, '$.chat.platform') = ? AND json_extract(message, '$.sender.id') ${IN}`,
      [platform, all],
    ),
  );
  const chats = new Map<string, ChatRef>();
  const direct = [
    ...sessions.all(
      `SELECT chat FROM sessions WHERE ${OF_PLATFORM} AND chat_kind = 'dm' AND sender_id ${IN}`,
      [platform, all],
    ),
    ...sessions.all(
      `SELECT json_extract(message, '$.chat') AS chat FROM inbox WHERE json_extract(message, '$.chat.platform') = ?
         AND json_extract(message, '$.chatKind') = 'dm' AND json_extract(message, '$.sender.id') ${IN}`,
      [platform, all],
    ),
  ];
  for (const row of direct) {
    const chat = JSON.parse(String(row['chat'])) as ChatRef;
    chats.set(chatKey(chat), chat);
  }
  return { platform, userId, ids: [...ids], names: [...names], chats: [...chats.values()] };
}

/** How a line of a transcript names its author. */
export function senderKey(platform: Platform, id: string): string {
  return `${platform}:${id}`;
}

export function senderKeys(platform: Platform, ids: Iterable<string>): string {
  return JSON.stringify([...ids].map((id) => senderKey(platform, id)));
}

/** Begins the names of directories with files that a person sent; says nothing about them to others. */
export function fileTag(platform: Platform, senderId: string): string {
  return createHash('sha256')
    .update(JSON.stringify([platform, senderId]))
    .digest('hex')
    .slice(0, 16);
}

export function isChatOf(
  { platform, chats }: Pick<Person, 'platform' | 'chats'>,
  chat: Pick<ChatRef, 'platform' | 'chatId'>,
): boolean {
  return chat.platform === platform && chats.some(({ chatId }) => chatId === chat.chatId);
}

/** A shorter id or name is in too many other words. */
const SHORTEST = 3;

export interface Mentions {
  /** Whether a text names the person by an id, or something that is theirs. */
  named(text: string): boolean;
  /** The text without their names. */
  withoutNames(text: string): string;
}

/**
 * Recognizes texts about a person: by ids of theirs and of their chats, and by `own`, ids that the gateway gave to what
 * is theirs. A name alone proves nothing, and people choose it: it is taken out, and the text stays.
 */
export function mentionsOf({ ids, names, chats }: Person, own: Iterable<string> = []): Mentions {
  const tokens = new Set(own);
  const addresses = [...ids, ...chats.map(({ chatId }) => chatId)];
  // Of `15551234567@s.whatsapp.net` the number alone is an id as well.
  const numbers = addresses.flatMap((each) => /^(\d{5,})(?::\d+)?@/u.exec(each)?.[1] ?? []);
  const words = [...new Set([...addresses, ...numbers])].filter(({ length }) => length >= SHORTEST);
  const spoken = names.filter(({ length }) => length >= SHORTEST);
  const anyOf = (texts: readonly string[]): RegExp | undefined =>
    texts.length === 0
      ? undefined
      : new RegExp(`(?<![\\p{L}\\p{N}_])(?:${texts.map(literal).join('|')})(?![\\p{L}\\p{N}_])`, 'gu');
  const byId = anyOf(words);
  const byName = anyOf(spoken);
  return {
    named(text) {
      if (byId !== undefined && text.search(byId) >= 0) return true;
      if (tokens.size === 0) return false;
      for (const [token] of text.matchAll(/[\p{L}\p{N}_-]+/gu)) if (tokens.has(token)) return true;
      return false;
    },
    withoutNames: (text) => (byName === undefined ? text : text.replaceAll(byName, 'erased')),
  };
}

/** What people and agents say, in a stored value: never the names of its keys, nor ids and kinds. */
const SPOKEN: ReadonlySet<string> = new Set(['text', 'plain', 'author', 'fields']);

/** Changes the texts in a value; the value itself stays unchanged. */
export function withTexts(value: unknown, change: (text: string) => string, spoken = false): unknown {
  if (typeof value === 'string') return spoken ? change(value) : value;
  if (Array.isArray(value)) return value.map((each) => withTexts(each, change, spoken));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, withTexts(each, change, spoken || SPOKEN.has(key))]),
  );
}

/** With the flag `u` only what has a meaning may be escaped, which `-` has not. */
function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, '\\$&');
}

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
        if (belongs || (name.endsWith('.jsonl') && hasParent(path, found))) found.add(path);
      }
  }
  return [...found];
}

/** The header of a copy names its parent by where its host has that. */
function hasParent(path: string, found: ReadonlySet<string>): boolean {
  const parent = parentOf(path);
  return parent !== undefined && (found.has(parent) || found.has(join(dirname(path), basename(parent))));
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
