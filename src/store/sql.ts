import { GatewayError } from '../base/errors.ts';

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
export type StatementKind = 'read' | 'write' | 'schema';

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
