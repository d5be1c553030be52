import { crc32 } from './disk.ts';
import { checkedParams, type Engine, type Row, type SqlValue } from './engine.ts';

/** What a `write` body works with. Usable only while the body runs. */
export interface Tx {
  /** Runs a statement and answers how many rows it inserted, updated or deleted. */
  run(sql: string, params?: readonly SqlValue[]): number;
  /** The first row; also of a writing statement with RETURNING. */
  get(sql: string, params?: readonly SqlValue[]): Row | undefined;
  all(sql: string, params?: readonly SqlValue[]): Row[];
}

/** Runs statements and remembers those that changed something: they are the body's record in the journal. */
export class RecordingTx implements Tx {
  readonly statements: JournalStatement[] = [];
  readonly #engine: Engine;
  #ended = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  run(sql: string, params: readonly SqlValue[] = []): number {
    return this.#do(sql, params).changes;
  }

  get(sql: string, params: readonly SqlValue[] = []): Row | undefined {
    return this.all(sql, params)[0];
  }

  all(sql: string, params: readonly SqlValue[] = []): Row[] {
    return this.#do(sql, params).rows;
  }

  end(): void {
    this.#ended = true;
  }

  #do(sql: string, params: readonly SqlValue[]): { rows: Row[]; changes: number } {
    if (this.#ended) throw new Error('a transaction ends with its body: nothing can run in it later');
    const prepared = this.#engine.prepare(sql);
    const values = checkedParams(params);
    if (prepared.kind === 'read') return { rows: prepared.all(values), changes: 0 };
    const { rows, changes } = prepared.change(values);
    if (prepared.kind === 'schema') this.#engine.forgetStatements();
    this.statements.push({ sql, params: values, changes });
    return { rows, changes };
  }
}

/**
 * The journal is text, one record a line, so that a person with a damaged disk can read it:
 *
 *     <crc32, 8 hex digits> <sequence number> <base> <JSON>\n
 *
 * The checksum covers everything between it and the line end. `base` is the last sequence number that was already on
 * the disk when the record was written: the records of one group commit share it. A damaged record followed by one
 * whose base reaches it had been acknowledged; a damaged record followed by none was torn by a crash.
 * A line without JSON is a seal: it only says how far the disk had come after a group of several records.
 */
interface Line {
  readonly seq: number;
  readonly base: number;
  /** Empty for a seal. */
  readonly json: string;
  /** Offset of the next line. */
  readonly next: number;
}

/** A statement as the journal keeps it: its text at first use in a segment, later its number; parameters; changed rows. */
type StoredStatement = readonly [sql: string | number, params: readonly StoredValue[], changes?: number];

/** JSON has no bytes. */
type StoredValue = string | number | null | { readonly b: string };

function storeValue(value: SqlValue): StoredValue {
  return value instanceof Uint8Array ? { b: Buffer.from(value).toString('base64') } : value;
}

export interface JournalStatement {
  readonly sql: string;
  readonly params: readonly SqlValue[];
  readonly changes: number;
}

/** Does again what a record says. @throws Error when it does not do the same */
export function repeat(engine: Engine, { sql, params, changes }: JournalStatement): void {
  const prepared = engine.prepare(sql);
  const done = prepared.change([...params]);
  if (prepared.kind === 'schema') engine.forgetStatements();
  if (done.changes !== changes) throw new Error(`it changed ${done.changes} rows, ${changes} the first time`);
}

/** The JSON of a record. `numbers` are those of the texts that came before; a new one gets the next. */
export function encodeStatements(
  statements: readonly JournalStatement[],
  numbers: Map<string, number>,
  added?: (sql: string) => void,
): string {
  const stored = statements.map(({ sql, params, changes }): StoredStatement => {
    let name: string | number | undefined = numbers.get(sql);
    if (name === undefined) {
      numbers.set(sql, numbers.size);
      added?.(sql);
      name = sql;
    }
    const values = params.map(storeValue);
    return changes === 0 ? [name, values] : [name, values, changes];
  });
  return JSON.stringify(stored);
}

function restoreValue(value: unknown): SqlValue {
  if (typeof value === 'string' || typeof value === 'number' || value === null) return value;
  if (typeof value === 'object' && 'b' in value && typeof value.b === 'string')
    return new Uint8Array(Buffer.from(value.b, 'base64'));
  throw new TypeError('not a stored value');
}

