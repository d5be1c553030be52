/**
 * What is kept about one person: ids of rows and paths, from the stores and the data directory; and which sessions
 * are theirs alone.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DataFolder } from '../../store/data-folder.ts';
import { sessionFileFor } from '../agent/pi-files.ts';
import { type ChatRef, chatKey, type InboundMessage } from '../model.ts';
import { isBoundKey } from '../sessions/sessions.ts';
import {
  configKeys,
  directoriesOf,
  exportsOf,
  findPerson,
  IN,
  isChatOf,
  json,
  type Person,
  type Stores,
  senderKeys,
  strings,
  withBranches,
} from './person.ts';

interface OwnSession {
  readonly id: string;
  readonly key: string;
  readonly chat: ChatRef;
  readonly title: string;
  readonly createdAt: number;
  readonly endedAt: number | undefined;
  /** The agent's file; absent when it is not theirs alone, or on another machine. */
  readonly file: string | undefined;
  /** The same file where the data directory is now: it was moved, or is a restored backup. */
  readonly moved: string | undefined;
}

/** Someone else wrote there, too, or it is a session of the operator: named, and what is theirs in it is erased. */
interface SharedSession {
  readonly id: string;
  readonly chat: ChatRef;
  readonly name: string;
  readonly file: string | undefined;
}

export interface Kept {
  readonly stores: Stores;
  readonly folder: DataFolder;
  /** The ids that the allowlist has for a person. */
  readonly listed: (platform: Person['platform'], userId: string) => readonly string[];
}

function sessionsOf(
  { stores, folder }: Kept,
  person: Person,
): { own: OwnSession[]; shared: SharedSession[]; elsewhere: string[] } {
  const { platform, ids, names } = person;
  const own: OwnSession[] = [];
  const shared: SharedSession[] = [];
  const elsewhere: string[] = [];
  const spoke = new Set([
    ...strings(
      stores.sessions.all(`SELECT DISTINCT session_id AS id FROM msg WHERE sender ${IN}`, [
        senderKeys(platform, ids),
      ]),
    ),
    ...strings(
      stores.sessions.all(
        `SELECT DISTINCT session_id AS id FROM msg WHERE sender IS NULL AND role = 'user' AND name ${IN}`,
        [json(names)],
      ),
    ),
  ]);
  const rows = stores.sessions.all(
    `SELECT * FROM sessions WHERE json_extract(chat, '$.platform') = ? AND (sender_id ${IN} OR id ${IN})`,
    [platform, json(ids), json(spoke)],
  );
  for (const row of rows) {
    const key = String(row['key']);
    const chat = JSON.parse(String(row['chat'])) as ChatRef;
    const session = { id: String(row['id']), chat };
    const stored = row['session_file'];
    const file = typeof stored === 'string' ? stored : sessionFileFor(folder.agentSessions, session.id);
    const here = existsSync(file) ? file : undefined;
    const bound = isBoundKey(key);
    const alone = row['chat_kind'] === 'dm' ? isChatOf(person, chat) : ids.includes(String(keySender(key)));
    if (!alone || bound) {
      const name = String(row['chat_name'] ?? '') || chat.chatId;
      shared.push({ ...session, name, file: here });
      if (!alone) continue;
    }
    const host = row['host'];
    // On shared storage it is here as well.
    const away = typeof host === 'string' && here === undefined;
    if (away) elsewhere.push(`host ${host}: ${file}`);
    // Here is a copy, unless the host works in the directory of the gateway.
    else if (typeof host === 'string' && dirname(file) === join(folder.root, 'gateway', 'agent-sessions'))
      elsewhere.push(`host ${host}: ${basename(file)}, if it has a sessionDir of its own`);
    own.push({
      ...session,
      key,
      title: String(row['title']),
      createdAt: Number(row['created_at']),
      endedAt:
        row['ended_at'] === null || row['ended_at'] === undefined ? undefined : Number(row['ended_at']),
      file: bound ? undefined : here,
      moved: bound || away ? undefined : movedFile(folder, session.id, file),
    });
  }
  // A file that another session writes to as well is not theirs alone.
  const ownIds = new Set(own.map(({ id }) => id));
  const others = new Set(
    stores.sessions
      .all('SELECT id, session_file FROM sessions WHERE session_file IS NOT NULL')
      .filter((row) => !ownIds.has(String(row['id'])))
      .map((row) => String(row['session_file'])),
  );
  return {
    own: own.map((each) =>
      each.file !== undefined && others.has(each.file)
        ? { ...each, file: undefined, moved: undefined }
        : each,
    ),
    shared,
    elsewhere,
  };
}

function movedFile({ agentSessions }: DataFolder, id: string, file: string): string | undefined {
  const paths = [join(agentSessions, basename(file)), sessionFileFor(agentSessions, id)];
  return paths.find((path) => path !== file && existsSync(path));
}

/** In groups each person may have a session of their own: their id is the last part of its key. */
function keySender(key: string): unknown {
  if (!key.startsWith('[')) return undefined;
  const parts: unknown = JSON.parse(key);
  return Array.isArray(parts) ? parts[4] : undefined;
}

