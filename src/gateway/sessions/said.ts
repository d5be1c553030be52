/**
 * What was said in sessions, as the store keeps it: one row a line, with the beginning of a long text (the agent's own
 * session file has all of it). A row is written in the commit of the message or the answer that it shows.
 */
import type { Database, Row, Tx } from '../../store/database.ts';
import type { MessageMark, TranscriptEntry } from '../model.ts';

/** UTF-16 units of a text that are kept. */
const SAID_CHARS = 2_000;

/**
 * The words of the lines; filled in portions, behind what is said. Newest first, as a search reads it: it stops at the
 * last hit that is wanted instead of reading all places of a frequent word.
 */
export const MSG_INDEX =
  'CREATE VIRTUAL TABLE msg_index USING fts4(content="msg", text, grams, order=DESC, tokenize=unicode61 "remove_diacritics=2")';

export interface Line {
  readonly sessionId: string;
  readonly at: number;
  readonly role: TranscriptEntry['role'];
  readonly text: string;
  readonly name?: string;
  /** The inbox row of a person's message. */
  readonly ref?: string;
  /** Who wrote it, or whose message it answers: `telegram:81234`. */
  readonly sender?: string;
}

/** Scripts that put no blanks between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese. */
const RUN = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}ー]+/gu;

/** The first of these scripts begins here: most texts need no closer look. */
const MAYBE_RUN = /[\u0e00-\uffff]/;

/** The runs of such scripts in a text. */
export function runsIn(text: string): string[] {
  return text.normalize('NFC').match(RUN) ?? [];
}

/** Every two neighbouring characters of such runs, and the last one: what a search in them is made of. */
export function gramsOf(text: string): string | undefined {
  if (!MAYBE_RUN.test(text)) return undefined;
  const grams: string[] = [];
  for (const [run] of text.matchAll(RUN)) {
    const chars = [...run];
    for (const [index, char] of chars.entries()) grams.push(char + (chars[index + 1] ?? ''));
  }
  return grams.length === 0 ? undefined : grams.join(' ');
}

export function keepLine(tx: Tx, { sessionId, at, role, text, name, ref, sender }: Line): void {
  const kept = text.length > SAID_CHARS ? `${text.slice(0, SAID_CHARS).toWellFormed()}…` : text;
  tx.run('INSERT INTO msg (session_id, at, role, name, text, grams, ref, sender) VALUES (?,?,?,?,?,?,?,?)', [
    sessionId,
    at,
    role,
    name ?? null,
    kept,
    gramsOf(kept) ?? null,
    ref ?? null,
    sender ?? null,
  ]);
}

/** What became of a person's message. */
export function markLine(tx: Tx, ref: string, mark: MessageMark): void {
  tx.run('UPDATE msg SET mark = ? WHERE ref = ? AND ref IS NOT NULL AND mark IS NULL', [mark, ref]);
}

/** Whether more was said than is kept. */
export function isCut(text: string): boolean {
  return text.length > SAID_CHARS && text.endsWith('…');
}

/** The lines of a session before `before`, the last `limit` of them, oldest first. */
export function saidIn(db: Database, sessionId: string, limit: number, before: number): TranscriptEntry[] {
  return db
    .all(
      `SELECT msg.*, inbox.state AS state FROM msg LEFT JOIN inbox ON inbox.id = msg.ref
         WHERE msg.session_id = ? AND msg.at < ? ORDER BY msg.at DESC, msg.seq DESC LIMIT ?`,
      [sessionId, before, limit],
    )
    .reverse()
    .map(entryOf);
}

function entryOf(row: Row): TranscriptEntry {
  const mark = row['mark'] ?? openMark(row['state']);
  return {
    at: Number(row['at']),
    role: row['role'] as TranscriptEntry['role'],
    text: String(row['text']),
    ...(row['ref'] === null ? {} : { id: String(row['ref']) }),
    ...(row['name'] === null ? {} : { name: String(row['name']) }),
    ...(mark === undefined ? {} : { mark: mark as MessageMark }),
  };
}

function openMark(state: unknown): MessageMark | undefined {
  if (state === 'queued' || state === 'running' || state === 'offered') return state;
  return state === 'steering' ? 'running' : undefined;
}
