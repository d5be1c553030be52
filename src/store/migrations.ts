import { basename, dirname, join } from 'node:path';
import type { Clock } from '../base/async.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type Disk, damaged, nodeDisk } from './disk.ts';
import { Engine, type Row } from './engine.ts';
import { segmentsOf } from './journal.ts';
import {
  createMeta,
  isOurs,
  publish,
  readMeta,
  removeTemporaries,
  SET_META,
  temporaryPath,
  writeSnapshot,
  writeTemporary,
} from './snapshot.ts';
import { RecordingTx, type Tx } from './transaction.ts';

/** One step of the schema. Steps run in order, each in one transaction with the note that it ran. */
export interface Migration {
  /** 1, 2, 3, … without gaps. */
  readonly version: number;
  readonly name: string;
  readonly statements: readonly string[];
}

/**
 * The steps still to take from `version`.
 * @throws GatewayError `storage_newer` when the database is ahead of this program
 */
export function pendingMigrations(
  path: string,
  all: readonly Migration[],
  version: number,
): readonly Migration[] {
  for (const [index, migration] of all.entries())
    if (migration.version !== index + 1)
      throw new RangeError(
        `migration ${migration.name} has version ${migration.version}, expected ${index + 1}`,
      );
  if (version > all.length)
    throw new GatewayError(
      'storage_newer',
      `${path} has schema ${version}, this program knows ${all.length}`,
      {
        hint: 'Install the newer version again, or restore the backup made before the upgrade.',
      },
    );
  return all.slice(version);
}

export function runMigration(tx: Tx, migration: Migration): void {
  for (const statement of migration.statements) tx.run(statement);
  tx.run(SET_META, [migration.version, 'version']);
}

/** `20260131T235959Z`: sorts by time and is a file name everywhere. */
function fileTimestamp(now: number): string {
  return new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
}

/** A name next to the database that says when, and that nothing has yet. */
export async function backupPath(disk: Disk, path: string, now: number): Promise<string> {
  const names = await disk.list(dirname(path));
  const wanted = `${path}.bak-${fileTimestamp(now)}`;
  let backup = wanted;
  for (let n = 2; names.includes(basename(backup)); n++) backup = `${wanted}-${n}`;
  return backup;
}

/** Paths of the copies of a database. */
export async function copiesOf(disk: Disk, path: string): Promise<string[]> {
  const names = await disk.list(dirname(path));
  return names
    .filter((name) => name.startsWith(`${basename(path)}.bak-`))
    .map((name) => join(dirname(path), name));
}

/** Writes a file that is there in full or not at all. */
async function keepCopy(disk: Disk, copy: string, bytes: Uint8Array): Promise<void> {
  await writeTemporary(disk, `${copy}.tmp`, bytes);
  await publish(disk, `${copy}.tmp`, copy);
}

/** https://www.sqlite.org/fileformat2.html#the_rollback_journal */
const ROLLBACK_MAGIC = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/** SQLite's own rollback journal next to a file means that a transaction was cut off in the middle of it. */
export async function refuseHotJournal(path: string, disk: Disk): Promise<void> {
  const journal = await disk.read(`${path}-journal`);
  if (journal === undefined || journal.length < 8) return;
  if (!ROLLBACK_MAGIC.every((byte, index) => journal[index] === byte)) return;
  throw new GatewayError('storage_damaged', `another program was stopped while it wrote to ${path}`, {
    hint: `Open it once with the sqlite3 shell, which finishes that write: sqlite3 ${path} .schema`,
  });
}

/**
 * SQLite's write-ahead log, as https://www.sqlite.org/fileformat2.html#walformat describes it: sql.js cannot read one.
 */
const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC_LITTLE_ENDIAN_SUMS = 0x377f0682;
const MAGIC_BIG_ENDIAN_SUMS = 0x377f0683;
const FORMAT_VERSION = 3_007_000;

/** Offsets in the header of a database file. */
const WRITE_VERSION_AT = 18;
const READ_VERSION_AT = 19;
const CHANGE_COUNTER_AT = 24;
const PAGE_COUNT_AT = 28;
const VERSION_VALID_FOR_AT = 92;
const DATABASE_HEADER_BYTES = 100;

type Sums = readonly [number, number];

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Fletcher-like sums over 8-byte groups, going on from `start`. */
function checksum(view: DataView, from: number, to: number, littleEndian: boolean, start: Sums): Sums {
  let [a, b] = start;
  for (let at = from; at < to; at += 8) {
    a = (a + view.getUint32(at, littleEndian) + b) >>> 0;
    b = (b + view.getUint32(at + 4, littleEndian) + a) >>> 0;
  }
  return [a, b];
}

