import type { ChatKind, ChatRef, SessionView } from '../model.ts';
import type { Database, Row, Tx } from '../store/database.ts';

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
}

/** All sessions, mirrored in memory. Changes are made in the caller's transaction first, then remembered. */
export class Sessions {
  readonly #byId = new Map<string, SessionRecord>();
  readonly #active = new Map<string, SessionRecord>();
  /** The session of each key that was begun last. */
  readonly #latest = new Map<string, SessionRecord>();

  load(db: Database): void {
    for (const row of db.all('SELECT * FROM sessions ORDER BY created_at')) this.remember(recordOf(row));
  }

  get(id: string): SessionRecord | undefined {
    return this.#byId.get(id);
  }

  /** The running session of a key, if any. */
  active(key: string): SessionRecord | undefined {
    return this.#active.get(key);
  }

  /** The session of a key that was begun last, running or not. */
  latest(key: string): SessionRecord | undefined {
    return this.#latest.get(key);
  }

  all(): IterableIterator<SessionRecord> {
    return this.#byId.values();
  }

  /** Sessions of one key, newest first: what `/sessions` lists and `/resume` picks from. */
  ofKey(key: string): SessionRecord[] {
    return [...this.#byId.values()]
      .filter((each) => each.key === key)
      .sort((a, b) => b.createdAt - a.createdAt);
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
