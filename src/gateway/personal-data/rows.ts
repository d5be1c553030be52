/** Rows about a person, table by table: what goes with them. */
import { createHash } from 'node:crypto';
import type { Database, Tx } from '../../store/database.ts';
import { ERASED } from '../access/audit-chain.ts';
import type { InboundMessage, ReferredMessage } from '../model.ts';
import { MSG_INDEX } from '../sessions/said.ts';
import { type ErasedSubjects, hideSpend } from '../spending/spend-rows.ts';
import type { Holdings } from './holdings.ts';
import { IN, type Mentions, senderKeys, withTexts } from './person.ts';

/** Tables whose rows are named one by one in the holdings, or say nothing about a person. */
export const NAMED_TABLES: readonly string[] = [
  // sessions
  ...[
    'facts',
    'sessions',
    'seen',
    'inbox',
    'outbox',
    'dead_chats',
    'prompts',
    'msg',
    'notices',
    'notice_sends',
    'turn_journal',
    'spend',
    'spend_open',
  ],
  // security
  ...[
    'allowlist',
    'aliases',
    'blocked',
    'pairing',
    'code_lock',
    'audit',
    'audit_head',
    'dialogs',
    'erasures',
  ],
  // tasks
  ...['tasks', 'task_steps', 'schedules'],
  'legacy_rows',
  'store_meta',
];

/** What a column of any other table has to be called for its rows to go with the person. */
const PERSON_COLUMNS = ['sender_id', 'user_id', 'person_id', 'requester_id'] as const;

export function tablesOf(db: Pick<Database, 'all'>): string[] {
  return db
    .all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .map((row) => String(row['name']))
    .filter((name) => !/^(?:sqlite_|msg_index)/u.test(name));
}

export function columnsOf(db: Pick<Database, 'all'>, table: string): string[] {
  return db.all('SELECT name FROM pragma_table_info(?)', [table]).map((row) => String(row['name']));
}

interface Scope {
  readonly where: string;
  readonly params: readonly string[];
}

/** Rows of a table that says by its columns whose they are. */
export function scopeOf(
  columns: readonly string[],
  holdings: Pick<Holdings, 'person' | 'sessions' | 'tasks' | 'schedules' | 'inbox'>,
): Scope | undefined {
  const { person, sessions, tasks, schedules, inbox } = holdings;
  const { platform, ids } = person;
  const own = {
    session_id: [...sessions.map(({ id }) => id), ...tasks],
    task_id: tasks,
    schedule_id: schedules,
    inbox_id: inbox,
  };
  const parts: Scope[] = [];
  for (const [column, values] of Object.entries(own))
    if (columns.includes(column)) parts.push({ where: `${column} ${IN}`, params: [JSON.stringify(values)] });
  if (columns.includes('platform'))
    for (const column of PERSON_COLUMNS)
      if (columns.includes(column))
        parts.push({ where: `(platform = ? AND ${column} ${IN})`, params: [platform, JSON.stringify(ids)] });
  const keys = [
    ...ids.map((id) => JSON.stringify([platform, id])),
    ...(JSON.parse(senderKeys(platform, ids)) as string[]),
  ];
  for (const column of ['sender', 'person'])
    if (columns.includes(column)) parts.push({ where: `${column} ${IN}`, params: [JSON.stringify(keys)] });
  if (parts.length === 0) return undefined;
  return {
    where: parts.map(({ where }) => where).join(' OR '),
    params: parts.flatMap(({ params }) => params),
  };
}

/** A table that came later is found by its columns. */
function eraseOthers(tx: Tx, holdings: Holdings): void {
  for (const table of tablesOf(tx)) {
    if (NAMED_TABLES.includes(table)) continue;
    const scope = scopeOf(columnsOf(tx, table), holdings);
    if (scope !== undefined) tx.run(`DELETE FROM ${table} WHERE ${scope.where}`, scope.params);
  }
}

