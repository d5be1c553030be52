import { randomUUID } from 'node:crypto';
import type { Logger } from '../../base/log.ts';
import type { JournalWriter } from '../committer.ts';
import { encodeStatements, type JournalStatement, LineBuffer } from '../record.ts';
import type { Leadership } from './leadership.ts';
import { isRefusal, type PgLink, stateOf } from './link.ts';
import { APPEND, CUT, FIND } from './tables.ts';

/** So long a commit waits for a database that restarts; then its callers hear that nothing was stored. */
const PATIENCE_MS = 4_000;
const RETRY_MS = 150;
const UNIQUE_VIOLATION = '23505';

export interface PgJournalOptions {
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
