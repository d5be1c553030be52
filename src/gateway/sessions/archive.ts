/**
 * Reading what was said: pages of a transcript, from the store and the session file of pi, and words in all of them.
 */
import { SerialQueue } from '../../base/async.ts';
import { openRegular } from '../../base/files.ts';
import type { Database, Row } from '../../store/database.ts';
import { contentText, listAt, objectAt, parseRecord, stringAt } from '../agent/pi-files.ts';
import type { Core } from '../core.ts';
import type { TranscriptEntry } from '../model.ts';
import { gramsOf, isCut, MSG_INDEX, runsIn, saidIn } from './said.ts';

/**
 * The transcript of a session: the lines that the store keeps, with what only pi's own session file has (tool calls, the
 * rest of long texts, what was said before lines were kept or in a terminal).
 */

/** Bytes at the end of a session file that are read. */
const FILE_BYTES = 32 * 1024 * 1024;
/** A tool call and its result, each. UTF-16 units. */
const TOOL_CHARS = 4_000;
const TEXT_CHARS = 100_000;
/** A text in the file belongs to a line of the store that is at most so far away. */
const NEAR_MS = 2 * 60 * 60_000;
/** So much of two texts is compared. */
const HEAD = 120;
/** The lines that the gateway writes above a message. */
const HEADER = /^(?:⟦[^⟧]*⟧\n(?:> [^\n]*\n)*)+/u;

/** What a session file of pi says, oldest first. A file that is not there says nothing. */
async function fileEntries(path: string): Promise<TranscriptEntry[]> {
  const entries: TranscriptEntry[] = [];
  const calls = new Map<string, number>();
  for (const line of (await tailOf(path)).split('\n')) {
    const record = line.includes('"message"') ? parseRecord(line) : undefined;
    if (record?.type !== 'message') continue;
    const at = Date.parse(stringAt(record, 'timestamp') ?? '');
    if (!Number.isNaN(at)) takeMessage(objectAt(record, 'message'), at, entries, calls);
  }
  return entries;
}

function takeMessage(
  message: Readonly<Record<string, unknown>>,
  at: number,
  entries: TranscriptEntry[],
  calls: Map<string, number>,
): void {
  const text = contentText(message['content']).slice(0, TEXT_CHARS).toWellFormed();
  if (message['role'] === 'toolResult') {
    const index = calls.get(stringAt(message, 'toolCallId') ?? '');
    const call = index === undefined ? undefined : entries[index];
    if (index === undefined || call === undefined) return;
    const failed = message['isError'] === true ? 'failed: ' : '';
    entries[index] = { ...call, text: `${call.text}\n${failed}${text.slice(0, TOOL_CHARS).toWellFormed()}` };
    return;
  }
  if (message['role'] === 'user') {
    const said = text.replace(HEADER, '');
    if (said !== '') entries.push({ at, role: 'user', text: said });
    return;
  }
  if (message['role'] !== 'assistant') return;
  if (text.trim() !== '') entries.push({ at, role: 'agent', text });
  for (const block of listAt(message, 'content')) {
    if (stringAt(block, 'type') !== 'toolCall') continue;
    const args = JSON.stringify(objectAt(block, 'arguments')).slice(0, TOOL_CHARS).toWellFormed();
    calls.set(stringAt(block, 'id') ?? '', entries.length);
    entries.push({ at, role: 'tool', name: stringAt(block, 'name') ?? 'tool', text: args });
  }
}

async function tailOf(path: string): Promise<string> {
  const file = await openRegular(path).catch(() => undefined);
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - FILE_BYTES);
    const buffer = Buffer.alloc(size - start);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    const text = buffer.toString('utf8', 0, bytesRead);
    return start === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } catch {
    return '';
  } finally {
    await file.close();
  }
}

