import { pause, settlesWithin } from '../../base/async.ts';
import { DeliveryError, messageOf } from '../../base/errors.ts';
import type { Database, Tx } from '../../store/database.ts';
import type { Adapter, Part, SendRequest } from '../adapter.ts';
import type { Core } from '../core.ts';
import type { ChatRef, Platform } from '../model.ts';
import { rememberOutcome } from '../receive/inbox.ts';
import { KeptTexts } from '../receive/message-text.ts';
import { type OutboundRow, rowOf } from './outbound.ts';

/** An edit rings no one's phone: an answer whose turn took longer than this is a message of its own. */
const RINGS_AFTER_MS = 60_000;
/** The next part does not wait longer for the end of a draft. */
const TAKEN_AWAY_MS = 3000;
const TAKE_AWAY_TRIES = 5;

interface RowSenderDeps extends Pick<Core, 'clock' | 'log'> {
  readonly rows: OutboxRows;
  /** Every call to a platform is bounded, and ends when the gateway stops. */
  readonly bounded: <T>(send: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  readonly stopping: AbortSignal;
  /** Words of ours between deliveries, for this chat. */
  readonly say: (chat: ChatRef, key: 'send.answerBelow' | 'send.mayRepeat') => Part | undefined;
}

/** Sends the parts of a row that are still due, and notes the proof of each. */
export class RowSender {
  readonly #deps: RowSenderDeps;

  constructor(deps: RowSenderDeps) {
    this.#deps = deps;
  }

  /** @throws DeliveryError, or whatever else the adapter throws */
  async send(row: OutboundRow, adapter: Adapter): Promise<void> {
    while (row.done < row.parts.length) await this.#sendPart(row, adapter);
  }

  async #sendPart(row: OutboundRow, adapter: Adapter): Promise<void> {
    const part = row.parts[row.done];
    if (part === undefined) return;
    row.attempts += 1;
    const receipt = (await this.#editDraft(row, part, adapter)) ?? (await this.#sendNew(row, part, adapter));
    const { draftId } = row;
    // Never left half-written next to the answer.
    if (row.done === 0 && draftId !== undefined && draftId !== receipt)
      await settlesWithin(this.#takeAway(row, draftId, adapter), TAKEN_AWAY_MS);
    row.receipts.push(receipt);
    row.done += 1;
    row.mayRepeat = false;
    if (row.done === row.parts.length) return;
    await this.#deps.rows.markProgress(row).catch((error: unknown) => {
      // The part has arrived. Only a crash before the next receipt would send it again, and then with a mark.
      this.#deps.log.warn('a receipt could not be stored yet', { id: row.id, error: messageOf(error) });
    });
  }

  /** The first part replaces the streamed draft; an edit repeated is the same edit. */
  async #editDraft(row: OutboundRow, part: Part, adapter: Adapter): Promise<string | undefined> {
    const { draftId } = row;
    const edit = adapter.edit?.bind(adapter);
    if (draftId === undefined || row.done > 0 || row.smallerUpTo > 0 || edit === undefined) return undefined;
    const { draftAt } = row.meta;
    const longestMs = Math.min(RINGS_AFTER_MS, adapter.capabilities.editWindowMs ?? RINGS_AFTER_MS);
    if (draftAt !== undefined && this.#deps.clock() - draftAt > longestMs) return undefined;
    try {
      await this.#deps.bounded((signal) => edit(row.chat, draftId, part, signal));
      return draftId;
    } catch (error) {
      // The draft was deleted or is too old to edit: the answer goes out as a message of its own.
      if (error instanceof DeliveryError && error.failure === 'rejected') return undefined;
      // However often it is made, an edit is one edit: nothing may be a repeat because of it.
      if (error instanceof DeliveryError && error.failure !== 'unknown') throw error;
      throw new DeliveryError('unreachable', messageOf(error), { cause: error });
    }
  }

