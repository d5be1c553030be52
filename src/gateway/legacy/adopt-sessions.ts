import type { Legacy, Row, Tx } from '../../store/database.ts';
import { type ChatRef, isPlatform } from '../model.ts';
import { sessionKey } from '../sessions/session-key.ts';
import { keepRows, textOf, timeOf } from './keep.ts';

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
