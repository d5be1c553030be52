import type { BindParams, Database as SqlJsDatabase, Statement } from 'sql.js';
import { GatewayError } from '../base/errors.ts';
import type { FrozenPages, PagedFile } from './paged-file.ts';
import { sqlJs } from './sqlite.ts';

/**
 * A value in a row or a parameter. Declare columns for numbers as INTEGER or REAL: whole numbers beyond 32 bits travel
 * as floating point, which such columns turn back into integers and a TEXT column into "1795351490305.0".
 */
export type SqlValue = string | number | null | Uint8Array;
export type Row = Readonly<Record<string, SqlValue>>;

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
 * A private copy of the parameters, each of a kind that comes back from the journal as it went in.
 * @throws TypeError for anything else (NaN would silently become NULL, a boolean or bigint another type)
 */
export function checkedParams(params: readonly SqlValue[]): SqlValue[] {
  return params.map((value, index) => {
    if (typeof value === 'string' || value === null) return value;
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

/** sql.js throws plain strings for some misuse; callers get errors. */
function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

export class Prepared {
  readonly sql: string;
  readonly kind: StatementKind;
  readonly #statement: Statement;
  readonly #changes: () => number;
  readonly #returns: boolean;
  #columns: readonly string[] | undefined;

  constructor(sql: string, kind: StatementKind, statement: Statement, changes: () => number) {
    this.sql = sql;
    this.kind = kind;
    this.#statement = statement;
    this.#changes = changes;
    this.#returns = /\breturning\b/i.test(sql);
  }

  /** The number of rows inserted, updated or deleted. */
  run(params: SqlValue[]): number {
    try {
      // `bind` resets first: a statement that came to its end needs no second reset here.
      this.#statement.bind(params satisfies BindParams);
      if (this.#statement.step()) this.#statement.reset();
    } catch (error) {
      this.#statement.reset();
      throw asError(error);
    }
    return this.kind === 'write' ? this.#changes() : 0;
  }

  /** Like `run`, with the rows of a RETURNING clause. */
  change(params: SqlValue[]): { rows: Row[]; changes: number } {
    const rows = this.#returns ? this.all(params) : [];
    return { rows, changes: this.#returns ? this.#changes() : this.run(params) };
  }

  get(params: SqlValue[]): Row | undefined {
    return this.#read(params, 1)[0];
  }

  all(params: SqlValue[]): Row[] {
    return this.#read(params, Number.POSITIVE_INFINITY);
  }

  free(): void {
    this.#statement.free();
  }

  #read(params: SqlValue[], limit: number): Row[] {
    const rows: Row[] = [];
    try {
      this.#statement.bind(params satisfies BindParams);
      while (rows.length < limit && this.#statement.step()) {
        this.#columns ??= this.#statement.getColumnNames();
        const values = this.#statement.get();
        const row: Record<string, SqlValue> = {};
        for (let i = 0; i < this.#columns.length; i++) row[this.#columns[i] ?? ''] = values[i] ?? null;
        rows.push(row);
      }
    } catch (error) {
      throw asError(error);
    } finally {
      this.#statement.reset();
    }
    return rows;
  }
}

/** The file behind a database is memory: its own rollback journal and syncs would only cost time. */
function configure(db: SqlJsDatabase, paged: boolean): void {
  db.exec(
    'PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8000',
  );
  // A rollback must not have to take pages back out of the file.
  if (paged) db.exec('PRAGMA cache_spill=OFF');
}

/**
 * SQLite in memory, with prepared statements kept. Knows nothing of files: durability is the journal's.
 * Statements that control transactions go through methods; everything else through `prepare`.
 */
export class Engine {
  #db: SqlJsDatabase;
  readonly #prepared = new Map<string, Prepared>();
  readonly #control = new Map<string, Statement>();
  #paged: PagedFile | undefined;

  private constructor(db: SqlJsDatabase, paged?: PagedFile) {
    this.#db = db;
    this.#paged = paged;
    configure(db, paged !== undefined);
  }

  /** @throws Error when `bytes` are not an SQLite file */
  static async open(bytes?: Uint8Array): Promise<Engine> {
    const { Database } = await sqlJs();
    return new Engine(new Database(bytes));
  }

  /** The bytes of a database without a table. */
  static blank(): Promise<Uint8Array> {
    blank ??= sqlJs().then(({ Database }) => {
      const db = new Database();
      db.exec('PRAGMA application_id=1'); // without any change there is no byte
      const bytes = db.export();
      db.close();
      return bytes;
    });
    return blank;
  }

  /**
   * The same for a file that stays on the disk. Undefined when sql.js does not take it so: its way with files is not
   * part of its interface.
   */
  static async openPaged(paged: PagedFile): Promise<Engine | undefined> {
    const { Database } = await sqlJs();
    const db = new Database(paged.seed);
    if (paged.adopted) return new Engine(db, paged);
    db.close();
    return undefined;
  }

  /** @throws GatewayError `storage_sql` for statements the store refuses; Error for SQL that does not parse */
  prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const kind = statementKind(sql);
    const statement = this.#compile(sql);
    if (this.#prepared.size >= MAX_PREPARED) this.forgetStatements();
    const prepared = new Prepared(sql, kind, statement, () => this.#db.getRowsModified());
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

  begin(): void {
    this.#step('BEGIN');
  }

  commit(): void {
    this.#step('COMMIT');
  }

  rollback(): void {
    this.#step('ROLLBACK');
  }

  /** Replay either succeeds or is discarded with the whole database: it needs no way back. */
  beginReplay(): void {
    this.#db.exec('PRAGMA journal_mode=OFF');
    if (this.#paged !== undefined) this.#db.exec('PRAGMA cache_spill=ON');
    this.begin();
  }

  endReplay(): void {
    this.commit();
    this.#db.exec('PRAGMA journal_mode=MEMORY');
    if (this.#paged !== undefined) this.#db.exec('PRAGMA cache_spill=OFF');
  }

  savepoint(): void {
    this.#step('SAVEPOINT body');
  }

  release(): void {
    this.#step('RELEASE body');
  }

  rollbackToSavepoint(): void {
    this.#step('ROLLBACK TO body');
    this.#step('RELEASE body');
  }

  /** `ok`, or what SQLite finds wrong with the structure. */
  integrity(): string {
    const found = this.#db.exec('PRAGMA integrity_check(10)')[0]?.values.map(([line]) => String(line));
    if (found === undefined) return 'no answer';
    // An index for searches may lag behind what it is about: it is made again when it is of no use.
    return found.find((line) => line !== 'ok' && !line.startsWith('malformed inverted index')) ?? 'ok';
  }

  /** Builds every page from what is there: nothing is left of deleted rows. No transaction may be open. */
  vacuum(): void {
    this.forgetStatements();
    try {
      this.#db.exec('VACUUM');
    } catch (error) {
      throw asError(error);
    }
    this.#paged?.detach();
  }

  /** Goes on with a file of the same content that stays on the disk. No transaction may be open. */
  async moveTo(paged: PagedFile): Promise<void> {
    const { Database } = await sqlJs();
    const db = new Database(paged.seed);
    if (!paged.adopted) return db.close();
    this.close();
    this.#db = db;
    this.#paged = paged;
    configure(db, true);
  }

  /** The whole database as the bytes of an SQLite file. No transaction may be open. */
  export(): Uint8Array {
    // Older sql.js closes statements on export: none may be used afterwards.
    this.forgetStatements();
    for (const statement of this.#control.values()) statement.free();
    this.#control.clear();
    return this.#db.export();
  }

  /**
   * The same in pieces, in order; each is valid until the next is asked for. Between them nothing may be written.
   * A database that stays on the disk never is in memory as a whole.
   */
  *pieces(length: number): Generator<Uint8Array> {
    const paged = this.#paged;
    if (paged === undefined || paged.detached) {
      const bytes = this.export();
      for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
      return;
    }
    yield* paged.pieces(this.#size(), length);
  }

  /** The file behind it; undefined when all of it is in memory. */
  get paged(): PagedFile | undefined {
    return this.#paged?.detached === true ? undefined : this.#paged;
  }

  /**
   * The pages as they are after `mark`, which has to change one, for another thread. Undefined when they are in no paged
   * file, or no longer.
   */
  freeze(mark: () => void): Promise<FrozenPages> | undefined {
    const before = this.paged?.writes;
    mark();
    const { paged } = this;
    return paged === undefined || paged.writes === before ? undefined : paged.freeze(this.#size());
  }

  close(): void {
    this.forgetStatements();
    this.#control.clear();
    this.#db.close();
    this.#paged?.close();
  }

  #size(): number {
    const number = (sql: string): number => Number(this.#db.exec(sql)[0]?.values[0]?.[0]);
    return number('PRAGMA page_count') * number('PRAGMA page_size');
  }

  #compile(sql: string): Statement {
    try {
      const statement = this.#db.prepare(sql);
      const rest = sql.slice(statement.getSQL().length);
      if (/[^\s;]/.test(rest)) {
        statement.free();
        throw new Error(`one statement at a time, this text has more: ${rest.trim().slice(0, 80)}`);
      }
      return statement;
    } catch (error) {
      throw asError(error);
    }
  }

  #step(sql: string): void {
    let statement = this.#control.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#control.set(sql, statement);
    }
    try {
      statement.step();
    } catch (error) {
      throw asError(error);
    } finally {
      statement.reset();
    }
  }
}
