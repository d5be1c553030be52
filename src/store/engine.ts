import { readSync } from 'node:fs';
import { GatewayError } from '../base/errors.ts';
import { openNativeFile, openNativeMemory } from './native-sqlite.ts';
import type { FrozenPages, PagedFile } from './paged-file.ts';
import { type Compiled, openWasm, type Row, type Sqlite, type SqlValue } from './sqlite.ts';

export type { Row, SqlValue } from './sqlite.ts';

/**
 * What a statement does to the store.
 * - `read`: changes nothing
 * - `write`: changes rows; repeated on replay, with its number of changed rows checked
 * - `schema`: changes tables or indexes; repeated on replay
 */
type StatementKind = 'read' | 'write' | 'schema';

/** Replay repeats statements: everything that could answer differently the second time has to be a parameter. */
const UNREPEATABLE =
  /\brandomblob\s*\(|\b(?:random|last_insert_rowid|changes|total_changes|date|time|datetime|julianday|unixepoch)\s*\(\s*\)|\bcurrent_(?:timestamp|date|time)\b|'now'|\bstrftime\s*\(\s*'[^']*'\s*\)/i;

/** These conflict clauses end the whole transaction, or keep half of a statement: neither can be replayed. */
const BREAKS_TRANSACTION =
  /^\s*(?:insert|update|replace)\s+or\s+(?:rollback|fail)\b|\bconflict\s+(?:rollback|fail)\b|\braise\s*\(\s*(?:rollback|fail)\b/i;

function refused(sql: string, why: string): GatewayError {
  return new GatewayError('storage_sql', `${why}: ${sql.trim().slice(0, 120)}`, {
    hint: 'This is a defect of the program; please report it.',
  });
}

/**
 * Sorts a statement, and refuses what the journal could not repeat.
 * @throws GatewayError `storage_sql` for statements that are not repeatable, end transactions, or are not rows or schema
 */
export function statementKind(sql: string): StatementKind {
  const word = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*([a-z]+)/i.exec(sql)?.[1]?.toLowerCase() ?? '';
  const kind = kindOfWord(word, sql);
  if (kind === undefined) throw refused(sql, 'the store runs only statements on rows and schema');
  if (kind === 'read') return kind;
  if (UNREPEATABLE.test(sql))
    throw refused(sql, 'a stored statement must give the same result when repeated');
  if (BREAKS_TRANSACTION.test(sql)) throw refused(sql, 'a stored statement must not end its transaction');
  return kind;
}

function kindOfWord(word: string, sql: string): StatementKind | undefined {
  switch (word) {
    case 'select':
    case 'values':
    case 'explain':
      return 'read';
    case 'with':
      return /\b(?:insert|update|delete|replace)\b/i.test(sql.replace(/'[^']*'/g, '')) ? 'write' : 'read';
    case 'insert':
    case 'update':
    case 'delete':
    case 'replace':
      return 'write';
    case 'create':
    case 'alter':
    case 'drop':
      // A temporary table lives in no file: it would be gone after a restart.
      return /^\s*\w+\s+temp(?:orary)?\b/i.test(sql) ? undefined : 'schema';
    default:
      return undefined;
  }
}

/**
 * A private copy of the parameters, each of a kind that comes back from journal and database as it went in; half of a
 * character, which UTF-8 cannot express, is replaced here already.
 * @throws TypeError for anything else (NaN would silently become NULL, a boolean or bigint another type)
 */
export function checkedParams(params: readonly SqlValue[]): SqlValue[] {
  return params.map((value, index) => {
    if (typeof value === 'string') return value.toWellFormed();
    if (value === null) return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    // Not `slice`: that of a Buffer is no copy.
    if (value instanceof Uint8Array) return new Uint8Array(value);
    throw new TypeError(
      `parameter ${index + 1} must be text, a finite number, bytes or null: ${String(value)}`,
    );
  });
}

/** Enough for every statement of the program; beyond it someone builds SQL from values, and old ones go. */
const MAX_PREPARED = 400;

let blank: Promise<Uint8Array> | undefined;

export class Prepared {
  readonly sql: string;
  readonly kind: StatementKind;
  readonly #compiled: Compiled;
  readonly #db: Sqlite;
  readonly #returns: boolean;

  constructor(sql: string, kind: StatementKind, db: Sqlite) {
    this.sql = sql;
    this.kind = kind;
    this.#compiled = db.prepare(sql);
    this.#db = db;
    this.#returns = /\breturning\b/i.test(sql);
  }

  /** The number of rows inserted, updated or deleted. */
  run(params: SqlValue[]): number {
    const changes = this.#compiled.run(params);
    return this.kind === 'write' ? changes : 0;
  }

  /** Like `run`, with the rows of a RETURNING clause. */
  change(params: SqlValue[]): { rows: Row[]; changes: number } {
    if (!this.#returns) return { rows: [], changes: this.run(params) };
    const rows = this.#compiled.all(params);
    return { rows, changes: this.#db.changes() };
  }

  get(params: SqlValue[]): Row | undefined {
    return this.#compiled.all(params, 1)[0];
  }

  all(params: SqlValue[]): Row[] {
    return this.#compiled.all(params);
  }

  free(): void {
    this.#compiled.free();
  }
}

/** The file behind a database is memory, or goes with the process: a rollback journal and syncs would only cost time. */
function configure(db: Sqlite, inFile: boolean): void {
  db.exec(
    'PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8000',
  );
  // A rollback must not have to take pages back out of the file.
  if (inFile) db.exec('PRAGMA cache_spill=OFF');
}

/**
 * SQLite with its prepared statements kept, in memory or in a file that no one else knows. Durability is the journal's.
 * Statements that control transactions go through methods; everything else through `prepare`.
 */
export class Engine {
  #db: Sqlite;
  readonly #prepared = new Map<string, Prepared>();
  #paged: PagedFile | undefined;
  #inTransaction = false;

  private constructor(db: Sqlite, paged?: PagedFile) {
    this.#db = db;
    this.#paged = paged;
    configure(db, this.#inFile);
  }

  /** In memory. @throws Error when `bytes` are not an SQLite file */
  static async open(bytes?: Uint8Array): Promise<Engine> {
    return new Engine(openNativeMemory(bytes) ?? (await openWasm(bytes)));
  }

  /**
   * In a file of its own next to `path`, with this content, that goes with the process. Undefined where this system
   * cannot. @throws Error when that is not an SQLite file, and what the disk says
   */
  static async openCopy(
    path: string,
    content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<Engine | undefined> {
    const db = await openNativeFile(path, content);
    return db === undefined ? undefined : new Engine(db);
  }

  /** The bytes of a database without a table. */
  static blank(): Promise<Uint8Array> {
    blank ??= openWasm().then((db) => {
      db.exec('PRAGMA application_id=1'); // without any change there is no byte
      const bytes = db.export();
      db.close();
      return bytes;
    });
    return blank;
  }

  /**
   * In a file that stays on the disk and of which only what changes is kept elsewhere. Undefined when sql.js does not take
   * it so: its way with files is not part of its interface.
   */
  static async openPaged(paged: PagedFile): Promise<Engine | undefined> {
    const db = await openWasm(paged.seed);
    if (paged.adopted) return new Engine(db, paged);
    db.close();
    return undefined;
  }

  /** @throws GatewayError `storage_sql` for statements the store refuses; Error for SQL that does not parse */
  prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const prepared = new Prepared(sql, statementKind(sql), this.#db);
    if (this.#prepared.size >= MAX_PREPARED) this.forgetStatements();
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  /** Runs a statement of ours; column names kept from before a change of schema would be wrong after it. */
  run(sql: string, params: readonly SqlValue[] = []): number {
    const prepared = this.prepare(sql);
    const changes = prepared.run(checkedParams(params));
    if (prepared.kind === 'schema') this.forgetStatements();
    return changes;
  }

  forgetStatements(): void {
    for (const prepared of this.#prepared.values()) prepared.free();
    this.#prepared.clear();
  }

  /** Between `begin` and what ends it. */
  get inTransaction(): boolean {
    return this.#inTransaction;
  }

  begin(): void {
    this.#db.exec('BEGIN');
    this.#inTransaction = true;
  }

  commit(): void {
    this.#db.exec('COMMIT');
    this.#inTransaction = false;
  }

  rollback(): void {
    this.#inTransaction = false;
    this.#db.exec('ROLLBACK');
  }

  /** Whether SQLite still has the transaction that was begun, which it gives up when it has no memory. */
  transactionLives(): boolean {
    try {
      this.#db.exec('BEGIN');
      return false;
    } catch {
      return true;
    }
  }

  /** Replay either succeeds or is discarded with the whole database: it needs no way back. */
  beginReplay(): void {
    this.#db.exec('PRAGMA journal_mode=OFF');
    if (this.#inFile) this.#db.exec('PRAGMA cache_spill=ON');
    this.begin();
  }

  endReplay(): void {
    this.commit();
    this.#db.exec('PRAGMA journal_mode=MEMORY');
    if (this.#inFile) this.#db.exec('PRAGMA cache_spill=OFF');
  }

  /** `ok`, or what SQLite finds wrong with the structure. */
  integrity(): string {
    const found = this.#db.list('PRAGMA integrity_check(10)').map(String);
    if (found.length === 0) return 'no answer';
    // An index for searches may lag behind what it is about: it is made again when it is of no use.
    return found.find((line) => line !== 'ok' && !line.startsWith('malformed inverted index')) ?? 'ok';
  }

  /** Builds every page from what is there: nothing is left of deleted rows. */
  vacuum(): void {
    this.#settled();
    this.forgetStatements();
    this.#db.exec('VACUUM');
    this.#paged?.detach();
  }

  /** Goes on with what another one has, which has the same content. */
  takeOver(other: Engine): void {
    this.#settled();
    this.close();
    this.#db = other.#db;
    this.#paged = other.#paged;
  }

  /** The whole database as the bytes of an SQLite file. */
  export(): Uint8Array {
    this.#settled();
    // Older sql.js closes statements on export: none may be used afterwards.
    this.forgetStatements();
    return this.#db.export();
  }

  /**
   * The same in pieces, in order; each is valid until the next is asked for. Between them nothing may be written.
   * A database in a file never is in memory as a whole.
   */
  *pieces(length: number): Generator<Uint8Array> {
    this.#settled();
    const { paged } = this;
    if (paged !== undefined) return yield* paged.pieces(this.size, length);
    const { fd } = this.#db;
    if (fd !== undefined) return yield* piecesOf(fd, this.size, length);
    const bytes = this.export();
    for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
  }

  /** The file behind it; undefined when there is no such one. */
  get paged(): PagedFile | undefined {
    return this.#paged?.detached === true ? undefined : this.#paged;
  }

  /** Bytes of the whole database. */
  get size(): number {
    const number = (sql: string): number => Number(this.#db.list(sql)[0]);
    return number('PRAGMA page_count') * number('PRAGMA page_size');
  }

  /**
   * The pages as they are after `mark`, which has to change one, for another thread. Undefined when they are in no paged
   * file, or no longer.
   */
  freeze(mark: () => void): Promise<FrozenPages> | undefined {
    this.#settled();
    const before = this.paged?.writes;
    mark();
    const { paged } = this;
    return paged === undefined || paged.writes === before ? undefined : paged.freeze(this.size);
  }

  close(): void {
    this.forgetStatements();
    this.#db.close();
    this.#paged?.close();
  }

  get #inFile(): boolean {
    return this.#paged !== undefined || this.#db.fd !== undefined;
  }

  /** What a transaction has changed is in the file only when it has ended. */
  #settled(): void {
    if (this.#inTransaction) throw new Error('a transaction is still open');
  }
}

function* piecesOf(fd: number, size: number, length: number): Generator<Uint8Array> {
  const memory = new Uint8Array(Math.min(length, size));
  for (let at = 0; at < size; at += length) {
    const piece = memory.subarray(0, Math.min(length, size - at));
    for (let done = 0; done < piece.length; )
      done += readSync(fd, piece, done, piece.length - done, at + done);
    yield piece;
  }
}