export interface Holdings {
  readonly person: Person;
  readonly sessions: readonly OwnSession[];
  readonly shared: readonly SharedSession[];
  readonly allowlist: readonly string[];
  readonly blocked: readonly string[];
  readonly pairing: readonly string[];
  readonly dialogs: readonly string[];
  /** Rows of the inbox: messages that they wrote. */
  readonly inbox: readonly string[];
  /** Rows of the inbox by others that quote them. */
  readonly quoting: readonly string[];
  readonly outbox: readonly string[];
  /** Lines in shared sessions. */
  readonly lines: readonly number[];
  /** What they wrote in shared sessions, the newest: others may quote it. */
  readonly phrases: readonly string[];
  readonly prompts: readonly string[];
  readonly seen: readonly string[];
  readonly deadChats: readonly string[];
  readonly usage: number;
  readonly tasks: readonly string[];
  readonly schedules: readonly string[];
  /** The agent's session files that are theirs alone. */
  readonly sessionFiles: readonly string[];
  /** Directories with files that they sent or got. */
  readonly directories: readonly string[];
  /** Earlier exports of their data. */
  readonly exports: readonly string[];
  /** Where the agent keeps sessions of theirs that this machine cannot reach. */
  readonly elsewhere: readonly string[];
  /** Keys of `config.json` that name them. */
  readonly config: readonly string[];
}

/** A shorter one is in too many texts of others. */
const PHRASE_CHARS = 8;
const PHRASES = 500;

export function holdingsOf(kept: Kept, platform: Person['platform'], userId: string): Holdings {
  const { stores, folder } = kept;
  const person = findPerson(stores, platform, userId, kept.listed(platform, userId));
  const { ids, chats } = person;
  const all = json(ids);
  const { own, shared, elsewhere } = sessionsOf(kept, person);
  const sessionIds = own.map(({ id }) => id);
  const messages = messagesOf(stores, person);
  const schedules = strings(
    stores.tasks.all(
      `SELECT id FROM schedules WHERE json_extract(chat, '$.platform') = ? AND sender_id ${IN}`,
      [platform, all],
    ),
  );
  const tasks = stores.tasks
    .all('SELECT id, parent_session_id, chat, sender_id, schedule_id FROM tasks')
    .filter((row) => {
      const chat = typeof row['chat'] === 'string' ? (JSON.parse(row['chat']) as ChatRef) : undefined;
      if (sessionIds.includes(String(row['parent_session_id']))) return true;
      if (schedules.includes(String(row['schedule_id']))) return true;
      if (chat?.platform !== platform) return false;
      return ids.includes(String(row['sender_id'])) || isChatOf(person, chat);
    })
    .map((row) => String(row['id']));
  const sessionFiles = own.flatMap(({ file, moved }) => [file, moved].filter((each) => each !== undefined));
  for (const id of tasks) {
    const file = sessionFileFor(folder.agentSessions, id);
    if (existsSync(file)) sessionFiles.push(file);
  }
  return {
    person,
    sessions: own,
    shared,
    elsewhere,
    allowlist: strings(
      stores.security.all(`SELECT user_id AS id FROM allowlist WHERE platform = ? AND user_id ${IN}`, [
        platform,
        all,
      ]),
    ),
    blocked: strings(
      stores.security.all(
        `SELECT user_id AS id FROM blocked WHERE platform = ? AND (user_id ${IN} OR person ${IN})`,
        [platform, all, all],
      ),
    ),
    pairing: stores.security
      .all('SELECT id, sender_id, aliases FROM pairing WHERE platform = ?', [platform])
      .filter((row) =>
        [String(row['sender_id']), ...(JSON.parse(String(row['aliases'])) as string[])].some((id) =>
          ids.includes(id),
        ),
      )
      .map((row) => String(row['id'])),
    dialogs: stores.security
      .all('SELECT id, session_id, chat, requester_id FROM dialogs')
      .filter((row) => {
        if ([...sessionIds, ...tasks].includes(String(row['session_id']))) return true;
        const chat = typeof row['chat'] === 'string' ? (JSON.parse(row['chat']) as ChatRef) : undefined;
        return chat?.platform === platform && ids.includes(String(row['requester_id']));
      })
      .map((row) => String(row['id'])),
    inbox: messages.map(({ id }) => id),
    quoting: quotingOf(stores, person, messages),
    outbox: outboxOf(stores, person, sessionIds, messages),
    ...linesOf(stores, person, sessionIds, shared),
    prompts: strings(stores.sessions.all('SELECT key AS id FROM prompts')).filter((key) =>
      chats.some((chat) => key.startsWith(JSON.stringify([chatKey(chat)]).slice(0, -1))),
    ),
    seen: seenOf(stores, person, messages),
    deadChats: strings(stores.sessions.all('SELECT key AS id FROM dead_chats')).filter((key) =>
      chats.some((chat) => key === chatKey(chat)),
    ),
    usage: Number(
      stores.sessions.get(`SELECT COUNT(*) AS n FROM usage WHERE platform = ? AND sender_id ${IN}`, [
        platform,
        all,
      ])?.['n'],
    ),
    tasks,
    schedules,
    sessionFiles: withBranches(sessionFiles, folder.agentSessions),
    directories: directoriesOf(folder.files, person, [...sessionIds, ...tasks]),
    exports: exportsOf(folder, person),
    config: configKeys(folder.config, person),
  };
}

