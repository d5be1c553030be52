/** What a notice is, how it reads, and when it goes out. */

import { defined } from '../../base/defined.ts';
import type { Database, Row, Tx } from '../../store/database.ts';
import {
  type ChatText,
  fromStored,
  joined,
  raw,
  SILENCE,
  type StoredText,
  say,
} from '../language/chat-text.ts';
import type { ChatRef, Platform } from '../model.ts';
import { fencedText, visible } from '../questions/dialog.ts';
import { wallTime } from '../time-zone.ts';

export type NoticeKind = 'pairing' | 'approval' | 'adapter' | 'disk' | 'limit' | 'agent' | 'start';

/** Something that the operator should know. Any part of the gateway raises one with the event `notice`. */
export interface Notice {
  /** Names what happened, forever: the same key is told once. What may happen again has its time in it. */
  readonly key: string;
  readonly kind: NoticeKind;
  /** Also during quiet hours: the gateway does not work until someone acts. */
  readonly urgent?: true;
  /** One line without anything that a person or an agent wrote: this goes to every webhook. */
  readonly title: ChatText;
  /** Markdown. May hold what people and agents wrote. */
  readonly text?: ChatText;
  /** The same in a few words, for a list of several; plain text of people and agents. */
  readonly line?: string;
  /** Not told over this platform, which is what the notice is about. */
  readonly notOver?: Platform;
  /** Not told in this chat, which knows already. */
  readonly notIn?: ChatRef;
  /** What an owner can decide about it. */
  readonly ask?: Ask;
  /** Whom it is about: the text goes when that person's data is erased. */
  readonly person?: { readonly platform: Platform; readonly id: string };
}

/** A decision that is waiting. */
interface Ask {
  readonly about: 'pairing' | 'approval' | 'resume';
  /** Of the request or the question. */
  readonly id: string;
  /** What people type; an id names something and gives no right. */
  readonly short: string;
  /** The text shows all of what would run: without that it cannot be approved from a chat. */
  readonly whole: boolean;
}

/** The longest text of a tool call that is sent to an owner, in characters. */
const WHOLE_CHARS = 12_000;
const CUT_CHARS = 1500;

/** The text as it can be sent, and whether that is all of it. */
export function wholeOr(text: string): { readonly text: string; readonly whole: boolean } {
  if (text.length <= WHOLE_CHARS) return { text, whole: true };
  return { text: text.slice(0, CUT_CHARS).toWellFormed(), whole: false };
}

/** As it is stored and sent. `egress`: takes secrets out of a text. */
export function withoutSecrets(notice: Notice, egress: (text: string) => string): Notice {
  const { title, text, line } = notice;
  return {
    ...notice,
    title: title.map(egress),
    ...defined({ text: text?.map(egress), line: line === undefined ? undefined : egress(line) }),
  };
}

interface Choice {
  readonly label: ChatText;
  readonly command: string;
}

export interface Reader {
  readonly may: readonly ('pair' | 'approve' | 'stop')[];
  /** Choices are shown as buttons. */
  readonly buttons: boolean;
  /** `/` or `!`. */
  readonly prefix: string;
}

/** What this reader can press. */
export function choicesOf({ ask }: Notice, { may, prefix }: Reader): Choice[] {
  if (ask === undefined) return [];
  const choice = (label: ChatText, act: string): Choice => ({
    label,
    command: `${prefix}owner ${act} ${ask.short}`,
  });
  if (ask.about === 'pairing')
    return may.includes('pair')
      ? [
          choice(say('button.approve'), 'approve'),
          choice(say('button.deny'), 'deny'),
          choice(say('button.block'), 'block'),
        ]
      : [];
  const resume = ask.about === 'resume';
  const yes = resume ? say('resume.continue') : say('button.approveOnce');
  const no = resume ? say('resume.drop') : say('button.deny');
  return [
    ...(may.includes('approve') && ask.whole ? [choice(yes, 'approve')] : []),
    ...(may.includes('approve') ? [choice(no, 'deny')] : []),
    ...(may.includes('stop') ? [choice(say('button.stopTurn'), 'stop')] : []),
  ];
}

/** The notice as its reader sees it, in Markdown. `end`: what became of it; nothing is left to choose. */
export function noticeText(notice: Notice, reader: Reader, end: ChatText = SILENCE): ChatText {
  const { title, text = SILENCE, ask } = notice;
  const tooLong = ask?.whole === false ? say('notice.tooLong') : SILENCE;
  const choices = choicesOf(notice, reader);
  const words =
    !end.isEmpty || choices.length === 0 || reader.buttons
      ? SILENCE
      : say('notice.replyWith', { commands: choices.map(({ command }) => command).join('\n') });
  return joined([joined([raw('**'), title, raw('**')], ''), text, tooLong, words, end], '\n\n');
}

const LISTED = 10;

/** Several of one kind as one notice. */
export function together(notices: readonly Notice[], kind: NoticeKind, key: string, prefix: string): Notice {
  const lines = notices
    .slice(0, LISTED)
    .map(({ title, line }) =>
      line === undefined ? title : raw(visible(line).replaceAll('\n', ' ').slice(0, 120).toWellFormed()),
    );
  if (notices.length > LISTED) lines.push(say('notice.andMore', { n: notices.length - LISTED }));
  const asks = notices.some(({ ask }) => ask !== undefined);
  return {
    key,
    kind,
    title: say(`notice.more_${kind}`, { n: notices.length }),
    text: joined(
      [fencedText(joined(lines, '\n')), ...(asks ? [say('notice.ownerLists', { prefix })] : [])],
      '\n\n',
    ),
  };
}

export interface QuietHours {
  /** Minutes after midnight. The same twice: never quiet. */
  readonly from: number;
  readonly to: number;
  readonly zone: string;
}

export function isQuiet(quiet: QuietHours | undefined, now: number): boolean {
  if (quiet === undefined || quiet.from === quiet.to) return false;
  const { hour, minute } = wallTime(now, quiet.zone);
  const at = hour * 60 + minute;
  return quiet.from < quiet.to ? at >= quiet.from && at < quiet.to : at >= quiet.from || at < quiet.to; // over midnight
}

interface Pace {
  /** Messages of this kind within the window. */
  readonly most: number;
  readonly windowMs: number;
}

/** A person waits for a tool call: its window is short. What comes beyond is told together when there is room. */
const PACES: Readonly<Partial<Record<NoticeKind, Pace>>> = { approval: { most: 6, windowMs: 60_000 } };
const USUAL: Pace = { most: 3, windowMs: 10 * 60_000 };

export function paceOf(kind: NoticeKind): Pace {
  return PACES[kind] ?? USUAL;
}

interface Held {
  readonly kind: NoticeKind;
  readonly urgent: boolean;
}

/** What becomes of notices of one kind that are waiting for one reader. */
type Due = 'wait' | 'each' | 'together';

export function dueNow(
  held: readonly Held[],
  kind: NoticeKind,
  { sent, quiet }: { readonly sent: number; readonly quiet: boolean },
): Due {
  if (held.length === 0 || (quiet && !held.some(({ urgent }) => urgent))) return 'wait';
  const room = paceOf(kind).most - sent;
  if (room <= 0) return 'wait';
  return held.length <= room ? 'each' : 'together';
}

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