function eraseLegacy(tx: Tx, mentions: Mentions): void {
  if (!tablesOf(tx).includes('legacy_rows')) return;
  for (const row of tx.all('SELECT rowid AS id, row FROM legacy_rows'))
    if (mentions.named(String(row['row'])))
      tx.run('DELETE FROM legacy_rows WHERE rowid = ?', [Number(row['id'])]);
}

/** Under which names they are in spending limits. */
export function spendersOf({ person, schedules, sessions, tasks }: Holdings): ErasedSubjects {
  const { platform, ids, chats } = person;
  return {
    subjects: [...ids, ...chats.map(({ chatId }) => chatId)].map((id) => `${platform}:${id}`),
    schedules,
    sessions: [...sessions.map(({ id }) => id), ...tasks],
  };
}

export function eraseSessionRows(tx: Tx, holdings: Holdings, mentions: Mentions): void {
  const { person, sessions, shared, inbox, outbox, lines, prompts, deadChats, seen, quoting } = holdings;
  const own = JSON.stringify(sessions.map(({ id }) => id));
  // The index keeps words of lines that are gone until it is made again.
  tx.run('DROP TABLE IF EXISTS msg_index');
  tx.run(MSG_INDEX);
  tx.run("DELETE FROM facts WHERE name = 'msg_indexed'");
  tx.run(`DELETE FROM msg WHERE session_id ${IN} OR seq ${IN}`, [own, JSON.stringify(lines)]);
  tx.run(`DELETE FROM inbox WHERE id ${IN} OR session_id ${IN}`, [JSON.stringify(inbox), own]);
  tx.run(`DELETE FROM outbox WHERE id ${IN}`, [JSON.stringify(outbox)]);
  tx.run(`DELETE FROM sessions WHERE id ${IN}`, [own]);
  tx.run(`DELETE FROM prompts WHERE key ${IN}`, [JSON.stringify(prompts)]);
  tx.run(`DELETE FROM dead_chats WHERE key ${IN}`, [JSON.stringify(deadChats)]);
  for (const key of seen)
    tx.run('UPDATE OR REPLACE seen SET key = ? WHERE key = ?', [forgottenKey(key), key]);
  for (const id of quoting) {
    const row = tx.get('SELECT message FROM inbox WHERE id = ?', [id]);
    if (row === undefined) continue;
    const message = withoutQuotes(JSON.parse(String(row['message'])) as InboundMessage, holdings);
    tx.run('UPDATE inbox SET message = ? WHERE id = ?', [JSON.stringify(message), id]);
  }
  tx.run(`DELETE FROM turn_journal WHERE turn ${IN}`, [JSON.stringify([...inbox, ...holdings.tasks])]);
  hideSpend(tx, spendersOf(holdings));
  eraseNotices(tx, holdings, mentions);
  eraseQuotes(tx, holdings, mentions);
  // Shared sessions were begun by someone: by another name from now on.
  tx.run(
    `UPDATE sessions SET sender_id = 'erased', sender_name = 'erased', title = '' WHERE id ${IN} AND sender_id ${IN}`,
    [JSON.stringify(shared.map(({ id }) => id)), JSON.stringify(person.ids)],
  );
  eraseOthers(tx, holdings);
  eraseLegacy(tx, mentions);
}

/** What owners were told about them. */
function eraseNotices(tx: Tx, { person }: Holdings, mentions: Mentions): void {
  for (const row of tx.all('SELECT key, platform, person, notice, short FROM notices')) {
    const theirs = row['platform'] === person.platform && person.ids.includes(String(row['person']));
    const text = `${String(row['key'])} ${String(row['notice'])} ${String(row['short'] ?? '')}`;
    if (!theirs && !mentions.named(text) && mentions.withoutNames(text) === text) continue;
    tx.run('DELETE FROM notices WHERE key = ?', [String(row['key'])]);
    tx.run('DELETE FROM notice_sends WHERE key = ?', [String(row['key'])]);
  }
}