/** Nothing is kept: not even a file says that the person exists. */
export function isNothing(holdings: Holdings): boolean {
  return Object.entries(holdings).every(
    ([name, value]) =>
      ['person', 'config', 'elsewhere', 'phrases'].includes(name) ||
      value === 0 ||
      (Array.isArray(value) && value.length === 0),
  );
}

/** Ids that the gateway gave to what is theirs: they are in the log. */
export function ownIds(holdings: Holdings): string[] {
  const { sessions, inbox, outbox, tasks, schedules, pairing, dialogs } = holdings;
  return [
    ...sessions.map(({ id }) => id),
    ...inbox,
    ...outbox,
    ...tasks,
    ...schedules,
    ...pairing,
    ...dialogs,
  ];
}

interface Written {
  readonly id: string;
  readonly message: InboundMessage;
}

function messagesOf({ sessions }: Stores, { platform, ids }: Person): Written[] {
  return sessions
    .all(
      `SELECT id, message FROM inbox WHERE json_extract(message, '$.chat.platform') = ?
         AND json_extract(message, '$.sender.id') ${IN}`,
      [platform, json(ids)],
    )
    .map((row) => ({ id: String(row['id']), message: JSON.parse(String(row['message'])) as InboundMessage }));
}

/** Where others quoted them, or were given what they said in the group. */
function quotingOf(
  { sessions }: Stores,
  { platform, ids, names }: Person,
  own: readonly Written[],
): string[] {
  const written = new Set(own.map(({ message }) => message.messageId));
  if (written.size + names.length === 0) return [];
  return sessions
    .all(
      `SELECT id, message FROM inbox WHERE json_extract(message, '$.chat.platform') = ?
         AND NOT json_extract(message, '$.sender.id') ${IN}
         AND (json_type(message, '$.replyTo') IS NOT NULL OR json_type(message, '$.above') IS NOT NULL
           OR json_type(message, '$.forwardedFrom') IS NOT NULL)`,
      [platform, json(ids)],
    )
    .filter((row) => {
      const { replyTo, above = [], forwardedFrom } = JSON.parse(String(row['message'])) as InboundMessage;
      return [replyTo, forwardedFrom, ...above].some(
        (each) => written.has(each?.messageId ?? '') || names.includes(each?.author ?? ''),
      );
    })
    .map((row) => String(row['id']));
}

function outboxOf(
  { sessions }: Stores,
  person: Person,
  sessionIds: readonly string[],
  own: readonly Written[],
): string[] {
  const answered = new Set(
    own.map(({ message }) => JSON.stringify([message.chat.chatId, message.messageId])),
  );
  return sessions
    .all("SELECT id, chat, reply_to, json_extract(meta, '$.sessionId') AS session FROM outbox")
    .filter((row) => {
      const chat = JSON.parse(String(row['chat'])) as ChatRef;
      if (chat.platform !== person.platform) return sessionIds.includes(String(row['session']));
      return (
        isChatOf(person, chat) ||
        sessionIds.includes(String(row['session'])) ||
        answered.has(JSON.stringify([chat.chatId, row['reply_to']]))
      );
    })
    .map((row) => String(row['id']));
}

/** Their lines in sessions of others. Lines of older versions know a name only. */
function linesOf(
  { sessions }: Stores,
  { platform, ids, names }: Person,
  own: readonly string[],
  shared: readonly SharedSession[],
): Pick<Holdings, 'lines' | 'phrases'> {
  const rows = sessions.all(
    `SELECT seq, role, text FROM msg WHERE NOT session_id ${IN} AND (sender ${IN}
         OR (sender IS NULL AND role = 'user' AND name ${IN} AND session_id ${IN}))`,
    [json(own), senderKeys(platform, ids), json(names), json(shared.map(({ id }) => id))],
  );
  const written = rows.filter((row) => row['role'] === 'user').map((row) => String(row['text']).trim());
  return {
    lines: rows.map((row) => Number(row['seq'])),
    phrases: [...new Set(written)].filter(({ length }) => length >= PHRASE_CHARS).slice(-PHRASES),
  };
}

function seenOf({ sessions }: Stores, { platform, ids, chats }: Person, own: readonly Written[]): string[] {
  const keys = new Set(own.flatMap(({ message }) => [message.dedupeKey, ...(message.alsoKnownAs ?? [])]));
  const parts = new Set([...ids, ...chats.map(({ chatId }) => chatId)]);
  return strings(sessions.all("SELECT key AS id FROM seen WHERE key LIKE '[%'")).filter((stored) => {
    const [where, , key] = JSON.parse(stored) as [string, string, string];
    return (
      where === platform &&
      (keys.has(key) || key.split(/[^\p{L}\p{N}_@.-]+/u).some((part) => parts.has(part)))
    );
  });
}