interface CommittedPages {
  readonly pageSize: number;
  /** Size of the database after the last commit, in pages. */
  readonly pageCount: number;
  /** Newest committed content by page number (from 1), as offsets into the log. */
  readonly offsets: ReadonlyMap<number, number>;
}

/** What the log has committed; undefined when that is nothing. */
function committedPages(wal: Uint8Array): CommittedPages | undefined {
  if (wal.length < WAL_HEADER_BYTES) return undefined;
  const view = viewOf(wal);
  const magic = view.getUint32(0);
  if (magic !== MAGIC_LITTLE_ENDIAN_SUMS && magic !== MAGIC_BIG_ENDIAN_SUMS) return undefined;
  if (view.getUint32(4) !== FORMAT_VERSION) return undefined;
  const littleEndian = magic === MAGIC_LITTLE_ENDIAN_SUMS;
  const pageSize = view.getUint32(8);
  if (pageSize < 512 || pageSize > 65536 || (pageSize & (pageSize - 1)) !== 0) return undefined;
  const salt1 = view.getUint32(16);
  const salt2 = view.getUint32(20);
  let sums = checksum(view, 0, 24, littleEndian, [0, 0]);
  if (sums[0] !== view.getUint32(24) || sums[1] !== view.getUint32(28)) return undefined;

  const committed = new Map<number, number>();
  let open = new Map<number, number>();
  let pageCount = 0;
  const frame = FRAME_HEADER_BYTES + pageSize;
  for (let at = WAL_HEADER_BYTES; at + frame <= wal.length; at += frame) {
    const page = view.getUint32(at);
    // Frames with other salts are left from before the log was last reused.
    if (page === 0 || view.getUint32(at + 8) !== salt1 || view.getUint32(at + 12) !== salt2) break;
    sums = checksum(view, at, at + 8, littleEndian, sums);
    sums = checksum(view, at + FRAME_HEADER_BYTES, at + frame, littleEndian, sums);
    if (sums[0] !== view.getUint32(at + 16) || sums[1] !== view.getUint32(at + 20)) break;
    open.set(page, at + FRAME_HEADER_BYTES);
    const sizeAfterCommit = view.getUint32(at + 4);
    if (sizeAfterCommit === 0) continue;
    for (const [number, offset] of open) committed.set(number, offset);
    open = new Map();
    pageCount = sizeAfterCommit;
  }
  return pageCount === 0 ? undefined : { pageSize, pageCount, offsets: committed };
}

/** Whether the file says that its newest content may stand in a `-wal` file next to it. */
export function isInWalMode(db: Uint8Array): boolean {
  return db.length >= DATABASE_HEADER_BYTES && (db[WRITE_VERSION_AT] === 2 || db[READ_VERSION_AT] === 2);
}

/**
 * The database with everything committed in its write-ahead log, as a file that no longer needs one.
 * Frames after the last whole commit, and a log that is not one, are ignored as SQLite ignores them. Pure: the
 * arguments stay as they are.
 */
export function mergeWal(db: Uint8Array, wal: Uint8Array): Uint8Array {
  const pages = committedPages(wal);
  const merged = pages === undefined ? new Uint8Array(db) : new Uint8Array(pages.pageSize * pages.pageCount);
  if (pages !== undefined) {
    merged.set(db.subarray(0, merged.length));
    for (const [page, offset] of pages.offsets) {
      if (page > pages.pageCount) continue;
      merged.set(wal.subarray(offset, offset + pages.pageSize), (page - 1) * pages.pageSize);
    }
  }
  if (merged.length < DATABASE_HEADER_BYTES) return merged;
  merged[WRITE_VERSION_AT] = 1;
  merged[READ_VERSION_AT] = 1;
  if (pages !== undefined) {
    const view = viewOf(merged);
    view.setUint32(PAGE_COUNT_AT, pages.pageCount);
    view.setUint32(VERSION_VALID_FOR_AT, view.getUint32(CHANGE_COUNTER_AT));
  }
  return merged;
}

/** What an older gateway left in a database file. */
export interface Legacy {
  /** Every table with all of its rows, columns by name. */
  readonly tables: ReadonlyMap<string, readonly Row[]>;
}

interface AdoptOptions {
  readonly disk: Disk;
  readonly path: string;
  readonly migrations: readonly Migration[];
  /** Writes @0xkobold/pi-gateway's rows into the new schema. Runs again from the start when a crash came between. */
  readonly adopt: (tx: Tx, legacy: Legacy) => void;
  readonly newStore: string;
  readonly clock: Clock;
  readonly log: Logger;
}

interface LegacyFiles extends Legacy {
  readonly db: Uint8Array;
  readonly wal: Uint8Array | undefined;
}

/**
 * The rows of a database that is not ours, with what its write-ahead log has committed. Changes no file.
 * @returns undefined when there is no such file, when it is empty, and when it is one of ours
 * @throws GatewayError `storage_damaged` when it cannot be read
 */