  /** Deletes a draft that the answer does not replace; where that cannot be done, it says where the answer is. */
  async #takeAway(row: OutboundRow, draftId: string, adapter: Adapter): Promise<void> {
    const { bounded, stopping, log } = this.#deps;
    const { chat } = row;
    for (let tries = 0; tries < TAKE_AWAY_TRIES; tries += 1) {
      try {
        if (adapter.delete === undefined) break;
        await bounded(async (signal) => adapter.delete?.(chat, draftId, signal));
        return;
      } catch (error) {
        const { failure, retryAfterMs } =
          error instanceof DeliveryError ? error : new DeliveryError('unknown', '');
        if (failure === 'rejected' || failure === 'gone' || stopping.aborted) break;
        await pause(retryAfterMs ?? 1000 * 2 ** tries, stopping);
      }
    }
    const part = this.#deps.say(chat, 'send.answerBelow');
    if (part === undefined || adapter.edit === undefined) return;
    await bounded(async (signal) => adapter.edit?.(chat, draftId, part, signal)).catch((error: unknown) =>
      log.warn('a draft could not be taken away', { id: row.id, error: messageOf(error) }),
    );
  }

  async #sendNew(row: OutboundRow, part: Part, adapter: Adapter): Promise<string> {
    const repeat = row.mayRepeat && !adapter.capabilities.idempotentSend;
    const request: SendRequest = {
      idempotencyKey: `${row.id}:${row.done}`,
      chat: row.chat,
      part,
      partIndex: row.done,
      partCount: row.parts.length,
      // What a refused part was made into leaves out whatever may have been the reason.
      ...(row.replyTo === undefined || row.smallerUpTo > row.done ? {} : { replyToMessageId: row.replyTo }),
      meta: repeat ? { ...row.meta, repeat: true } : row.meta,
    };
    if (repeat && !adapter.capabilities.streamsEvents) await this.#announceRepeat(row, adapter);
    return (await this.#deps.bounded((signal) => adapter.send(request, signal))).messageId;
  }

  async #announceRepeat(row: OutboundRow, adapter: Adapter): Promise<void> {
    const part = this.#deps.say(row.chat, 'send.mayRepeat');
    if (part === undefined) return;
    const request: SendRequest = {
      idempotencyKey: `${row.id}:${row.done}:repeat`,
      chat: row.chat,
      part,
      partIndex: 0,
      partCount: 1,
      meta: { kind: 'notice' },
    };
    await this.#deps.bounded((signal) => adapter.send(request, signal));
  }
}

const AMEND_TRIES = 5;

/** What the last message of a row is to say from now on; undefined: it stays unchanged. */
export type Amend = (last: Part, parts: number) => Part | undefined;

interface AmendmentsDeps extends Pick<Core, 'adapter' | 'clock' | 'log'> {
  /** Sends in the chat's order; rejects with a DeliveryError. */
  readonly direct: <T>(
    chat: ChatRef,
    send: (adapter: Adapter, signal: AbortSignal) => Promise<T>,
  ) => Promise<T>;
  readonly stopping: AbortSignal;
}

interface Change {
  readonly row: OutboundRow;
  readonly messageId: string;
  readonly part: Part;
}

/**
 * Changes of messages that have arrived. Best effort: where a platform cannot edit, or not anymore, nothing is sent
 * instead. What a platform cannot take now waits until it is back.
 */
export class Amendments {
  readonly #deps: AmendmentsDeps;
  readonly #wanted = new Map<string, Amend>();
  readonly #waiting = new Set<Change>();
  readonly #underway = new Set<Promise<void>>();

  constructor(deps: AmendmentsDeps) {
    this.#deps = deps;
  }

  /** The row is on its way: it is changed as soon as it has arrived. */
  later(id: string, amend: Amend): void {
    this.#wanted.set(id, amend);
  }

  /** A row was settled: what was wanted of it happens now. */
  settled(row: OutboundRow): void {
    const amend = this.#wanted.get(row.id);
    this.#wanted.delete(row.id);
    if (amend !== undefined) this.now(row, amend);
  }

  now(row: OutboundRow, amend: Amend): void {
    const messageId = row.receipts.at(-1);
    const last = row.parts.at(-1);
    if (row.state !== 'delivered' || messageId === undefined || last === undefined) return;
    const part = amend(last, row.parts.length);
    if (part !== undefined) this.#begin({ row, messageId, part });
  }

  /** The platform is back. */
  kick(platform: Platform): void {
    for (const change of [...this.#waiting]) {
      if (change.row.chat.platform !== platform) continue;
      this.#waiting.delete(change);
      this.#begin(change);
    }
  }

  /** Resolves when nothing is being changed. */
  async idle(): Promise<void> {
    await Promise.all(this.#underway);
  }

  #begin(change: Change): void {
    const work = this.#make(change)
      .catch((error: unknown) => this.#deps.log.debug(`a message is left unchanged: ${messageOf(error)}`))
      .finally(() => this.#underway.delete(work));
    this.#underway.add(work);
  }

  async #make(change: Change): Promise<void> {
    const { direct, adapter, clock, stopping } = this.#deps;
    const { row, messageId, part } = change;
    for (let tries = 0; !stopping.aborted; tries += 1) {
      const { capabilities } = adapter(row.chat.platform) ?? {};
      const { edit = true, editWindowMs = Number.POSITIVE_INFINITY } = capabilities ?? {};
      if (!edit || clock() - row.createdAt > editWindowMs) return;
      try {
        return await direct(row.chat, async (live, signal) => live.edit?.(row.chat, messageId, part, signal));
      } catch (error) {
        const { failure, retryAfterMs } =
          error instanceof DeliveryError ? error : new DeliveryError('unknown', '');
        if (failure === 'rejected' || failure === 'gone' || failure === 'markup') throw error;
        if (tries >= AMEND_TRIES) {
          this.#waiting.add(change);
          return;
        }
        await pause(retryAfterMs ?? 500 * 2 ** tries, stopping);
      }
    }
  }
}

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