/** Others, and the agent, may have repeated their words in a group: those go out of what stays. */
function eraseQuotes(tx: Tx, { shared, phrases, person }: Holdings, mentions: Mentions): void {
  const sessions = JSON.stringify(shared.map(({ id }) => id));
  const chats = JSON.stringify(shared.map(({ chat }) => chat.chatId));
  const plain = [...phrases].sort((a, b) => b.length - a.length);
  const clean = (text: string): string =>
    mentions.withoutNames(
      plain.reduce((rest, phrase) => (rest.includes(phrase) ? rest.replaceAll(phrase, ERASED) : rest), text),
    );
  const edit = (
    table: string,
    key: string,
    column: string,
    where: string,
    params: readonly string[],
  ): void => {
    for (const row of tx.all(`SELECT ${key} AS id, ${column} AS text FROM ${table} WHERE ${where}`, params)) {
      const text = String(row['text']);
      const now = column === 'text' ? clean(text) : JSON.stringify(withTexts(JSON.parse(text), clean));
      if (now !== text) tx.run(`UPDATE ${table} SET ${column} = ? WHERE ${key} = ?`, [now, row['id'] ?? '']);
    }
  };
  edit('msg', 'seq', 'text', `session_id ${IN}`, [sessions]);
  edit('inbox', 'id', 'message', `session_id ${IN}`, [sessions]);
  const inChats = `json_extract(chat, '$.platform') = ? AND json_extract(chat, '$.chatId') ${IN}`;
  edit('outbox', 'id', 'parts', inChats, [person.platform, chats]);
}

export function eraseTaskRows(tx: Tx, holdings: Holdings, mentions: Mentions): void {
  const tasks = JSON.stringify(holdings.tasks);
  tx.run(`DELETE FROM task_steps WHERE task_id ${IN}`, [tasks]);
  tx.run(`DELETE FROM tasks WHERE id ${IN}`, [tasks]);
  tx.run(`DELETE FROM schedules WHERE id ${IN}`, [JSON.stringify(holdings.schedules)]);
  eraseOthers(tx, holdings);
  eraseLegacy(tx, mentions);
}

export function eraseSecurityRows(tx: Tx, holdings: Holdings, mentions: Mentions): void {
  const { person, pairing, dialogs } = holdings;
  const { platform, ids } = person;
  const all = JSON.stringify(ids);
  tx.run(`DELETE FROM allowlist WHERE platform = ? AND user_id ${IN}`, [platform, all]);
  tx.run(`DELETE FROM aliases WHERE platform = ? AND (alias ${IN} OR user_id ${IN})`, [platform, all, all]);
  tx.run(`DELETE FROM blocked WHERE platform = ? AND (user_id ${IN} OR person ${IN})`, [platform, all, all]);
  tx.run(`DELETE FROM pairing WHERE id ${IN}`, [JSON.stringify(pairing)]);
  tx.run(`DELETE FROM dialogs WHERE id ${IN}`, [JSON.stringify(dialogs)]);
  eraseOthers(tx, holdings);
  eraseLegacy(tx, mentions);
}

/** An update that comes again must not be taken for a new one: what is kept of its key cannot be read. */
export function forgottenKey(key: string): string {
  return `#${createHash('sha256').update(key).digest('base64url')}`;
}

/** What someone wrote stays theirs; what it quotes of the person goes. */
function withoutQuotes(message: InboundMessage, { person }: Pick<Holdings, 'person'>): InboundMessage {
  const theirs = ({ author }: ReferredMessage): boolean => person.names.includes(author ?? '');
  const { replyTo, forwardedFrom, above, ...rest } = message;
  const others = above?.filter((each) => !theirs(each));
  return {
    ...rest,
    ...(replyTo === undefined
      ? {}
      : { replyTo: theirs(replyTo) ? { messageId: replyTo.messageId } : replyTo }),
    ...(forwardedFrom === undefined || theirs(forwardedFrom) ? {} : { forwardedFrom }),
    ...(others === undefined || others.length === 0 ? {} : { above: others }),
  };
}