/** Both, in the order of time. What the store has counts; a line that it cut gets its whole text from the file. */
function merged(kept: readonly TranscriptEntry[], file: readonly TranscriptEntry[]): TranscriptEntry[] {
  const lines = [...kept];
  const heads = lines.map(({ text }) => squeezed(text));
  const more: TranscriptEntry[] = [];
  let from = 0;
  for (const entry of file) {
    while (from < lines.length && (lines[from]?.at ?? 0) < entry.at - NEAR_MS) from += 1;
    const index = entry.role === 'tool' ? -1 : placeOf(entry, lines, heads, from);
    const line = lines[index];
    if (line === undefined) more.push(entry);
    else if (isCut(line.text)) {
      const at = entry.text.indexOf(line.text.slice(0, HEAD));
      if (at >= 0 && entry.text.length - at > line.text.length)
        lines[index] = { ...line, text: entry.text.slice(at) };
    }
  }
  return [...lines, ...more].sort((a, b) => a.at - b.at);
}

function placeOf(
  entry: TranscriptEntry,
  lines: readonly TranscriptEntry[],
  heads: readonly string[],
  from: number,
): number {
  const head = squeezed(entry.text).slice(0, HEAD);
  for (let index = from; index < lines.length; index += 1) {
    const line = lines[index];
    if (line === undefined || line.at > entry.at + NEAR_MS) return -1;
    const said = heads[index] ?? '';
    // The outcome of a turn repeats what the agent had said; a message may be joined with others for the model.
    if (entry.role === 'agent' && line.role !== 'user' && said.includes(head)) return index;
    if (entry.role === 'user' && line.role === 'user' && said !== '')
      if (said.includes(head) || squeezed(entry.text).includes(said.slice(0, HEAD))) return index;
  }
  return -1;
}

function squeezed(text: string): string {
  return text.replace(/\s+/gu, ' ').trim();
}

/** Lines that are kept, and UTF-16 units of their texts. Older ones go first. */
const SAID_KEPT = { lines: 200_000, chars: 8_000_000 } as const;
/** Lines that are put into the index, or removed, in one commit. */
const PORTION = 2_000;
const PORTIONS_PER_SWEEP = 10;
/** UTF-16 units of one page. */
const PAGE_CHARS = 4_000_000;
/** A text of the file may belong to a line that is said so much later. */
const MARGIN_MS = 2 * 60 * 60_000;
const INDEXED = 'msg_indexed';

export interface SaidHit {
  readonly sessionId: string;
  readonly entry: TranscriptEntry;
}

interface ArchiveDeps extends Pick<Core, 'db'> {
  readonly sessionFileOf: (sessionId: string) => string;
  readonly redact: (text: string) => string;
}

export class Archive {
  readonly #deps: ArchiveDeps;
  readonly #indexing = new SerialQueue();

  constructor(deps: ArchiveDeps) {
    this.#deps = deps;
  }

  /** The last entries of a session before `before`, oldest first. */
  async page(
    sessionId: string,
    limit: number,
    before = Number.MAX_SAFE_INTEGER,
  ): Promise<readonly TranscriptEntry[]> {
    const { db, sessionFileOf, redact } = this.#deps;
    const wanted = limit * 2 + 200;
    const kept = saidIn(db, sessionId, wanted, before + MARGIN_MS);
    const from = kept.length < wanted ? 0 : (kept[0]?.at ?? 0);
    const file = (await fileEntries(sessionFileOf(sessionId))).filter(({ at }) => at >= from);
    const all = merged(kept, file).filter(({ at }) => at < before);
    return lastPage(all, limit).map((entry) => ({ ...entry, text: redact(entry.text) }));
  }

  /** Lines with all of these words, the newest first. `sessions`: only in these. */
  async search(words: string, limit: number, sessions?: readonly string[]): Promise<readonly SaidHit[]> {
    if (matchOf(words) === '') return [];
    try {
      await this.index();
      return this.#found(words, limit, sessions);
    } catch {
      // The index is lost or damaged; every line is in the store.
      await this.rebuild();
      await this.index();
      return this.#found(words, limit, sessions);
    }
  }

