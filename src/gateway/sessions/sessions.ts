/**
 * The sessions: which conversation a message belongs to, their rows in memory and store, and what operators see of
 * them as it happens.
 */
import type { Clock } from '../../base/async.ts';
import type { Database, Row, SqlValue, Tx } from '../../store/database.ts';
import type { EventStream } from '../events.ts';
import type { ChatKind, ChatRef, Platform, TranscriptEntry } from '../model.ts';
import { type Queue, type SessionRecord, sessionView } from './session-view.ts';

export interface SessionKeyInput {
  readonly chat: ChatRef;
  readonly chatKind: ChatKind;
  readonly senderId: string;
  /** In groups each user has their own session. */
  readonly perUser: boolean;
}

const BOUND = 'bound:';

/** The conversation of a chat that is bound to a session of pi, no matter who writes there. */
export function boundKey({
  platform,
  chatId,
  threadId,
}: Pick<ChatRef, 'platform' | 'chatId'> & { readonly threadId?: string | undefined }): string {
  return BOUND + JSON.stringify([platform, chatId, threadId ?? null]);
}

export function isBoundKey(key: string): boolean {
  return key.startsWith(BOUND);
}

/** The conversation a message belongs to: platform, account, chat, thread if any; in groups also the sender. */
export function sessionKey({ chat, chatKind, senderId, perUser }: SessionKeyInput): string {
  const sender = chatKind === 'group' && perUser ? senderId : null;
  return JSON.stringify([chat.platform, chat.accountId, chat.chatId, chat.threadId ?? null, sender]);
}

export type { SessionRecord } from './session-view.ts';

/** How many there are. */
interface SessionCounts {
  readonly open: number;
  readonly ended: number;
}

/** Where a page of a list begins: behind the session of this time and id. */
export interface SessionKeyset {
  readonly at: number;
  readonly id: string;
}

const OPEN = 'ended_at IS NULL';
/** Counting that many takes so long that not every change is worth it. */
const MANY = 10_000;
const COUNT_AGAIN_MS = 60_000;

/**
 * The sessions. All of them are in the store, and a list of them is read from there in pages: neither a start nor a
 * single step depends on how many there are. Open ones that someone has used since the start are in memory; of every
 * other one there is at most one object at a time, so that all who work with it see the same. Changes are made in the
 * caller's transaction first, then remembered.
 */
