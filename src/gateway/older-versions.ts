/**
 * What older versions of the package have left: the rows of their databases are taken over, bindings in the
 * configuration are applied once.
 */
import { defined } from '../base/defined.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import type { Legacy, Row, Tx } from '../store/database.ts';
import type { Core } from './core.ts';
import { type ChatRef, isPlatform, type Platform, type TaskStatus } from './model.ts';
import { parseHome } from './send/outbound.ts';
import { type SessionRecord, sessionKey } from './sessions/sessions.ts';

/** Every row of @0xkobold/pi-gateway stays as it was, next to what was taken over: nothing is lost. */
function keepRows(tx: Tx, legacy: Legacy): void {
  tx.run('CREATE TABLE IF NOT EXISTS legacy_rows (source TEXT NOT NULL, row TEXT NOT NULL)');
  for (const [name, rows] of legacy.tables)
    for (const row of rows) tx.run('INSERT INTO legacy_rows (source, row) VALUES (?,?)', [name, asJson(row)]);
}

function asJson(row: Row): string {
  return JSON.stringify(row, (_key, value: unknown) =>
    value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value,
  );
}

/** A column's text; undefined for one that is missing, null or empty. Forks of @0xkobold/pi-gateway differ in columns. */
function textOf(row: Row, name: string): string | undefined {
  const value = row[name];
  return value === null || value === undefined || value === '' || value instanceof Uint8Array
    ? undefined
    : String(value);
}

/** A time in milliseconds since the epoch, or the fallback. */
function timeOf(row: Row, name: string, fallback: number): number {
  const value = row[name];
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.round(value) : fallback;
}

/**
 * `allowlist` of @0xkobold/pi-gateway: platform, user_id, added_at, note. Its pairing codes are kept as rows only: they
 * were stored in clear text and are long expired; a used code never proves that someone was let in.
 */
export function adoptSecurity(now: number): (tx: Tx, legacy: Legacy) => void {
  return (tx, legacy) => {
    keepRows(tx, legacy);
    for (const row of legacy.tables.get('allowlist') ?? []) {
      const platform = textOf(row, 'platform');
      const userId = textOf(row, 'user_id');
      if (!isPlatform(platform) || userId === undefined) continue;
      tx.run(
        `INSERT OR IGNORE INTO allowlist (platform, user_id, name, note, origin, added_at) VALUES (?,?,?,?,'manual',?)`,
        [platform, userId, userId, textOf(row, 'note') ?? null, timeOf(row, 'added_at', now)],
      );
    }
  };
}

/**
 * `sessions` of @0xkobold/pi-gateway: id, platform, channel_id, user_id, last_activity, created_at, is_background, title.
 * The latest session of a chat continues, older ones are listed as ended. Sessions of background tasks and of platforms
 * that we do not know are kept as rows only.
 */
export function adoptSessions(now: number): (tx: Tx, legacy: Legacy) => void {
  return (tx, legacy) => {
    keepRows(tx, legacy);
    const rows = [...(legacy.tables.get('sessions') ?? [])].sort(
      (a, b) => timeOf(b, 'last_activity', 0) - timeOf(a, 'last_activity', 0),
    );
    const seen = new Set<string>();
    for (const row of rows) adoptSession(tx, row, seen, now);
  };
}

function adoptSession(tx: Tx, row: Row, seen: Set<string>, now: number): void {
  const id = textOf(row, 'id');
  const platform = textOf(row, 'platform');
  const chatId = textOf(row, 'channel_id');
  if (id === undefined || chatId === undefined || !isPlatform(platform) || row['is_background'] === 1) return;
  const senderId = textOf(row, 'user_id') ?? chatId;
  const chat: ChatRef = { platform, accountId: 'default', chatId };
  const key = sessionKey({ chat, chatKind: 'dm', senderId, perUser: true });
  const createdAt = timeOf(row, 'created_at', now);
  const current = !seen.has(key);
  seen.add(key);
  tx.run(
    `INSERT OR IGNORE INTO sessions (id, key, chat, chat_kind, chat_name, sender_id, sender_name, title, created_at,
       last_user_at, ended_at, end_reason) VALUES (?,?,?,'dm',NULL,?,?,?,?,?,?,?)`,
    [
      id,
      key,
      JSON.stringify(chat),
      senderId,
      senderId,
      textOf(row, 'title') ?? '',
      createdAt,
      timeOf(row, 'last_activity', createdAt),
      current ? null : now,
      current ? null : 'imported from @0xkobold/pi-gateway',
    ],
  );
}