  /**
   * Whole words first: those are read from the newest on until there are enough. Only what is missing is looked for as
   * the beginning of a word, which has to read every place of every such word.
   */
  #found(words: string, limit: number, sessions?: readonly string[]): SaidHit[] {
    const whole = this.#rows(matchOf(words, 'whole'), words, limit, sessions);
    const match = matchOf(words);
    const rows =
      whole.length >= limit || match === matchOf(words, 'whole')
        ? whole
        : this.#rows(match, words, limit, sessions);
    return rows.map((row) => ({
      sessionId: String(row['session']),
      entry: {
        at: Number(row['at']),
        role: row['role'] as TranscriptEntry['role'],
        text: this.#deps.redact(snippet(String(row['text']), words)),
        ...(row['name'] === null ? {} : { name: String(row['name']) }),
        ...(row['ref'] === null ? {} : { id: String(row['ref']) }),
      },
    }));
  }

  #rows(match: string, words: string, limit: number, sessions?: readonly string[]): Row[] {
    const within = sessions === undefined ? '' : 'AND m.session_id IN (SELECT value FROM json_each(?))';
    // The index knows the pairs of a run of characters, not their order.
    const runs = runsIn(words);
    const inOrder = runs.map(() => 'AND instr(m.text, ?) > 0').join(' ');
    return this.#deps.db.all(
      `SELECT m.session_id AS session, m.at AS at, m.role AS role, m.name AS name, m.ref AS ref, m.text AS text
         FROM msg_index JOIN msg m ON m.seq = msg_index.docid
         WHERE msg_index MATCH ? ${within} ${inOrder} ORDER BY msg_index.docid DESC LIMIT ?`,
      [match, ...(sessions === undefined ? [] : [JSON.stringify(sessions)]), ...runs, limit],
    );
  }

  /** Puts what was said since the last time into the index, in portions. */
  index(portions = Number.POSITIVE_INFINITY): Promise<void> {
    return this.#indexing.run(() => this.#index(portions));
  }

  async #index(portions: number): Promise<void> {
    const { db } = this.#deps;
    for (let done = 0; done < portions; done += 1) {
      const from = indexedIn(db);
      const to = Number(
        db.get('SELECT MAX(seq) AS seq FROM (SELECT seq FROM msg WHERE seq > ? ORDER BY seq LIMIT ?)', [
          from,
          PORTION,
        ])?.['seq'] ?? 0,
      );
      if (to === 0) return;
      await db.write((tx) => {
        // The index was made new in the meantime, and begins again.
        if (indexedIn(tx) !== from) return;
        tx.run(
          'INSERT INTO msg_index (docid, text, grams) SELECT seq, text, grams FROM msg WHERE seq > ? AND seq <= ?',
          [from, to],
        );
        tx.run('INSERT OR REPLACE INTO facts (name, value) VALUES (?,?)', [INDEXED, String(to)]);
      });
    }
  }

  /** Makes the index from the lines again; the portions of the next sweeps and searches fill it. */
  async rebuild(): Promise<void> {
    await this.#deps.db.write((tx) => {
      tx.run('DROP TABLE IF EXISTS msg_index');
      tx.run(MSG_INDEX);
      tx.run('DELETE FROM facts WHERE name = ?', [INDEXED]);
    });
  }

  /** Lines that are older than `before`, and those beyond the number, leave; what is new is indexed. */
  async sweep(before: number): Promise<void> {
    const { db } = this.#deps;
    for (let bite = 0; bite < PORTIONS_PER_SWEEP; bite += 1) {
      const { lines, chars } = { ...db.get('SELECT COUNT(*) AS lines, SUM(LENGTH(text)) AS chars FROM msg') };
      const oldest = Number(db.get('SELECT at FROM msg ORDER BY seq LIMIT 1')?.['at'] ?? before);
      const over = Number(lines) > SAID_KEPT.lines || Number(chars) > SAID_KEPT.chars;
      if (!over && oldest >= before) break;
      const rest = Number(chars) > SAID_KEPT.chars ? PORTION : Number(lines) - SAID_KEPT.lines;
      await this.#forget(over ? Math.min(PORTION, rest) : PORTION, over ? undefined : before);
    }
    await this.index(PORTIONS_PER_SWEEP);
  }

  /** The index reads the text of a line when it removes it: the index goes first. */
  async #forget(count: number, before: number | undefined): Promise<void> {
    const oldest = `SELECT seq FROM (SELECT seq, at FROM msg ORDER BY seq LIMIT ?) ${before === undefined ? '' : 'WHERE at < ?'}`;
    const params = [count, ...(before === undefined ? [] : [before])];
    const indexed = indexedIn(this.#deps.db);
    await this.#deps.db.write((tx) => {
      tx.run(`DELETE FROM msg_index WHERE docid IN (${oldest}) AND docid <= ?`, [...params, indexed]);
      tx.run(`DELETE FROM msg WHERE seq IN (${oldest})`, params);
    });
  }
}