export class Sessions {
  readonly #byId = new Map<string, SessionRecord>();
  readonly #active = new Map<string, SessionRecord>();
  /** Those that someone works with and that are not kept. */
  readonly #loose = new Map<string, WeakRef<SessionRecord>>();
  /** Being stored; no one finds them before they are remembered. */
  readonly #unborn = new WeakSet<SessionRecord>();
  readonly #unused = new FinalizationRegistry<string>((id) => {
    if (this.#loose.get(id)?.deref() === undefined) this.#loose.delete(id);
  });
  #db: Database | undefined;
  #counts: SessionCounts | undefined;
  #countAgainAt = 0;

  load(db: Database): void {
    this.#db = db;
  }

  get(id: string): SessionRecord | undefined {
    const known = this.#known(id);
    if (known !== undefined) return known;
    const row = this.#open?.get('SELECT * FROM sessions WHERE id = ?', [id]);
    return row === undefined ? undefined : this.#recordOf(row);
  }

  /** The running session of a key, if any. */
  active(key: string): SessionRecord | undefined {
    const known = this.#active.get(key);
    if (known !== undefined) return known;
    const sql = `SELECT * FROM sessions WHERE key = ? AND ${OPEN} ORDER BY created_at DESC, rowid DESC LIMIT 1`;
    const row = this.#open?.get(sql, [key]);
    const session = row === undefined ? undefined : this.#recordOf(row);
    // Memory may be ahead of the store with its end, and must not be with its beginning.
    if (session === undefined || session.endedAt !== undefined || this.#unborn.has(session)) return undefined;
    this.remember(session);
    return session;
  }

  /** The session of a key that was begun last, running or not. */
  latest(key: string): SessionRecord | undefined {
    const sql = 'SELECT * FROM sessions WHERE key = ? ORDER BY created_at DESC LIMIT 1';
    const row = this.#open?.get(sql, [key]);
    return row === undefined ? undefined : this.#recordOf(row);
  }

  /** One page of all sessions, the newest first. */
  page(limit: number, after?: SessionKeyset): SessionRecord[] {
    const from = after === undefined ? '' : 'WHERE created_at <= ? AND (created_at < ? OR id > ?)';
    const params = after === undefined ? [] : [after.at, after.at, after.id];
    return this.#records(`SELECT * FROM sessions ${from} ORDER BY created_at DESC, id LIMIT ?`, [
      ...params,
      limit,
    ]);
  }

  /** Those that were used last: `open` of them that run, and `ended` that do not. With all that are paused. */
  recent(open: number, ended: number): SessionRecord[] {
    return [
      ...this.#records(`SELECT * FROM sessions WHERE paused = 1 AND ${OPEN} LIMIT ?`, [open]),
      ...this.#records(`SELECT * FROM sessions WHERE ${OPEN} ORDER BY last_user_at DESC LIMIT ?`, [open]),
      ...this.#records('SELECT * FROM sessions WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT ?', [
        ended,
      ]),
    ];
  }

  /** One page of the sessions that run, the longest unused first. */
  longestUnused(limit: number, after?: SessionKeyset): SessionRecord[] {
    const { at, id } = after ?? { at: Number.MIN_SAFE_INTEGER, id: '' };
    return this.#records(
      `SELECT * FROM sessions WHERE ${OPEN} AND last_user_at >= ? AND (last_user_at > ? OR id > ?)
         ORDER BY last_user_at, id LIMIT ?`,
      [at, at, id, limit],
    );
  }

  /** Those whose id begins so. */
  beginning(id: string, limit: number): SessionRecord[] {
    return this.#records('SELECT * FROM sessions WHERE id >= ? AND id < ? ORDER BY id LIMIT ?', [
      id,
      `${id}\u{10ffff}`,
      limit,
    ]);
  }

  /** Those that run with this session file of the agent. */
  openWithFile(file: string): SessionRecord[] {
    const stored = this.#records(`SELECT * FROM sessions WHERE session_file = ? AND ${OPEN}`, [file]);
    return [...new Set([...stored, ...this.#byId.values()])].filter(
      ({ sessionFile, endedAt }) => sessionFile === file && endedAt === undefined,
    );
  }

  /** Counted again when a session has begun, ended or gone; where there are very many, once a minute. */
  get counts(): SessionCounts {
    const db = this.#open;
    if (db === undefined || (this.#counts !== undefined && performance.now() < this.#countAgainAt))
      return this.#counts ?? { open: this.#active.size, ended: 0 };
    const began = performance.now();
    this.#counts = {
      open: Number(db.get(`SELECT count(*) AS n FROM sessions WHERE ${OPEN}`)?.['n'] ?? 0),
      ended: Number(db.get('SELECT count(*) AS n FROM sessions WHERE ended_at IS NOT NULL')?.['n'] ?? 0),
    };
    const { open, ended } = this.#counts;
    this.#countAgainAt = open + ended < MANY ? Number.POSITIVE_INFINITY : began + COUNT_AGAIN_MS;
    return this.#counts;
  }

  /** Every change of their number comes by here. */
  #countAgain(): void {
    if (this.#countAgainAt === Number.POSITIVE_INFINITY) this.#counts = undefined;
  }

  /** A session of a chat, no matter who wrote in it: what is known of the chat. */
  inChat(platform: Platform, chatId: string): SessionRecord | undefined {
    // The key begins with platform, account and chat: one look for each account there is.
    const bound = boundKey({ platform, chatId }).slice(0, -'null]'.length);
    const within = (prefix: string): Row | undefined =>
      this.#open?.get('SELECT * FROM sessions WHERE key > ? AND key < ? ORDER BY key LIMIT 1', [
        prefix,
        `${prefix}\u{10ffff}`,
      ]);
    const head = `[${JSON.stringify(platform)},`;
    for (let row = within(head); row !== undefined; ) {
      const account = JSON.stringify(chatOf(row).accountId);
      const found = within(`${head}${account},${JSON.stringify(chatId)},`);
      if (found !== undefined) return this.#recordOf(found);
      row = this.#open?.get('SELECT * FROM sessions WHERE key > ? AND key < ? ORDER BY key LIMIT 1', [
        `${head}${account},\u{10ffff}`,
        `${head}\u{10ffff}`,
      ]);
    }
    const row = within(bound);
    return row === undefined ? undefined : this.#recordOf(row);
  }

  /** Ids of sessions that ended before `at`, the oldest first. */
  endedBefore(at: number, limit: number): string[] {
    const sql =
      'SELECT id FROM sessions WHERE ended_at IS NOT NULL AND ended_at < ? ORDER BY ended_at LIMIT ?';
    return (this.#open?.all(sql, [at, limit]) ?? []).map((row) => String(row['id']));
  }

  /** Sessions of one key, newest first: what `/sessions` lists and `/resume` picks from. */
  ofKey(key: string): SessionRecord[] {
    return this.#records('SELECT * FROM sessions WHERE key = ? ORDER BY created_at DESC', [key]);
  }

  /** The store while it can be read. A gateway that has stopped is still asked for its status: it shows what it remembers. */
  get #open(): Database | undefined {
    return this.#db?.closed === true ? undefined : this.#db;
  }

  #known(id: string): SessionRecord | undefined {
    return this.#byId.get(id) ?? this.#loose.get(id)?.deref();
  }

  #records(sql: string, params: readonly SqlValue[]): SessionRecord[] {
    return (this.#open?.all(sql, params) ?? []).map((row) => this.#recordOf(row));
  }

  #recordOf(row: Row): SessionRecord {
    const known = this.#known(String(row['id']));
    if (known !== undefined) return known;
    const record = recordOf(row);
    this.#loosen(record);
    return record;
  }

  #loosen(session: SessionRecord): void {
    if (this.#loose.get(session.id)?.deref() === session) return;
    this.#loose.set(session.id, new WeakRef(session));
    this.#unused.register(session, session.id);
  }

  insert(tx: Tx, session: SessionRecord): void {
    this.#unborn.add(session);
    this.#loosen(session);
    this.#countAgain();
    tx.run(
      `INSERT INTO sessions (id, key, chat, chat_kind, chat_name, sender_id, sender_name, title, created_at,
         last_user_at, cwd, paused, turns) VALUES (?,?,?,?,?,?,?,?,?,?,?,0,0)`,
      [
        session.id,
        session.key,
        JSON.stringify(session.chat),
        session.chatKind,
        session.chatName ?? null,
        session.senderId,
        session.senderName,
        session.title,
        session.createdAt,
        session.lastUserAt,
        session.cwd ?? null,
      ],
    );
  }

  touch(tx: Tx, id: string, at: number, senderName: string): void {
    tx.run('UPDATE sessions SET last_user_at = ?, sender_name = ? WHERE id = ?', [at, senderName, id]);
  }

  end(tx: Tx, id: string, at: number, reason: string): void {
    this.#countAgain();
    tx.run('UPDATE sessions SET ended_at = ?, end_reason = ? WHERE id = ?', [at, reason, id]);
  }

  reopen(tx: Tx, id: string, at: number): void {
    this.#countAgain();
    tx.run('UPDATE sessions SET ended_at = NULL, end_reason = NULL, last_user_at = ? WHERE id = ?', [at, id]);
  }

  /** Writes the fields that change outside of a message's way (title, model, session file, takeover, turns). */
  save(tx: Tx, session: SessionRecord): void {
    tx.run(
      `UPDATE sessions SET title = ?, session_file = ?, cwd = ?, host = ?, model = ?, thinking = ?, paused = ?,
         turns = ? WHERE id = ?`,
      [
        session.title,
        session.sessionFile ?? null,
        session.cwd ?? null,
        session.host ?? null,
        session.model ?? null,
        session.thinking ?? null,
        session.paused ? 1 : 0,
        session.turns,
        session.id,
      ],
    );
  }

  /** What was changed in the store counts from now on, or will be changed there by the one who has this object. */
  remember(session: SessionRecord): void {
    this.#unborn.delete(session);
    if (session.endedAt === undefined) {
      this.#byId.set(session.id, session);
      this.#active.set(session.key, session);
      return;
    }
    this.#loosen(session);
    this.#byId.delete(session.id);
    if (this.#active.get(session.key) === session) this.#active.delete(session.key);
  }

  forget(id: string): void {
    const session = this.#byId.get(id);
    this.#loose.delete(id);
    this.#countAgain();
    if (session === undefined) return;
    this.#byId.delete(id);
    if (this.#active.get(session.key) === session) this.#active.delete(session.key);
  }
}

function chatOf(row: Row): ChatRef {
  return JSON.parse(String(row['chat'])) as ChatRef;
}

function recordOf(row: Row): SessionRecord {
  const text = (name: string): string | undefined => {
    const value = row[name];
    return value === null || value === undefined ? undefined : String(value);
  };
  return {
    id: String(row['id']),
    key: String(row['key']),
    chat: chatOf(row),
    chatKind: row['chat_kind'] === 'group' ? 'group' : 'dm',
    chatName: text('chat_name'),
    senderId: String(row['sender_id']),
    senderName: String(row['sender_name']),
    title: String(row['title']),
    createdAt: Number(row['created_at']),
    lastUserAt: Number(row['last_user_at']),
    endedAt: row['ended_at'] === null || row['ended_at'] === undefined ? undefined : Number(row['ended_at']),
    endReason: text('end_reason'),
    sessionFile: text('session_file'),
    cwd: text('cwd'),
    host: text('host'),
    model: text('model'),
    thinking: text('thinking'),
    paused: row['paused'] === 1,
    turns: Number(row['turns']),
  };
}

const CHARS_PER_ENTRY = 16_000;

/** What an operator sees of sessions: their rows, and the lines that are said in them. */
export class SessionFeed {
  readonly #events: EventStream;
  readonly #clock: Clock;

  constructor(events: EventStream, clock: Clock) {
    this.#events = events;
    this.#clock = clock;
  }

  now(): number {
    return this.#clock();
  }

  say(
    session: SessionRecord,
    role: TranscriptEntry['role'],
    text: string,
    more: Pick<TranscriptEntry, 'id' | 'name' | 'settles'> = {},
  ): void {
    const cut = text.length > CHARS_PER_ENTRY ? `${text.slice(0, CHARS_PER_ENTRY)}…` : text;
    const entry = { at: this.#clock(), role, text: cut, ...more };
    this.#events.emit({ type: 'transcript', sessionId: session.id, entry });
  }

  show(session: SessionRecord, queue: Queue | undefined): void {
    this.#events.emit({ type: 'session', session: sessionView(session, queue) });
  }

  removed(sessionId: string): void {
    this.#events.emit({ type: 'session-removed', id: sessionId });
  }
}