/** @throws Error when the text is not what `StoredStatement[]` looks like as JSON */
export function parseStatements(json: string): {
  readonly sql: string | number;
  readonly params: SqlValue[];
  readonly changes: number;
}[] {
  const statements: unknown = JSON.parse(json);
  if (!Array.isArray(statements)) throw new TypeError('not a list of statements');
  return statements.map((entry: unknown) => {
    if (!Array.isArray(entry)) throw new TypeError('not a statement');
    const [sql, params, changes = 0]: unknown[] = entry;
    if (
      (typeof sql !== 'string' && typeof sql !== 'number') ||
      typeof changes !== 'number' ||
      !Array.isArray(params)
    )
      throw new TypeError('not a statement');
    return { sql, params: params.map(restoreValue), changes };
  });
}

const LF = 0x0a;
const SPACE = 0x20;
const CRC_DIGITS = 8;

const USUAL_BYTES = 64 * 1024;
const KEPT_BYTES = 1024 * 1024;

/** Collects lines into one run of bytes. The bytes stay valid until the next `clear`. */
export class LineBuffer {
  #bytes = Buffer.allocUnsafe(USUAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
    // One big record must not keep its room forever.
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafe(USUAL_BYTES);
  }

  add(seq: number, base: number, json: string): void {
    const text = json === '' ? `${seq} ${base}` : `${seq} ${base} ${json}`;
    const start = this.#length + CRC_DIGITS + 1;
    // UTF-8 needs at most three bytes for a UTF-16 unit; a long text is measured instead of guessed.
    const bytes = text.length > USUAL_BYTES ? Buffer.byteLength(text) : text.length * 3;
    this.#reserve(start + bytes + 1);
    const end = start + this.#bytes.write(text, start, 'utf8');
    const crc = crc32(this.#bytes.subarray(start, end)).toString(16).padStart(CRC_DIGITS, '0');
    this.#bytes.write(crc, this.#length, 'latin1');
    this.#bytes[start - 1] = SPACE;
    this.#bytes[end] = LF;
    this.#length = end + 1;
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(size, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** The line at `offset`, or undefined when what stands there is not a whole, undamaged line. */
export function readLine(bytes: Buffer, offset: number): Line | undefined {
  const end = bytes.indexOf(LF, offset);
  const start = offset + CRC_DIGITS + 1;
  if (end < start || bytes[start - 1] !== SPACE) return undefined;
  if (crc32(bytes.subarray(start, end)) !== hexNumber(bytes, offset)) return undefined;
  // The checksum holds: from here on everything has the form that `LineBuffer` gave it.
  const afterSeq = bytes.indexOf(SPACE, start);
  const seq = decimalNumber(bytes, start, afterSeq);
  let afterBase = bytes.indexOf(SPACE, afterSeq + 1);
  if (afterBase < 0 || afterBase > end) afterBase = end;
  const base = decimalNumber(bytes, afterSeq + 1, afterBase);
  return { seq, base, json: bytes.toString('utf8', afterBase + 1, end), next: end + 1 };
}

/** The checksum's digits; -1, which no checksum is, for anything else. */
function hexNumber(bytes: Buffer, offset: number): number {
  let value = 0;
  for (let at = offset; at < offset + CRC_DIGITS; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x30 && byte <= 0x39) value = value * 16 + byte - 0x30;
    else if (byte >= 0x61 && byte <= 0x66) value = value * 16 + byte - 0x57;
    else return -1;
  }
  return value;
}

function decimalNumber(bytes: Buffer, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) value = value * 10 + (bytes[at] ?? 0) - 0x30;
  return value;
}

/**
 * Whether something after `offset` proves that record `seq` had been on the disk. Looks at every byte, because the
 * damage may sit in a line end.
 */
export function provenAfter(bytes: Buffer, offset: number, seq: number): boolean {
  for (let at = offset + 1; at + CRC_DIGITS < bytes.length; at++) {
    if (bytes[at + CRC_DIGITS] !== SPACE) continue;
    const line = readLine(bytes, at);
    if (line !== undefined && line.base >= seq) return true;
  }
  return false;
}
