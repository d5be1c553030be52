/** What the store needs of SQLite, and the SQLite that every runtime can have: the one compiled to WebAssembly. */
import type { BindParams, Database, SqlJsStatic, Statement } from 'sql.js';

/**
 * A value in a row or a parameter. Declare columns for numbers as INTEGER or REAL: whole numbers beyond 32 bits travel
 * as floating point, which such columns turn back into integers and a TEXT column into "1795351490305.0".
 */
export type SqlValue = string | number | null | Uint8Array;
export type Row = Readonly<Record<string, SqlValue>>;

/** A compiled statement. Its errors are SQLite's, with SQLite's words. */
export interface Compiled {
  /** Runs it to its end, without its rows; answers how many the last insert, update or delete has changed. */
  run(params: SqlValue[]): number;
  /** The first `limit` rows; undefined: all. */
  all(params: SqlValue[], limit?: number): Row[];
  free(): void;
}

/** A database of one SQLite, in memory or in a file that only this process knows. */
export interface Sqlite {
  /** @throws Error for SQL that does not parse, and for more than one statement */
  prepare(sql: string): Compiled;
  exec(sql: string): void;
  /** The first column of what a query answers. */
  list(sql: string): SqlValue[];
  /** Rows that the last insert, update or delete has changed. */
  changes(): number;
  /** The bytes of an SQLite file. No transaction may be open, and no statement may be used afterwards. */
  export(): Uint8Array;
  /** Where the content is in a file: its descriptor. */
  readonly fd?: number;
  close(): void;
}

/** @throws Error when something other than white space follows the first statement of a text */
export function refuseMore(sql: string, first: string): void {
  const rest = sql.slice(first.length);
  if (/[^\s;]/.test(rest))
    throw new Error(`one statement at a time, this text has more: ${rest.trim().slice(0, 80)}`);
}

let loading: Promise<SqlJsStatic> | undefined;

/** One WebAssembly instance a thread; it keeps no data of its own between databases. */
function sqlJs(): Promise<SqlJsStatic> {
  loading ??= import('sql.js').then((module) => module.default());
  return loading;
}

/** @throws Error when `bytes` are not an SQLite file */
export async function openWasm(bytes?: Uint8Array): Promise<Sqlite> {
  const { Database } = await sqlJs();
  return new WasmSqlite(new Database(bytes));
}

/** sql.js throws plain strings for some misuse; callers get errors. */
function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

class WasmSqlite implements Sqlite {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  prepare(sql: string): Compiled {
    try {
      const statement = this.#db.prepare(sql);
      try {
        refuseMore(sql, statement.getSQL());
      } catch (error) {
        statement.free();
        throw error;
      }
      return new WasmCompiled(statement, this.#db);
    } catch (error) {
      throw asError(error);
    }
  }

  exec(sql: string): void {
    try {
      this.#db.exec(sql);
    } catch (error) {
      throw asError(error);
    }
  }

  list(sql: string): SqlValue[] {
    return this.#db.exec(sql)[0]?.values.map(([value]) => value ?? null) ?? [];
  }

  changes(): number {
    return this.#db.getRowsModified();
  }

  export(): Uint8Array {
    return this.#db.export();
  }

  close(): void {
    this.#db.close();
  }
}

class WasmCompiled implements Compiled {
  readonly #statement: Statement;
  readonly #db: Database;
  #columns: readonly string[] | undefined;

  constructor(statement: Statement, db: Database) {
    this.#statement = statement;
    this.#db = db;
  }

  run(params: SqlValue[]): number {
    try {
      // `bind` resets first: a statement that came to its end needs no second reset here.
      this.#statement.bind(params satisfies BindParams);
      if (this.#statement.step()) this.#statement.reset();
      return this.#db.getRowsModified();
    } catch (error) {
      this.#statement.reset();
      throw asError(error);
    }
  }

  all(params: SqlValue[], limit = Number.POSITIVE_INFINITY): Row[] {
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

  free(): void {
    this.#statement.free();
  }
}
