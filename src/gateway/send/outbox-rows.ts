import type { Database, Tx } from '../../store/database.ts';
import { rememberOutcome } from '../receive/inbox.ts';
import { KeptTexts } from '../receive/message-text.ts';
import { type OutboundRow, rowOf } from './outbound-row.ts';

/** A delivered answer to a program that is kept to be told again. */
const KEPT_CHARS = 128_000;
/** Of all of them since the start, in characters; the oldest are forgotten first. */
const ALL_KEPT_CHARS = 4_000_000;
const GONE = 'The answer was delivered before, and was too long to be kept.';
const FORGOTTEN = JSON.stringify([{ text: GONE, plain: GONE }]);

function textLength({ parts }: OutboundRow): number {
  return parts.reduce((sum, { text, plain }) => sum + text.length + (plain?.length ?? 0), 0);
}

/** The outbox table. A row is `pending`, `sending` (may have arrived), or settled with its proof or its reason. */
export class OutboxRows {
  readonly #db: Database;
  readonly #kept = new KeptTexts(ALL_KEPT_CHARS);
  readonly #persist: <T>(body: (tx: Tx) => T) => Promise<T>;

  /** `persist` tries until the store takes it: for what has happened already. */
  constructor(db: Database, persist: <T>(body: (tx: Tx) => T) => Promise<T>) {
    this.#db = db;
    this.#persist = persist;
  }

  get lastSeq(): number {
    return Number(this.#db.get('SELECT COALESCE(MAX(seq), 0) AS top FROM outbox')?.['top'] ?? 0);
  }

  /** Everything that is not settled, in the order in which it was written. */
  open(): OutboundRow[] {
    return this.#db.all("SELECT * FROM outbox WHERE state IN ('pending','sending') ORDER BY seq").map(rowOf);
  }

  /** What could not be delivered, the newest first. */
  stuck(limit: number): OutboundRow[] {
    // A gateway that has stopped is still asked for its status.
    if (this.#db.closed) return [];
    return this.#db
      .all("SELECT * FROM outbox WHERE state IN ('failed','abandoned') ORDER BY seq DESC LIMIT ?", [limit])
      .map(rowOf);
  }

  stuckRow(id: string): OutboundRow | undefined {
    const row = this.#db.get("SELECT * FROM outbox WHERE id = ? AND state IN ('failed','abandoned')", [id]);
    return row === undefined ? undefined : rowOf(row);
  }

  /** A row whatever its state; undefined when it is no longer kept. */
  find(id: string): OutboundRow | undefined {
    const row = this.#db.get('SELECT * FROM outbox WHERE id = ?', [id]);
    return row === undefined ? undefined : rowOf(row);
  }

  has(tx: Tx, id: string): boolean {
    return tx.get('SELECT 1 AS yes FROM outbox WHERE id = ?', [id]) !== undefined;
  }

  insert(tx: Tx, row: OutboundRow): void {
    tx.run(
      `INSERT INTO outbox (seq, id, chat, meta, parts, state, reply_to, draft_id, created_at)
       VALUES (?,?,?,?,?,?,?,?,?)`,
      [
        row.seq,
        row.id,
        JSON.stringify(row.chat),
        JSON.stringify(row.meta),
        JSON.stringify(row.parts),
        row.state,
        row.replyTo ?? null,
        row.draftId ?? null,
        row.createdAt,
      ],
    );
    rememberOutcome(tx, row.chat, row.meta, row.id);
  }

  /** From here on a crash makes the row a possible repeat. */
  async markSending(row: OutboundRow): Promise<void> {
    await this.#db.write((tx) => tx.run("UPDATE outbox SET state = 'sending' WHERE id = ?", [row.id]));
  }

  /** The part that is due has surely not been sent: a crash makes it no possible repeat anymore. */
  async markUnsent(row: OutboundRow): Promise<void> {
    await this.#db.write((tx) =>
      tx.run("UPDATE outbox SET state = 'pending', done = ?, receipts = ?, attempts = ? WHERE id = ?", [
        row.done,
        JSON.stringify(row.receipts),
        row.attempts,
        row.id,
      ]),
    );
  }

  /** A part was made into smaller ones: from here on those are counted. */
  async saveParts(row: OutboundRow): Promise<void> {
    await this.#db.write((tx) =>
      tx.run('UPDATE outbox SET parts = ?, done = ?, receipts = ? WHERE id = ?', [
        JSON.stringify(row.parts),
        row.done,
        JSON.stringify(row.receipts),
        row.id,
      ]),
    );
  }

  /** Receipts of the parts so far: a restart goes on behind them. */
  async markProgress(row: OutboundRow): Promise<void> {
    await this.#db.write((tx) =>
      tx.run('UPDATE outbox SET done = ?, receipts = ?, attempts = ? WHERE id = ?', [
        row.done,
        JSON.stringify(row.receipts),
        row.attempts,
        row.id,
      ]),
    );
  }

  /** The proof of a delivery: a full disk must not make the next start send it again. */
  async markSettled(row: OutboundRow, at: number): Promise<void> {
    const { state, done, receipts, attempts, error = null, id } = row;
    const facts = [state, done, JSON.stringify(receipts), attempts, error, at];
    // What was delivered is only looked up: its text leaves the store with it, unless a program may ask for it again.
    const keeps =
      state !== 'delivered' ||
      row.meta.amendable === true ||
      (row.meta.promptId !== undefined && textLength(row) <= KEPT_CHARS);
    const bounded = keeps && state === 'delivered';
    await this.#persist((tx) => {
      tx.run(
        `UPDATE outbox SET state = ?, done = ?, receipts = ?, attempts = ?, error = ?, settled_at = ?
           ${keeps ? '' : ', parts = ?'} WHERE id = ?`,
        [...facts, ...(keeps ? [] : [row.meta.promptId === undefined ? '[]' : FORGOTTEN]), id],
      );
      for (const old of bounded ? this.#kept.keep(id, textLength(row)) : [])
        tx.run("UPDATE outbox SET parts = ? WHERE id = ? AND state = 'delivered'", [FORGOTTEN, old]);
    });
  }

  async markPending(id: string): Promise<void> {
    await this.#db.write((tx) =>
      tx.run("UPDATE outbox SET state = 'pending', settled_at = NULL WHERE id = ?", [id]),
    );
  }
}