export async function readLegacy(path: string, disk: Disk = nodeDisk): Promise<Legacy | undefined> {
  const files = await readLegacyFiles(path, disk);
  return files === undefined ? undefined : { tables: files.tables };
}

async function readLegacyFiles(path: string, disk: Disk): Promise<LegacyFiles | undefined> {
  if (await isBigOfOurs(path, disk)) return undefined;
  const db = await disk.read(path);
  if (db === undefined || isOurs(db)) return undefined;
  const wal = await disk.read(`${path}-wal`);
  const merged = mergeWal(db, wal ?? new Uint8Array());
  if (merged.length === 0) return undefined;
  await refuseHotJournal(path, disk);
  try {
    const engine = await Engine.open(merged);
    try {
      if (readMeta(engine) !== undefined) return undefined;
      const tables = readTables(engine);
      return tables.size === 0 ? undefined : { tables, db, wal };
    } finally {
      engine.close();
    }
  } catch (error) {
    throw damaged(path, 0, messageOf(error), error);
  }
}

/** A big one is not read twice, even when another program has written it or to it. */
async function isBigOfOurs(path: string, disk: Disk): Promise<boolean> {
  const paged = disk.paged?.(path);
  if (paged === undefined) return false;
  let engine: Engine | undefined;
  try {
    const header = await paged.readSnapshot(0, 100);
    if (isOurs(header)) return true;
    if (isInWalMode(header)) return false;
    engine = await Engine.openPaged(paged);
    return engine !== undefined && readMeta(engine) !== undefined;
  } catch {
    return false; // anyone who reads it as a whole says what is wrong with it
  } finally {
    if (engine === undefined) paged.close();
    else engine.close();
  }
}

function readTables(engine: Engine): Map<string, Row[]> {
  const names = engine
    .prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`)
    .all([])
    .map((row) => String(row['name']));
  return new Map(
    names.map((name) => [name, engine.prepare(`SELECT * FROM "${name.replaceAll('"', '""')}"`).all([])]),
  );
}

/**
 * Takes over the database of an older gateway: keeps a copy, writes its rows into a new database of ours, and puts that
 * in its place in one step. A crash before that step starts over; after it the old write-ahead log is only in the way.
 * @returns whether there was something to take over
 */
export async function adoptLegacy(options: AdoptOptions): Promise<boolean> {
  const { disk, path, log } = options;
  const legacy = await readLegacyFiles(path, disk);
  if (legacy === undefined) return false;
  const folder = dirname(path);
  if (segmentsOf(path, await disk.list(folder)).length > 0)
    throw new GatewayError(
      'storage_foreign',
      `${path} belongs to another program, but the gateway's journal is next to it`,
      {
        hint: `Restore the gateway's ${basename(path)}, or move the ${basename(path, '.db')}-*.log files away to import this one.`,
      },
    );
  await disk.protectFolder(folder);
  await removeTemporaries(disk, path);
  const backup = await keepLegacyCopy(options, legacy);
  const temporary = temporaryPath(path, options.newStore);
  await rewrite(options, legacy, temporary);
  await publish(disk, temporary, path);
  const rows = [...legacy.tables].map(([table, { length }]) => `${table} ${length}`).join(', ');
  log.info('imported the database of @0xkobold/pi-gateway', { file: path, backup, rows });
  return true;
}

async function rewrite(options: AdoptOptions, legacy: Legacy, temporary: string): Promise<void> {
  const engine = await Engine.open();
  try {
    createMeta(engine, options.newStore);
    engine.begin();
    const tx = new RecordingTx(engine);
    for (const migration of options.migrations) runMigration(tx, migration);
    options.adopt(tx, legacy);
    tx.end();
    engine.commit();
    await writeSnapshot(options.disk, temporary, engine, { seq: 0, epoch: 0 });
  } finally {
    engine.close();
  }
}

/** The files as they were. A start that was cut off has made the copy already. */
async function keepLegacyCopy({ disk, path, clock }: AdoptOptions, legacy: LegacyFiles): Promise<string> {
  const folder = dirname(path);
  const prefix = `${basename(path)}.bak-`;
  for (const name of await disk.list(folder)) {
    if (!name.startsWith(prefix) || name.endsWith('-wal')) continue;
    const copy = join(folder, name);
    if (same(await disk.read(copy), legacy.db) && same(await disk.read(`${copy}-wal`), legacy.wal))
      return copy;
  }
  const backup = await backupPath(disk, path, clock());
  // The log first: a copy of the database alone would look complete.
  if (legacy.wal !== undefined) await keepCopy(disk, `${backup}-wal`, legacy.wal);
  await keepCopy(disk, backup, legacy.db);
  return backup;
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}