/**
 * `background_tasks` of @0xkobold/pi-gateway. Their chats are not known anymore, so nothing is delivered on its own; a
 * task that ran when it ended is `lost`.
 */
export function adoptTasks(now: number): (tx: Tx, legacy: Legacy) => void {
  return (tx, legacy) => {
    keepRows(tx, legacy);
    for (const row of legacy.tables.get('background_tasks') ?? []) adoptTask(tx, row, now);
  };
}

function adoptTask(tx: Tx, row: Row, now: number): void {
  const id = textOf(row, 'id');
  if (id === undefined) return;
  const status = statusOf(row);
  const createdAt = timeOf(row, 'created_at', now);
  const completedAt = timeOf(row, 'completed_at', now);
  const progress =
    typeof row['progress'] === 'number' ? Math.max(0, Math.min(100, Math.round(row['progress']))) : 0;
  tx.run(
    `INSERT OR IGNORE INTO tasks (id, parent_session_id, chat, command, status, progress, progress_message, result,
       error, created_at, started_at, completed_at, delivered_at) VALUES (?,?,NULL,?,?,?,?,?,?,?,?,?,?)`,
    [
      id,
      textOf(row, 'parent_session_id') ?? null,
      textOf(row, 'command') ?? '',
      status,
      progress,
      textOf(row, 'progress_message') ?? null,
      textOf(row, 'result') ?? null,
      status === 'lost' ? '@0xkobold/pi-gateway ended while the task ran.' : (textOf(row, 'error') ?? null),
      createdAt,
      timeOf(row, 'started_at', createdAt),
      completedAt,
      timeOf(row, 'delivered_at', completedAt),
    ],
  );
}

function statusOf(row: Row): TaskStatus {
  switch (textOf(row, 'status')) {
    case 'completed':
    case 'delivered':
      return 'succeeded';
    case 'timeout':
      return 'timed_out';
    case 'failed':
      return textOf(row, 'error') === 'Cancelled by user' ? 'cancelled' : 'failed';
    default:
      return 'lost';
  }
}

const FACT = 'older binding:';

interface Deps extends Pick<Core, 'db' | 'log'> {
  readonly chatOf: (platform: Platform, chatId: string) => ChatRef;
  readonly bound: (chat: ChatRef) => boolean;
  readonly session: (id: string) => SessionRecord | undefined;
  readonly bind: (chat: ChatRef, session: string) => Promise<SessionRecord>;
}

/**
 * `sessions.bindings` of the older package, `{"<platform>:<chat>": session}`: each is applied once, so that `unbind`
 * holds over restarts. One that cannot be applied is tried at every start, with the reason in the log.
 */
export async function applyOlderBindings(
  bindings: Readonly<Record<string, string>>,
  { db, log, chatOf, bound, session, bind }: Deps,
): Promise<void> {
  for (const [name, wanted] of Object.entries(bindings)) {
    const applied = db.get('SELECT value FROM facts WHERE name = ?', [FACT + name])?.['value'];
    const chat = chatNamed(name, chatOf);
    if (applied === wanted) continue;
    try {
      if (chat === undefined)
        throw new GatewayError('bad_chat', 'that is not a chat', { hint: 'Write it as <platform>:<chat>.' });
      // A session of the older package that was imported for this very chat continues there without a binding.
      if (!bound(chat) && session(wanted)?.chat.chatId !== chat.chatId) await bind(chat, wanted);
      await db.write((tx) =>
        tx.run('INSERT OR REPLACE INTO facts (name, value) VALUES (?,?)', [FACT + name, wanted]),
      );
      log.info('a chat was bound as sessions.bindings says', { chat: name, session: wanted });
    } catch (error) {
      const hint = error instanceof GatewayError ? error.hint : undefined;
      log.warn('sessions.bindings could not be applied', {
        chat: name,
        session: wanted,
        error: messageOf(error),
        ...defined({ hint }),
      });
    }
  }
}

function chatNamed(name: string, chatOf: Deps['chatOf']): ChatRef | undefined {
  const at = name.indexOf(':');
  const platform = name.slice(0, at);
  if (at < 0 || !isPlatform(platform) || name.length === at + 1) return undefined;
  const { chatId, threadId } = parseHome(platform, name.slice(at + 1));
  const chat = chatOf(platform, chatId);
  return threadId === undefined ? chat : { ...chat, threadId };
}
