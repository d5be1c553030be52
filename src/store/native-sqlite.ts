/**
 * Node's own SQLite: a third of the time for each statement, and 70 ms and 20 MB less for a start than the one compiled
 * to WebAssembly. Runtimes without it (Bun, in which pi is also shipped) take the other; the files are the same.
 */
import * as fs from 'node:fs';
import { isBuiltin } from 'node:module';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type Compiled, type Row, refuseMore, type Sqlite, type SqlValue } from './sqlite.ts';

type Module = typeof import('node:sqlite');

let loaded: Module | undefined;

/** `PI_GATEWAY_SQLITE=wasm` takes the other one, for a comparison or when this one has a defect. */
function nativeSqlite(): Module | undefined {
  if (process.env['PI_GATEWAY_SQLITE'] === 'wasm') return undefined;
  loaded ??= quietly();
  return loaded;
}

/** Node says of it that it is an experiment: the reader of a log can do nothing about it. */
function quietly(): Module | undefined {
  if (process.versions['bun'] !== undefined || !isBuiltin('node:sqlite')) return undefined;
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}

const SQLITE_FULL = 13;

/** Whether its file could not grow, also behind another error. */
export function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('errcode' in error && error.errcode === SQLITE_FULL) || isFull(error.cause);
}

/** In memory. Undefined where there is no such SQLite, or an early one that cannot do it. */
export function openNativeMemory(bytes?: Uint8Array): Sqlite | undefined {
  const { DatabaseSync } = nativeSqlite() ?? {};
  if (DatabaseSync === undefined || !('deserialize' in DatabaseSync.prototype)) return undefined;
  const db = new DatabaseSync(':memory:', SETTINGS);
  try {
    if (bytes !== undefined && bytes.length > 0) deserialize(db, bytes);
    return new NativeSqlite(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Types of an older Node do not have it. */
function deserialize(db: DatabaseSync & { deserialize?(bytes: Uint8Array): void }, bytes: Uint8Array): void {
  db.deserialize?.(bytes);
  db.exec('SELECT 1 FROM sqlite_master'); // reads the header
}

/**
 * In a file of its own next to `path`, which goes with the process: with this content, in order. Undefined where there is
 * no such SQLite, and where a file that is open keeps its name.
 */
export async function openNativeFile(
  path: string,
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<Sqlite | undefined> {
  const { DatabaseSync } = nativeSqlite() ?? {};
  if (DatabaseSync === undefined || process.platform === 'win32') return undefined;
  const name = `${path}.${process.pid}-${performance.now()}.work.tmp`;
  const fd = fs.openSync(name, 'wx+', 0o600);
  let db: DatabaseSync | undefined;
  try {
    let size = 0;
    for await (const bytes of content)
      for (let done = 0; done < bytes.length; ) {
        const written = fs.writeSync(fd, bytes, done, bytes.length - done, size);
        done += written;
        size += written;
      }
    db = new DatabaseSync(name, SETTINGS);
    // Opens it: from here on it needs no name, and must not make another file beside it.
    db.exec('PRAGMA journal_mode=MEMORY; SELECT 1 FROM sqlite_master');
    return new NativeSqlite(db, fd);
  } catch (error) {
    db?.close();
    fs.closeSync(fd);
    throw error;
  } finally {
    fs.rmSync(name, { force: true });
  }
}

/** As sql.js has it. A full-text index is a table that writes tables, which "defensive" forbids. */
const SETTINGS = {
  enableForeignKeyConstraints: false,
  enableDoubleQuotedStringLiterals: true,
  defensive: false,
};

class NativeSqlite implements Sqlite {
  readonly fd?: number;
  readonly #db: DatabaseSync;
  readonly #changes: StatementSync;

  constructor(db: DatabaseSync, fd?: number) {
    this.#db = db;
    this.#changes = db.prepare('SELECT changes() AS n');
    if (fd !== undefined) this.fd = fd;
  }

  prepare(sql: string): Compiled {
    const statement = this.#db.prepare(sql);
    refuseMore(sql, statement.sourceSQL);
    return new NativeCompiled(statement);
  }

  exec(sql: string): void {
    this.#db.exec(sql);
  }

  list(sql: string): SqlValue[] {
    return this.prepare(sql)
      .all([])
      .map((row) => Object.values(row)[0] ?? null);
  }

  changes(): number {
    return Number(this.#changes.get()?.['n']);
  }

  export(): Uint8Array {
    const { fd } = this;
    if (fd === undefined) {
      const db: DatabaseSync & { serialize?(): Uint8Array } = this.#db;
      return db.serialize?.() ?? new Uint8Array();
    }
    const bytes = new Uint8Array(fs.fstatSync(fd).size);
    for (let at = 0; at < bytes.length; ) at += fs.readSync(fd, bytes, at, bytes.length - at, at);
    return bytes;
  }

  close(): void {
    this.#db.close();
    if (this.fd !== undefined) fs.closeSync(this.fd);
  }
}

class NativeCompiled implements Compiled {
  readonly #statement: StatementSync;

  constructor(statement: StatementSync) {
    this.#statement = statement;
  }

  run(params: SqlValue[]): number {
    return Number(this.#statement.run(...params.map(bound)).changes);
  }

  all(params: SqlValue[], limit?: number): Row[] {
    const values = params.map(bound);
    try {
      if (limit !== 1) return this.#statement.all(...values) as Row[];
      const row = this.#statement.get(...values);
      return row === undefined ? [] : [row as Row];
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#inexact(values);
    }
  }

  /** The garbage collector has it. */
  free(): void {}

  /** Whole numbers that JavaScript has no number for: another program wrote them. As with sql.js, the nearest is taken. */
  #inexact(values: ReturnType<typeof bound>[]): Row[] {
    this.#statement.setReadBigInts(true);
    try {
      return this.#statement
        .all(...values)
        .map((row) =>
          Object.fromEntries(
            Object.entries(row).map(([name, value]) => [
              name,
              typeof value === 'bigint' ? Number(value) : value,
            ]),
          ),
        );
    } finally {
      this.#statement.setReadBigInts(false);
    }
  }
}

const BITS_31 = 2 ** 31;

/** Node stores every number as floating point, sql.js those of 32 bits as integers. Both have to store the same. */
function bound(value: SqlValue): string | number | bigint | null | Uint8Array {
  return typeof value === 'number' && Number.isInteger(value) && value >= -BITS_31 && value < BITS_31
    ? BigInt(value)
    : value;
}
