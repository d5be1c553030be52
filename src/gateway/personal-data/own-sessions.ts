/** Which sessions are a person's alone, and in which others write as well. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DataFolder } from '../../store/data-folder.ts';
import { sessionFileFor } from '../agent/pi-files.ts';
import type { ChatRef } from '../model.ts';
import { isBoundKey } from '../sessions/sessions.ts';
import { IN, isChatOf, json, type Person, type Stores, senderKeys, strings } from './person.ts';

export interface OwnSession {
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
export interface SharedSession {
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

export function sessionsOf(
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
