import { hash } from 'node:crypto';
import { GatewayError } from '../../base/errors.ts';
import type { Database, Row, Tx } from '../../store/database.ts';
import type { OutboundMeta } from '../adapter.ts';
import { type ChatRef, chatKey, type InboundMessage } from '../model.ts';
import { senderKey } from '../personal-data/person.ts';
import { forgottenKey } from '../personal-data/rows.ts';
import { keepLine } from '../sessions/said.ts';
import type { TurnJournal } from '../turns/turn-journal.ts';
import { KeptTexts, TextInUse, textOf, textsOf } from './message-text.ts';

/** What a client has asked under an id of its own. */
interface KnownPrompt {
  /** The text is the one that came with this id before. */
  readonly sameText: boolean;
  /** Id of the outbox row that ended it; undefined while it is still to come. */
  readonly outcome: string | undefined;
}

/** These end a prompt: the client waits for nothing more under its id. */
const ENDS: ReadonlySet<OutboundMeta['kind']> = new Set(['reply', 'command', 'outcome', 'denied']);

function hashOf(text: string): string {
  return hash('sha256', text, 'base64url');
}

function keyOf(chat: ChatRef, promptId: string): string {
  return JSON.stringify([chatKey(chat), promptId]);
}

/** Remembers the prompt in the transaction that accepts its message. */
function rememberPrompt(tx: Tx, { chat, promptId, text }: InboundMessage, at: number): void {
  if (promptId === undefined) return;
  const key = keyOf(chat, promptId);
  tx.run('INSERT OR REPLACE INTO prompts (key, hash, outcome, at) VALUES (?,?,NULL,?)', [
    key,
    hashOf(text),
    at,
  ]);
}

/** Remembers in the transaction that writes an outgoing row that it is the outcome of its prompt; the first one is. */
export function rememberOutcome(tx: Tx, chat: ChatRef, meta: OutboundMeta, rowId: string): void {
  if (meta.promptId === undefined || !ENDS.has(meta.kind)) return;
  tx.run('UPDATE prompts SET outcome = ? WHERE key = ? AND outcome IS NULL', [
    rowId,
    keyOf(chat, meta.promptId),
  ]);
}

/** Undefined: nothing is known of this id anymore. */
export function findPrompt(
  db: Pick<Database, 'get'>,
  { chat, promptId, text }: InboundMessage,
): KnownPrompt | undefined {
  if (promptId === undefined) return undefined;
  const row = db.get('SELECT hash, outcome FROM prompts WHERE key = ?', [keyOf(chat, promptId)]);
  if (row === undefined) return undefined;
  const outcome = row['outcome'];
  return {
    sameText: row['hash'] === hashOf(text),
    outcome: typeof outcome === 'string' ? outcome : undefined,
  };
}

/** An id that cannot be used again. */
export function duplicateId(reason: string): GatewayError {
  return new GatewayError('duplicate_id', `this id was used before: ${reason}`, {
    status: 409,
    hint: 'Send the prompt with a new id.',
  });
}

/**
 * - `held`: a new user's first words, kept until the operator decides
 * - `queued`: accepted, waits for its turn
 * - `steering`: handed to a running turn; may have reached the model
 * - `running`: a turn works on it; may have reached the model
 * - `offered`: reported after a restart; runs only when its sender asks for it
 * - `done`: has its outcome. Final.
 */
export type InboxState = 'held' | 'queued' | 'steering' | 'running' | 'offered' | 'done';

export interface InboxItem {
  readonly id: string;
  readonly seq: number;
  readonly sessionId: string | undefined;
  readonly message: InboundMessage;
  readonly acceptedAt: number;
  readonly state: InboxState;
  /** Rows whose text and files were joined into this message; they share its fate. */
  readonly pieces?: readonly string[];
}

/** A longer text is forgotten with its outcome; a shorter one is kept for a while, for `/retry`. */
const KEPT_CHARS = 16_000;

/**
 * Of shorter texts this much is kept since the start, in characters; the oldest are forgotten first. A row of its own limit
 * alone (`limits.keptRows`) would let long messages of a few minutes fill the memory.
 */
