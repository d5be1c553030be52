import type { ChatRef, InboundMessage } from '../model.ts';
import type { Database, Row, Tx } from '../store/database.ts';

/**
 * - `held`: a stranger's first words, kept until the operator decides
 * - `queued`: accepted, waits for its turn
 * - `steering`: handed to a running turn; may have reached the model
 * - `running`: a turn works on it; may have reached the model
 * - `done`: has its outcome
 */
export type InboxState = 'held' | 'queued' | 'steering' | 'running' | 'done';

export interface InboxItem {
  readonly id: string;
  readonly seq: number;
  readonly sessionId: string | undefined;
  readonly message: InboundMessage;
  readonly acceptedAt: number;
  readonly state: InboxState;
}

/** The durable list of everything that was accepted. What is in here is answered, queued or reported. */
export class Inbox {
  readonly #db: Database;
  #seq: number;

  constructor(db: Database) {
    this.#db = db;
    this.#seq = Number(db.get('SELECT COALESCE(MAX(seq), 0) AS top FROM inbox')?.['top'] ?? 0);
  }

  /** True when this update (under any of its identities) was accepted before. */
  hasSeen(message: InboundMessage): boolean {
    return seenKeys(message).some(
      (key) => this.#db.get('SELECT 1 AS yes FROM seen WHERE key = ?', [key]) !== undefined,
    );
  }

  /** Remembers the update's identities. False: it was seen before, and nothing may be done for it. */
  markSeen(tx: Tx, message: InboundMessage, at: number): boolean {
    let fresh = true;
    for (const key of seenKeys(message))
      if (tx.run('INSERT OR IGNORE INTO seen (key, at) VALUES (?,?)', [key, at]) === 0) fresh = false;
    return fresh;
  }

  add(
    tx: Tx,
    id: string,
    message: InboundMessage,
    state: InboxState,
    sessionId: string | undefined,
    at: number,
  ): InboxItem {
    this.#seq += 1;
    const item: InboxItem = { id, seq: this.#seq, sessionId, message, acceptedAt: at, state };
    tx.run('INSERT INTO inbox (seq, id, session_id, state, message, accepted_at) VALUES (?,?,?,?,?,?)', [
      item.seq,
      id,
      sessionId ?? null,
      state,
      JSON.stringify(message),
      at,
    ]);
    return item;
  }

  setState(tx: Tx, id: string, state: InboxState): void {
    tx.run('UPDATE inbox SET state = ? WHERE id = ?', [state, id]);
  }

  setMessage(tx: Tx, id: string, message: InboundMessage): void {
    tx.run('UPDATE inbox SET message = ? WHERE id = ?', [JSON.stringify(message), id]);
  }

  /** A held message becomes a waiting one of a session, as if it had just arrived. */
  release(tx: Tx, id: string, sessionId: string, at: number): void {
    tx.run(
      "UPDATE inbox SET state = 'queued', session_id = ?, accepted_at = ? WHERE id = ? AND state = 'held'",
      [sessionId, at, id],
    );
  }

  get(id: string): InboxItem | undefined {
    const row = this.#db.get('SELECT * FROM inbox WHERE id = ?', [id]);
    return row === undefined ? undefined : itemOf(row);
  }

  /** Everything without an outcome, in the order of acceptance. */
  open(): InboxItem[] {
    return this.#db.all("SELECT * FROM inbox WHERE state <> 'done' ORDER BY seq").map(itemOf);
  }

  /** The last message of a session, for `/retry`. */
  last(sessionId: string): InboxItem | undefined {
    const row = this.#db.get('SELECT * FROM inbox WHERE session_id = ? ORDER BY seq DESC LIMIT 1', [
      sessionId,
    ]);
    return row === undefined ? undefined : itemOf(row);
  }
}

/** Identities of an update, unique over platforms and accounts. */
function seenKeys(message: InboundMessage): string[] {
  const { platform, accountId } = message.chat satisfies ChatRef;
  return [message.dedupeKey, ...(message.alsoKnownAs ?? [])].map((key) =>
    JSON.stringify([platform, accountId, key]),
  );
}

function itemOf(row: Row): InboxItem {
  return {
    id: String(row['id']),
    seq: Number(row['seq']),
    sessionId:
      row['session_id'] === null || row['session_id'] === undefined ? undefined : String(row['session_id']),
    message: JSON.parse(String(row['message'])) as InboundMessage,
    acceptedAt: Number(row['accepted_at']),
    state: row['state'] as InboxState,
  };
}
