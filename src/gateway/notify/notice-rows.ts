import { defined } from '../../base/defined.ts';
import type { Database, Row, Tx } from '../../store/database.ts';
import { type ChatText, fromStored, raw, type StoredText } from '../language/chat-text.ts';
import type { Notice, NoticeKind } from './notice.ts';

/** `held`: waits for the end of quiet hours, or for room. `together`: told in one message with others. */
type SendState = 'held' | 'sent' | 'together' | 'pending' | 'failed' | 'dropped';

interface NoticeRow {
  readonly notice: Notice;
  readonly at: number;
  /** What became of it. */
  readonly end: ChatText | undefined;
}

export interface SendRow extends NoticeRow {
  readonly target: string;
  readonly state: SendState;
  /** Of a channel. For a chat: how often `/owner show` sent it again. */
  readonly tries: number;
  readonly nextAt: number;
}

/** Notices and to whom each went: a restart neither loses nor repeats one. */
export class NoticeRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** False: it is there already. */
  insert(tx: Tx, notice: Notice, at: number): boolean {
    return (
      tx.run(
        `INSERT OR IGNORE INTO notices (key, kind, at, notice, short, platform, person) VALUES (?,?,?,?,?,?,?)`,
        [
          notice.key,
          notice.kind,
          at,
          JSON.stringify(stored(notice)),
          notice.ask?.short ?? null,
          notice.person?.platform ?? null,
          notice.person?.id ?? null,
        ],
      ) > 0
    );
  }

  get(key: string): NoticeRow | undefined {
    const row = this.#db.get('SELECT * FROM notices WHERE key = ?', [key]);
    return row === undefined ? undefined : noticeRow(row);
  }

  /** The newest notice with this short name. */
  named(short: string): NoticeRow | undefined {
    const row = this.#db.get('SELECT * FROM notices WHERE short = ? ORDER BY at DESC LIMIT 1', [short]);
    return row === undefined ? undefined : noticeRow(row);
  }

  /** What is not over yet. */
  open(kind: NoticeKind): NoticeRow[] {
    return this.#db
      .all('SELECT * FROM notices WHERE ended IS NULL AND kind = ? ORDER BY at', [kind])
      .map(noticeRow);
  }

  end(tx: Tx, key: string, end: ChatText): void {
    tx.run('UPDATE notices SET ended = ? WHERE key = ?', [JSON.stringify(end.stored()), key]);
    tx.run("UPDATE notice_sends SET state = 'dropped' WHERE key = ? AND state = 'held'", [key]);
  }

  reopen(tx: Tx, key: string): void {
    tx.run('UPDATE notices SET ended = NULL WHERE key = ?', [key]);
  }

  put(tx: Tx, key: string, target: string, state: SendState, at: number, tries = 0): void {
    tx.run(
      `INSERT OR REPLACE INTO notice_sends (key, target, state, tries, at, next_at) VALUES (?,?,?,?,?,?)`,
      [key, target, state, tries, at, at],
    );
  }

  tried(
    tx: Tx,
    { notice, target }: SendRow,
    state: SendState,
    tries: number,
    at: number,
    nextAt: number,
  ): void {
    tx.run('UPDATE notice_sends SET state = ?, tries = ?, at = ?, next_at = ? WHERE key = ? AND target = ?', [
      state,
      tries,
      at,
      nextAt,
      notice.key,
      target,
    ]);
  }

  sends(key: string): SendRow[] {
    return this.#sends('s.key = ?', [key]);
  }

  /** The oldest first. */
  inState(state: SendState): SendRow[] {
    return this.#sends('s.state = ?', [state]);
  }

  /** Messages of a kind that a reader got since then. */
  sentSince(target: string, kind: NoticeKind, since: number): number {
    return Number(
      this.#db.get(
        `SELECT COUNT(DISTINCT CASE s.state WHEN 'together' THEN 'at ' || s.at ELSE s.key END) AS n
           FROM notice_sends s JOIN notices n ON n.key = s.key
           WHERE s.target = ? AND n.kind = ? AND s.at > ? AND s.state IN ('sent', 'together', 'pending')`,
        [target, kind, since],
      )?.['n'] ?? 0,
    );
  }

  /** Whether there is anything older than `before`. Looking is cheap. */
  hasOld(before: number): boolean {
    return this.#db.get('SELECT 1 AS yes FROM notices WHERE at < ? LIMIT 1', [before]) !== undefined;
  }

  forget(tx: Tx, before: number): void {
    tx.run('DELETE FROM notice_sends WHERE key IN (SELECT key FROM notices WHERE at < ?)', [before]);
    tx.run('DELETE FROM notices WHERE at < ?', [before]);
  }

  #sends(where: string, params: readonly string[]): SendRow[] {
    return this.#db
      .all(
        `SELECT n.notice, n.at AS raised, n.ended, s.* FROM notice_sends s JOIN notices n ON n.key = s.key
           WHERE ${where} ORDER BY n.at, n.key`,
        params,
      )
      .map((row) => ({
        ...noticeRow({ ...row, at: row['raised'] ?? 0 }),
        target: String(row['target']),
        state: row['state'] as SendState,
        tries: Number(row['tries']),
        nextAt: Number(row['next_at']),
      }));
  }
}

function noticeRow(row: Row): NoticeRow {
  const end = row['ended'];
  return {
    notice: noticeFrom(String(row['notice'])),
    at: Number(row['at']),
    end: typeof end === 'string' ? endFrom(end) : undefined,
  };
}

/** A notice as JSON: its texts become words when an owner reads them, in the language of that owner. */
interface StoredNotice extends Omit<Notice, 'title' | 'text'> {
  readonly title: StoredText;
  readonly text?: StoredText;
}

function stored({ title, text, ...rest }: Notice): StoredNotice {
  return { ...rest, title: title.stored(), ...defined({ text: text?.stored() }) };
}

function noticeFrom(json: string): Notice {
  const { title, text, ...rest } = JSON.parse(json) as StoredNotice;
  return { ...rest, title: fromStored(title), ...(text === undefined ? {} : { text: fromStored(text) }) };
}

/** Version 0.1.0 stored the words themselves. */
function endFrom(text: string): ChatText {
  return /^[{"]/.test(text) ? fromStored(JSON.parse(text) as StoredText) : raw(text);
}