const ALL_KEPT_CHARS = 4_000_000;

function textLength(message: InboundMessage): number {
  const pieces = (message.joinedFrom ?? []).reduce((sum, piece) => sum + piece.text.length, 0);
  return textsOf(message).reduce((sum, text) => sum + text.length, pieces);
}

function withoutText(message: InboundMessage): InboundMessage {
  const { joinedFrom: _, replyTo: __, forwardedFrom: ___, above: ____, ...rest } = message;
  return { ...rest, text: '', textForgotten: true };
}

/** The same for a row whose message is not at hand. */
const FORGET_TEXT = `UPDATE inbox SET message = json_set(
    json_remove(message, '$.joinedFrom', '$.replyTo', '$.forwardedFrom', '$.above'),
    '$.text', '', '$.textForgotten', json('true'))
  WHERE id = ? AND state = 'done' AND session_id IS NOT NULL`;

/** The durable list of everything that was accepted. What is in here is answered, queued or reported. */
export class Inbox {
  readonly #db: Database;
  readonly #journal: Pick<TurnJournal, 'began' | 'forget'> | undefined;
  /** Sessions in which something is offered. */
  readonly #offers: Set<string>;
  /** Text of what has no outcome yet. */
  readonly inUse = new TextInUse();
  readonly #kept = new KeptTexts(ALL_KEPT_CHARS);
  #seq: number;
  /** Updates of people who were erased are known by their hash. */
  #forgotten: boolean;