/** The last line that is in the index. */
function indexedIn(db: Pick<Database, 'get'>): number {
  return Number(db.get('SELECT value FROM facts WHERE name = ?', [INDEXED])?.['value'] ?? 0);
}

/** The end of the entries, as much as fits; entries of one moment are not torn apart. */
function lastPage(entries: readonly TranscriptEntry[], limit: number): readonly TranscriptEntry[] {
  let chars = 0;
  let from = entries.length;
  while (from > 0) {
    const entry = entries[from - 1];
    const same = entry?.at === entries[from]?.at;
    chars += entry?.text.length ?? 0;
    if ((entries.length - from >= limit || (chars > PAGE_CHARS && from < entries.length)) && !same) break;
    from -= 1;
  }
  return entries.slice(from);
}

/** Fewer letters begin nearly every word. */
const LEAST_BEGINNING = 3;

/** What is looked for, as FTS4 reads it: every word in quotes, the last one also as a beginning. */
export function matchOf(words: string, last: 'whole' | 'beginning' = 'beginning'): string {
  const plain = words.match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  return plain
    .flatMap((word, index) => {
      if (gramsOf(word) !== undefined) return runsOf(word);
      const begins =
        last === 'beginning' && index === plain.length - 1 && [...word].length >= LEAST_BEGINNING;
      return [begins ? `"${word}*"` : `"${word}"`];
    })
    .join(' ');
}

/** A word with such a script in it, as pairs. Marks are no letters for the index: a pair without two letters is dropped. */
function runsOf(word: string): string[] {
  const grams = (gramsOf(word) ?? '').split(' ');
  const letters = (gram: string): number => [...gram.replace(/\p{M}/gu, '')].length;
  // The last gram is a single character: what follows it in the text is not known.
  const pairs = grams.filter((gram) => letters(gram) === 2);
  if (pairs.length > 0) return pairs.map((pair) => `"${pair}"`);
  return grams.filter((gram) => letters(gram) === 1).map((gram) => `"${gram}*"`);
}

const AROUND = 160;

/** The part of a text around the first of the words that is in it. */
export function snippet(text: string, words: string): string {
  const lower = text.toLowerCase();
  const places = (words.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [])
    .map((word) => lower.indexOf(word))
    .filter((place) => place >= 0);
  const at = Math.max(
    0,
    Math.min(...places, text.length) === text.length ? 0 : Math.min(...places) - AROUND / 2,
  );
  const part = text.slice(at, at + AROUND * 2).toWellFormed();
  return `${at > 0 ? '…' : ''}${part}${at + AROUND * 2 < text.length ? '…' : ''}`;
}
