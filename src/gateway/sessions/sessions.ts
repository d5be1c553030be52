import type { Database, Row, Tx } from '../../store/database.ts';
import type { ChatKind, ChatRef, Platform, SessionView } from '../model.ts';

export interface SessionRecord {
  readonly id: string;
  readonly key: string;
  readonly chat: ChatRef;
  readonly chatKind: ChatKind;
  readonly chatName: string | undefined;
  readonly senderId: string;
  senderName: string;
  title: string;
  readonly createdAt: number;
  lastUserAt: number;
  endedAt: number | undefined;
  endReason: string | undefined;
  /** The agent's own session file, once known. */
  sessionFile: string | undefined;
  /** The working folder that the session began in; later settings count for later sessions. */
  cwd: string | undefined;
  /** The host of a pool of agents that has the session's file. */
  host: string | undefined;
  model: string | undefined;
  thinking: string | undefined;
  /** The operator has taken over: messages wait. */
  paused: boolean;
  turns: number;
  /** Why the last turn did not end with an answer; not kept over a restart. */
  lastFailure?: SessionView['lastFailure'] | undefined;
  /** The chat is bound to this session; known while the binding is in force. */
  bound?: SessionView['bound'] | undefined;
}

/**
 * The sessions. Those that run are mirrored in memory, with those that ended since the start; older ones are read when
 * somebody asks for them. Changes are made in the caller's transaction first, then remembered.
 */
export class Sessions {
  readonly #byId = new Map<string, SessionRecord>();
  readonly #active = new Map<string, SessionRecord>();
  /** The session of each key that was begun last. */
  readonly #latest = new Map<string, SessionRecord>();
  /** Ended ones that somebody works with: all of them have to see the same object. */
  readonly #ended = new Map<string, WeakRef<SessionRecord>>();
  readonly #unused = new FinalizationRegistry<string>((id) => {
    if (this.#ended.get(id)?.deref() === undefined) this.#ended.delete(id);
  });
  #db: Database | undefined;

  load(db: Database): void {
    this.#db = db;
    let after = 0;
    for (;;) {
      const rows = db.all(
        'SELECT rowid AS row, * FROM sessions WHERE ended_at IS NULL AND rowid > ? ORDER BY rowid LIMIT 2000',
        [after],
      );
      for (const row of rows) this.remember(recordOf(row));
      const last = rows.at(-1);
      if (last === undefined) return;
      after = Number(last['row']);
    }
  }

  get(id: string): SessionRecord | undefined {
    const known = this.#byId.get(id) ?? this.#ended.get(id)?.deref();
    if (known !== undefined || this.#db === undefined) return known;
    const row = this.#db.get('SELECT * FROM sessions WHERE id = ?', [id]);
    return row === undefined ? undefined : this.#recordOf(row);
  }

  /** The running session of a key, if any. */
  active(key: string): SessionRecord | undefined {
    return this.#active.get(key);
  }

  /** The session of a key that was begun last, running or not. */
  latest(key: string): SessionRecord | undefined {
    const known = this.#latest.get(key);
    const row = this.#open?.get('SELECT * FROM sessions WHERE key = ? ORDER BY created_at DESC LIMIT 1', [
      key,
    ]);
    const stored = row === undefined ? undefined : this.#recordOf(row);
    return (stored?.createdAt ?? 0) > (known?.createdAt ?? 0) ? stored : (known ?? stored);
  }

  /** Those that run, and those that ended since the start. */
  recent(): IterableIterator<SessionRecord> {
    return this.#byId.values();
  }

  /** Every session, oldest first. Reads all of them: only for whoever shows or lists them. */
  all(): SessionRecord[] {
    const rows = this.#open?.all('SELECT * FROM sessions WHERE ended_at IS NOT NULL') ?? [];
    const older = rows
      .filter((row) => !this.#byId.has(String(row['id'])))
      .map((row) => this.#ended.get(String(row['id']))?.deref() ?? recordOf(row));
    return [...older, ...this.#byId.values()].sort((a, b) => a.createdAt - b.createdAt);
  }

  /** A session of a chat, whoever wrote in it: what is known of the chat. */
  inChat(platform: Platform, chatId: string): SessionRecord | undefined {
    for (const each of this.#byId.values())
      if (each.chat.platform === platform && each.chat.chatId === chatId) return each;
    const row = this.#open?.get(
      `SELECT * FROM sessions WHERE ended_at IS NOT NULL AND instr(chat, ?) > 0
         AND json_extract(chat, '$.platform') = ? AND json_extract(chat, '$.chatId') = ? ORDER BY created_at LIMIT 1`,
      [JSON.stringify(chatId), platform, chatId],
    );
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
    const stored = (this.#open?.all('SELECT * FROM sessions WHERE key = ?', [key]) ?? []).map((row) =>
      this.#recordOf(row),
    );
    const remembered = [...this.#byId.values()].filter((each) => each.key === key);
    return [...new Set([...stored, ...remembered])].sort((a, b) => b.createdAt - a.createdAt);
  }

  /** The store while it can be read. A gateway that has stopped is still asked for its status: it tells what it remembers. */
  get #open(): Database | undefined {
    return this.#db?.closed === true ? undefined : this.#db;
  }

  #recordOf(row: Row): SessionRecord {
    const id = String(row['id']);
    const known = this.#byId.get(id) ?? this.#ended.get(id)?.deref();
    if (known !== undefined) return known;
    const record = recordOf(row);
    this.#ended.set(id, new WeakRef(record));
    this.#unused.register(record, id);
    return record;
  }

  insert(tx: Tx, session: SessionRecord): void {
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

  touch(tx: Tx, id: string, at: number): void {
    tx.run('UPDATE sessions SET last_user_at = ? WHERE id = ?', [at, id]);
  }

  end(tx: Tx, id: string, at: number, reason: string): void {
    tx.run('UPDATE sessions SET ended_at = ?, end_reason = ? WHERE id = ?', [at, reason, id]);
  }

  reopen(tx: Tx, id: string, at: number): void {
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

  remember(session: SessionRecord): void {
    this.#byId.set(session.id, session);
    if (session.createdAt >= (this.#latest.get(session.key)?.createdAt ?? 0))
      this.#latest.set(session.key, session);
    if (session.endedAt === undefined) this.#active.set(session.key, session);
    else if (this.#active.get(session.key) === session) this.#active.delete(session.key);
  }

  forget(id: string): void {
    const session = this.#byId.get(id);
    this.#ended.delete(id);
    if (session === undefined) return;
    this.#byId.delete(id);
    if (this.#active.get(session.key) === session) this.#active.delete(session.key);
    if (this.#latest.get(session.key) === session) this.#latest.delete(session.key);
  }
}

function recordOf(row: Row): SessionRecord {
  const text = (name: string): string | undefined => {
    const value = row[name];
    return value === null || value === undefined ? undefined : String(value);
  };
  return {
    id: String(row['id']),
    key: String(row['key']),
    chat: JSON.parse(String(row['chat'])) as ChatRef,
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