  /** `journal` hears in the same transaction when a turn begins to work on a message, and when that has its outcome. */
  constructor(db: Database, journal: Pick<TurnJournal, 'began' | 'forget'> | undefined = undefined) {
    this.#db = db;
    this.#journal = journal;
    this.#forgotten = db.get("SELECT 1 AS yes FROM seen WHERE key LIKE '#%' LIMIT 1") !== undefined;
    this.#seq = Number(db.get('SELECT COALESCE(MAX(seq), 0) AS top FROM inbox')?.['top'] ?? 0);
    this.#offers = new Set(
      db
        .all("SELECT DISTINCT session_id FROM inbox WHERE state = 'offered' AND state <> 'done'") // as the index says it
        .map((row) => String(row['session_id'])),
    );
  }

  /** True when this update (under any of its identities) was accepted before. */
  hasSeen(message: InboundMessage): boolean {
    return this.#knows(this.#db, message);
  }

  #knows(db: Pick<Database, 'get'>, message: InboundMessage): boolean {
    const keys = seenKeys(message);
    return [...keys, ...(this.#forgotten ? keys.map(forgottenKey) : [])].some(
      (key) => db.get('SELECT 1 AS yes FROM seen WHERE key = ?', [key]) !== undefined,
    );
  }

  /** A person was erased: from now on updates are known by their hash, too. `ids` are the rows that went. */
  erased(ids: readonly string[]): void {
    this.#forgotten = true;
    for (const id of ids) this.inUse.release(id);
  }

  /** Remembers the update's identities. False: it was seen before, and nothing may be done for it. */
  markSeen(tx: Tx, message: InboundMessage, at: number): boolean {
    let fresh = !(this.#forgotten && this.#knows(tx, message));
    for (const key of seenKeys(message))
      if (tx.run('INSERT OR IGNORE INTO seen (key, at) VALUES (?,?)', [key, at]) === 0) fresh = false;
    if (fresh) rememberPrompt(tx, message, at);
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
    this.inUse.hold(id, message);
    tx.run('INSERT INTO inbox (seq, id, session_id, state, message, accepted_at) VALUES (?,?,?,?,?,?)', [
      item.seq,
      id,
      sessionId ?? null,
      state,
      JSON.stringify(message),
      at,
    ]);
    if (sessionId !== undefined && state !== 'held') keepMessage(tx, item, sessionId, at);
    if (sessionId !== undefined && state === 'running') this.#journal?.began(tx, id, sessionId, true);
    return item;
  }

  /** Moves an item on, with the pieces that were joined into it. What is done stays done. */
  setState(tx: Tx, item: Pick<InboxItem, 'id' | 'message' | 'pieces'>, state: InboxState): void {
    if (item.pieces !== undefined) this.setMessage(tx, item);
    if (state === 'running') {
      const sessionId = tx.get('SELECT session_id FROM inbox WHERE id = ?', [item.id])?.['session_id'];
      if (typeof sessionId === 'string') this.#journal?.began(tx, item.id, sessionId);
    } else if (state !== 'steering') this.#journal?.forget(tx, item.id);
    // An offer runs only when it is asked for; what is done is forgotten.
    if (state === 'done' || state === 'offered') this.inUse.release(item.id);
    if (state === 'done' && textLength(item.message) > KEPT_CHARS) {
      // Except a held one: the operator may take the decision back.
      tx.run(
        `UPDATE inbox SET message = CASE WHEN state = 'held' THEN message ELSE ? END, state = 'done'
           WHERE id = ? AND state <> 'done'`,
        [JSON.stringify(withoutText(item.message)), item.id],
      );
      return;
    }
    tx.run("UPDATE inbox SET state = ? WHERE id = ? AND state <> 'done'", [state, item.id]);
    if (state === 'done')
      for (const old of this.#kept.keep(item.id, textLength(item.message))) tx.run(FORGET_TEXT, [old]);
  }

  /** What the item says now, with all its pieces: none of them runs on its own anymore. */
  setMessage(tx: Tx, { id, message, pieces = [] }: Pick<InboxItem, 'id' | 'message' | 'pieces'>): void {
    tx.run('UPDATE inbox SET message = ? WHERE id = ?', [JSON.stringify(message), id]);
    this.inUse.hold(id, message);
    for (const piece of pieces) this.inUse.release(piece);
    for (const piece of pieces) tx.run("UPDATE inbox SET state = 'done' WHERE id = ?", [piece]);
  }

  /** A held message becomes a waiting one of a session, as if it had just arrived. False: it is not held anymore. */
  release(tx: Tx, id: string, sessionId: string, at: number): boolean {
    const row = tx.get(
      `UPDATE inbox SET state = 'queued', session_id = ?, accepted_at = ? WHERE id = ? AND state = 'held'
         RETURNING *`,
      [sessionId, at, id],
    );
    if (row !== undefined) keepMessage(tx, itemOf(row), sessionId, at);
    return row !== undefined;
  }

  /** Does it wait for the operator's word? */
  isHeld(tx: Tx, id: string): boolean {
    return tx.get("SELECT 1 AS yes FROM inbox WHERE id = ? AND state = 'held'", [id]) !== undefined;
  }

  /** A held message that was dropped with its request waits again, when the denial is undone. */
  holdAgain(tx: Tx, id: string): void {
    const item = this.get(id);
    if (item !== undefined && findPrompt(tx, item.message)?.outcome !== undefined) return;
    tx.run("UPDATE inbox SET state = 'held' WHERE id = ? AND state = 'done' AND session_id IS NULL", [id]);
    const held = this.get(id);
    if (held?.state === 'held') this.inUse.hold(id, held.message);
  }

  /** Its author deleted a held message: not even a decision that is undone brings it back. */
  forgetHeld(tx: Tx, id: string): void {
    this.inUse.release(id);
    tx.run("DELETE FROM inbox WHERE id = ? AND state = 'held'", [id]);
  }

  get(id: string): InboxItem | undefined {
    const row = this.#db.get('SELECT * FROM inbox WHERE id = ?', [id]);
    return row === undefined ? undefined : itemOf(row);
  }

  /** Everything without an outcome, in the order of acceptance. */
  open(): InboxItem[] {
    const items = this.#db
      .all("SELECT * FROM inbox WHERE state <> 'done' AND state <> 'offered' ORDER BY seq")
      .map(itemOf);
    for (const item of items) this.inUse.hold(item.id, item.message);
    return items;
  }

  /** The last message of a sender in a session that has its outcome, for `/retry`. */
  last(sessionId: string, senderId: string): InboxItem | undefined {
    const rows = this.#db.all(
      "SELECT * FROM inbox WHERE session_id = ? AND state = 'done' ORDER BY seq DESC LIMIT 50",
      [sessionId],
    );
    return rows.map(itemOf).find((item) => item.message.sender.id === senderId);
  }

  /** The last message of a session that has its outcome, no matter who sent it. */
  lastOf(sessionId: string): InboxItem | undefined {
    const row = this.#db.get(
      "SELECT * FROM inbox WHERE session_id = ? AND state = 'done' ORDER BY seq DESC LIMIT 1",
      [sessionId],
    );
    return row === undefined ? undefined : itemOf(row);
  }

  /** The last message of a session that has this id, or a piece with it, whatever its state. */
  withId(sessionId: string, messageId: string): InboxItem | undefined {
    return this.#db
      .all('SELECT * FROM inbox WHERE session_id = ? ORDER BY seq DESC LIMIT 200', [sessionId])
      .map(itemOf)
      .find(({ message }) => textOf(message, messageId) !== undefined);
  }

  /** What is offered or held and has this id, in any session of a chat. */
  asideWithId({ platform, accountId, chatId }: ChatRef, messageId: string): InboxItem | undefined {
    return this.#db
      .all("SELECT * FROM inbox WHERE state IN ('offered', 'held') AND state <> 'done'") // as the index says it
      .map(itemOf)
      .find(
        ({ message: { chat, messageId: id } }) =>
          id === messageId &&
          chat.platform === platform &&
          chat.accountId === accountId &&
          chat.chatId === chatId,
      );
  }

  /** What has no outcome in a session, offers included, in the order of acceptance. */
  openOf(sessionId: string): InboxItem[] {
    return this.#db
      .all("SELECT * FROM inbox WHERE state <> 'done' AND session_id = ? ORDER BY seq", [sessionId])
      .map(itemOf);
  }

  /** Its turn was cut off: `/retry` runs it, whatever was said since. */
  offerAgain(tx: Tx, id: string, sessionId: string): void {
    tx.run("UPDATE inbox SET state = 'offered' WHERE id = ?", [id]);
    this.#offers.add(sessionId);
  }

  /** From here on the message belongs to another session, with what is shown of it. */
  move(tx: Tx, item: InboxItem, sessionId: string): void {
    tx.run('UPDATE inbox SET session_id = ? WHERE id = ?', [sessionId, item.id]);
    tx.run('UPDATE msg SET session_id = ? WHERE ref = ?', [sessionId, item.id]);
    if (item.state === 'offered') this.#offers.add(sessionId);
  }

  /** From here on the message runs only when its sender asks for it. */
  offer(tx: Tx, item: InboxItem, sessionId: string): void {
    this.setState(tx, item, 'offered');
    this.#offers.add(sessionId);
  }

  /** What is offered to a sender, in the order of acceptance. */
  offered(sessionId: string, senderId: string): InboxItem[] {
    if (!this.#offers.has(sessionId)) return [];
    return this.#db
      .all("SELECT * FROM inbox WHERE session_id = ? AND state = 'offered' ORDER BY seq", [sessionId])
      .map(itemOf)
      .filter((item) => item.message.sender.id === senderId);
  }

  /** An offer is taken: it waits for its turn, as if it had just arrived. False: it is not offered anymore. */
  takeOffer(tx: Tx, id: string, at: number): boolean {
    return (
      tx.run("UPDATE inbox SET state = 'queued', accepted_at = ? WHERE id = ? AND state = 'offered'", [
        at,
        id,
      ]) > 0
    );
  }
}

/** A message without words is its files. */
function keepMessage(tx: Tx, { id, message }: InboxItem, sessionId: string, at: number): void {
  const files = (message.attachments ?? []).map(({ name }) => `[${name}]`).join(' ');
  const text = message.text === '' ? files : message.text;
  const { name, id: senderId } = message.sender;
  const sender = senderKey(message.chat.platform, senderId);
  keepLine(tx, { sessionId, at, role: 'user', name, text, ref: id, sender });
}

/** Identities of an update, unique over platforms and accounts. */
function seenKeys(message: InboundMessage): string[] {
  const { platform, accountId } = message.chat;
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
