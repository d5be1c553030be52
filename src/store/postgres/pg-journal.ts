import { randomBytes, randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { JournalWriter } from '../committer.ts';
import { damaged, nodeDisk } from '../disk.ts';
import type { Engine } from '../engine.ts';
import { apply, loadStore } from '../load.ts';
import { readMeta } from '../snapshot.ts';
import { encodeStatements, type JournalStatement, LineBuffer, readLine } from '../transaction.ts';
import type { Leadership } from './leadership.ts';
import {
  APPEND,
  CHUNK,
  CUT,
  FIND,
  isRefusal,
  NEWEST_SNAPSHOT,
  type PgLink,
  PUBLISH,
  PUT_CHUNK,
  READ,
  stateOf,
} from './link.ts';

/** So long a commit waits for a database that restarts; then its callers hear that nothing was stored. */
const PATIENCE_MS = 4_000;
const RETRY_MS = 150;
const UNIQUE_VIOLATION = '23505';

interface PgJournalOptions {
  readonly link: PgLink;
  readonly database: string;
  readonly leadership: Leadership;
  readonly log: Logger;
  /** A group is stored: others may want to know. */
  readonly stored: () => void;
}

/** The writing end of the log in PostgreSQL: each group commit is one row. */
export class PgJournal implements JournalWriter {
  readonly #options: PgJournalOptions;
  readonly #lines = new LineBuffer();
  /** Numbers of statement texts within the row. */
  readonly #numbers = new Map<string, number>();
  #first: number | undefined;
  #last = 0;
  /** A row may be stored whose callers heard that it is not. */
  #doubtful = false;
  bytes: number;
  segments: number;

  constructor(options: PgJournalOptions, read: { readonly bytes: number; readonly rows: number }) {
    this.#options = options;
    this.bytes = read.bytes;
    this.segments = read.rows;
  }

  get pendingBytes(): number {
    return this.#lines.length;
  }

  prepare(nextSeq: number): Promise<void> | undefined {
    return this.#doubtful ? this.#cut(nextSeq) : undefined;
  }

  add(seq: number, base: number, statements: readonly JournalStatement[]): void {
    this.#first ??= seq;
    this.#last = seq;
    this.#lines.add(seq, base, encodeStatements(statements, this.#numbers));
  }

  discard(): void {
    this.#lines.clear();
    this.#numbers.clear();
    this.#first = undefined;
  }

  /** Resolves when the row is stored, exactly once and in this term. */
  async flush(): Promise<void> {
    const first = this.#first;
    if (first === undefined) return;
    const data = this.#lines.bytes();
    try {
      await this.#store(first, this.#last, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
      this.bytes += data.length;
      this.segments += 1;
    } finally {
      this.discard();
    }
    this.#options.stored();
  }

  /** A row of the log is whole or not there: nothing has to prove it. */
  async seal(): Promise<void> {}

  /** A snapshot holds what came before. */
  restart(): void {
    this.bytes = 0;
    this.segments = 0;
  }

  async #store(first: number, last: number, data: Buffer): Promise<void> {
    const { link, database, leadership } = this.#options;
    const id = randomUUID();
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      if (leadership.lost !== undefined) throw leadership.lost;
      try {
        const { count } = await link.query(
          APPEND,
          [leadership.term, database, first, last, id, data],
          Math.max(RETRY_MS, until - performance.now()),
        );
        if (count === 0) throw leadership.lose();
        this.#doubtful = false;
        return;
      } catch (error) {
        if (error === leadership.lost) throw error;
        if (stateOf(error) === UNIQUE_VIOLATION) {
          if (await this.#isStored(first, id)) return;
          await this.#cut(first);
          continue;
        }
        if (isRefusal(error)) throw error;
        this.#doubtful = true;
        if (performance.now() + RETRY_MS > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** The name of the row is taken: by this very row, by one of ours that was given up, or by a successor. */
  async #isStored(first: number, id: string): Promise<boolean> {
    const { link, database, leadership } = this.#options;
    const { rows } = await link.query<{ term: string; id: string }>(FIND, [database, first]);
    const found = rows[0];
    if (found?.id === id) return true;
    if (found !== undefined && Number(found.term) !== leadership.term) throw leadership.lose();
    return false;
  }

  /** Takes back what no one was told is stored. */
  async #cut(next: number): Promise<void> {
    const { link, database, leadership, log } = this.#options;
    const { rows } = await link.query<{ leads: number; gone: number }>(CUT, [
      leadership.term,
      database,
      next,
    ]);
    if (rows[0]?.leads !== 1) throw leadership.lose();
    this.#doubtful = false;
    if (rows[0].gone > 0)
      log.warn('deleted changes that were refused while the database did not answer', {
        database,
        rows: rows[0].gone,
      });
  }
}

const CHUNK_BYTES = 1024 * 1024;

/** Stores a file as a snapshot with the records up to `seq`, of this term. Answers its size. */
export async function upload(
  { link, leadership }: { readonly link: PgLink; readonly leadership: Leadership },
  path: string,
  database: string,
  seq: number,
): Promise<number> {
  const { term } = leadership;
  const id = randomUUID();
  const file = await open(path, 'r');
  try {
    let bytes = 0;
    for (let part = 0; ; part += 1) {
      const { buffer, bytesRead } = await file.read({
        buffer: Buffer.alloc(CHUNK_BYTES),
        position: bytes,
      });
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      const { count } = await link.query(PUT_CHUNK, [term, database, id, part, chunk], 30_000);
      if (count === 0) throw leadership.lose();
      bytes += bytesRead;
    }
    const { count } = await link.query(PUBLISH, [term, database, seq, bytes, id]);
    if (count === 0) throw leadership.lose();
    return bytes;
  } finally {
    await file.close();
  }
}

/** Writes the newest snapshot to `path`; its size, 0 when there is none yet. */
async function download(link: PgLink, database: string, path: string): Promise<number> {
  const { rows } = await link.query<{ id: string; bytes: string }>(NEWEST_SNAPSHOT, [database]);
  const snapshot = rows[0];
  if (snapshot === undefined) return 0;
  const bytes = Number(snapshot.bytes);
  const file = await nodeDisk.open(path, 'create');
  try {
    let size = 0;
    for (let part = 0; size < bytes; part += 1) {
      const { rows: chunks } = await link.query<{ data: Buffer }>(CHUNK, [database, snapshot.id, part]);
      const data = chunks[0]?.data;
      // A newer snapshot has taken its place in the meantime: that is an error of the moment, and the caller asks again.
      if (data === undefined) throw new Error(`the snapshot of ${database} changed while it was read`);
      await file.write(data, size);
      size += data.length;
    }
  } finally {
    await file.close();
  }
  return bytes;
}

interface LogRow {
  readonly sequence: string;
  readonly last: string;
  readonly id: string;
  readonly data: Buffer;
}

/** The last row of the log that is in the database. */
interface LastRow {
  readonly sequence: number;
  readonly id: string;
}

interface ReplicaOptions {
  readonly link: PgLink;
  /** Its name in the tables. */
  readonly database: string;
  /** Where what is only passing through lies for a moment, private to this process. */
  readonly scratch: string;
}

/** A database in memory that follows the log: what a standby keeps warm, and what a leader begins with. */
export class Replica {
  readonly #options: ReplicaOptions;
  #engine: Engine | undefined;
  #seq = 0;
  #last: LastRow | undefined;
  #snapshot = { seq: 0, bytes: 0 };
  #bytes = 0;
  #rows = 0;

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  /** The last record that is in it. */
  get seq(): number {
    return this.#seq;
  }

  /** What it was loaded from, and what was read of the log since. */
  get read(): {
    readonly snapshot: { readonly seq: number; readonly bytes: number };
    readonly bytes: number;
    readonly rows: number;
  } {
    return { snapshot: this.#snapshot, bytes: this.#bytes, rows: this.#rows };
  }

  /** Neither a snapshot nor a record is there yet. */
  get isEmpty(): boolean {
    return this.#snapshot.bytes === 0 && this.#rows === 0;
  }

  /** The name that the database was given when it was made. */
  get store(): string | undefined {
    return this.#engine === undefined ? undefined : readMeta(this.#engine)?.store;
  }

  /** Hands the database over: nothing follows here anymore. */
  take(): Engine {
    const engine = this.#engine;
    if (engine === undefined) throw new Error('the database was not read yet');
    this.#engine = undefined;
    return engine;
  }

  close(): void {
    this.#engine?.close();
    this.#engine = undefined;
  }

  /** Reads what is new; everything, the first time and when the log no longer continues what is here. */
  async follow(): Promise<void> {
    for (;;) {
      if (this.#engine === undefined) await this.#load();
      if (await this.#catchUp()) return;
      // A row that was read had been undone, or is older than the newest snapshot.
      this.close();
    }
  }

  async #load(): Promise<void> {
    const { link, database, scratch } = this.#options;
    const path = `${scratch}.${randomBytes(6).toString('hex')}.db`;
    try {
      const bytes = await download(link, database, path);
      const { engine, seq } = await loadStore({ disk: nodeDisk, path, newStore: 'postgres' });
      this.#engine = engine;
      this.#seq = seq;
      this.#snapshot = { seq, bytes };
      this.#last = undefined;
      this.#bytes = 0;
      this.#rows = 0;
    } finally {
      await rm(path, { force: true });
    }
  }

  /** False when the log does not continue what is here. */
  async #catchUp(): Promise<boolean> {
    const { link, database } = this.#options;
    for (;;) {
      const last = this.#last;
      const { rows } = await link.query<LogRow>(READ, [database, last?.sequence ?? this.#seq + 1]);
      const known = last === undefined ? undefined : rows.shift();
      if (last !== undefined && known?.id !== last.id) return false;
      for (const row of rows) {
        if (Number(row.sequence) !== this.#seq + 1) return false;
        this.#apply(row);
      }
      // Nothing follows the snapshot that was read: unless a newer one has taken the place of what did.
      if (rows.length === 0) return this.#last !== undefined || !(await this.#hasNewerSnapshot());
    }
  }

  async #hasNewerSnapshot(): Promise<boolean> {
    const { link, database } = this.#options;
    const { rows } = await link.query<{ sequence: string }>(NEWEST_SNAPSHOT, [database]);
    return Number(rows[0]?.sequence ?? 0) > this.#seq;
  }

  #apply(row: LogRow): void {
    const engine = this.#engine;
    if (engine === undefined) throw new Error('the database was not read yet');
    const { database } = this.#options;
    const name = `the log of ${database}`;
    const { data } = row;
    const dictionary: string[] = [];
    engine.begin();
    for (let offset = 0; offset < data.length; ) {
      const line = readLine(data, offset);
      if (line === undefined || line.seq !== this.#seq + 1)
        throw damaged(name, offset, `record ${this.#seq + 1} cannot be read`);
      try {
        apply(engine, line.json, dictionary, true);
      } catch (error) {
        throw damaged(name, offset, `record ${line.seq} cannot be repeated (${messageOf(error)})`, error);
      }
      this.#seq = line.seq;
      offset = line.next;
    }
    engine.commit();
    if (this.#seq !== Number(row.last)) throw damaged(name, data.length, `it ends at record ${this.#seq}`);
    this.#last = { sequence: Number(row.sequence), id: row.id };
    this.#bytes += data.length;
    this.#rows += 1;
  }
}
