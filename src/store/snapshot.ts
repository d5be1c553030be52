import { basename, dirname, join } from 'node:path';
import { systemCode } from '../base/errors.ts';
import type { Disk, DiskFile } from './disk.ts';
import { crc32 } from './disk.ts';
import { Engine } from './engine.ts';
import { type FrozenPages, PagedFile } from './paged-file.ts';

/** The store's own table: it tells our files from others and says how far a snapshot reaches. */
const META_TABLE = 'store_meta';

/** Layout of journal and snapshot; a higher one was written by a newer program. */
export const FORMAT = 1;

export interface Meta {
  readonly format: number;
  /** Random name of this database, in every segment of its journal. */
  readonly store: string;
  /** The last migration that ran. */
  readonly version: number;
  /** The last record that a snapshot contains. Meaningful in snapshots only. */
  readonly seq: number;
  /** The epoch that wrote the snapshot. Meaningful in snapshots only. */
  readonly epoch: number;
}

export function createMeta(engine: Engine, store: string): void {
  engine.run(`CREATE TABLE ${META_TABLE} (key TEXT PRIMARY KEY, value) WITHOUT ROWID`);
  const insert = `INSERT INTO ${META_TABLE} (key, value) VALUES (?, ?)`;
  engine.run(insert, ['format', FORMAT]);
  engine.run(insert, ['store', store]);
  engine.run(insert, ['version', 0]);
  engine.run(insert, ['seq', 0]);
}

/** undefined when the database is not one of ours. */
export function readMeta(engine: Engine): Meta | undefined {
  const table = engine
    .prepare(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?`)
    .get([META_TABLE]);
  if (table === undefined) return undefined;
  const rows = engine.prepare(`SELECT key, value FROM ${META_TABLE}`).all([]);
  const values = new Map(rows.map((row) => [row['key'], row['value']]));
  const store = values.get('store');
  if (typeof store !== 'string') return undefined;
  const number = (key: string): number => Number(values.get(key) ?? 0);
  return {
    format: number('format'),
    store,
    version: number('version'),
    seq: number('seq'),
    epoch: number('epoch'),
  };
}

/** Notes, right before an export, how far the snapshot reaches. */
export function writeMetaSnapshot(engine: Engine, seq: number, epoch: number): void {
  engine.run(SET_META, [seq, 'seq']);
  engine.run(`INSERT OR REPLACE INTO ${META_TABLE} (key, value) VALUES ('epoch', ?)`, [epoch]);
}

export const SET_META = `UPDATE ${META_TABLE} SET value = ? WHERE key = ?`;

/**
 * A snapshot is a normal SQLite file. SQLite itself has no checksum for it, so three of the header's free fields carry
 * one: `application_id` marks the file as ours, `user_version` holds the CRC-32 of everything else, and a change
 * counter of 1 says that no one wrote to the file since. A person who edits the file with the sqlite3 shell moves the
 * counter: such a file is checked by SQLite's own integrity check instead.
 *
 * Twenty bytes that SQLite keeps for later and never reads hold the successor: the newest segment of the journal. It is
 * written in place, within one sector, whenever a segment begins. A journal that is removed or emptied is noticed by it.
 */
const APPLICATION_ID = 0x50694757; // "PiGW"
const CHANGE_COUNTER_AT = 24;
const USER_VERSION_AT = 60;
const APPLICATION_ID_AT = 68;
const SUCCESSOR_AT = 72;
const SUCCESSOR_BYTES = 20;
const VERSION_VALID_FOR_AT = 92;
const HEADER_BYTES = 100;
/** Read or written at a time; the first piece has the whole header. */
const PIECE_BYTES = 4 * 1024 * 1024;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The checksum of a snapshot without a successor, which comes later and has a checksum of its own. */
function checksum(bytes: Uint8Array): number {
  let sum = crc32(bytes.subarray(0, USER_VERSION_AT));
  sum = crc32(bytes.subarray(USER_VERSION_AT + 4, SUCCESSOR_AT), sum);
  sum = crc32(new Uint8Array(SUCCESSOR_BYTES), sum);
  return crc32(bytes.subarray(SUCCESSOR_AT + SUCCESSOR_BYTES), sum);
}

/** A segment of the journal that has to be there as long as the snapshot is. */
export interface Successor {
  readonly first: number;
  readonly epoch: number;
}

function successorBytes(successor: Successor | undefined): Uint8Array {
  const bytes = new Uint8Array(SUCCESSOR_BYTES);
  if (successor === undefined) return bytes;
  const view = viewOf(bytes);
  view.setFloat64(0, successor.first);
  view.setFloat64(8, successor.epoch);
  view.setUint32(16, crc32(bytes.subarray(0, 16)));
  return bytes;
}

/** undefined when the snapshot stands alone: after a clean stop, and in files that an older version wrote. */
export function successorOf(snapshot: Uint8Array): Successor | undefined {
  if (snapshot.length < HEADER_BYTES) return undefined;
  const bytes = snapshot.subarray(SUCCESSOR_AT, SUCCESSOR_AT + SUCCESSOR_BYTES);
  const view = viewOf(bytes);
  const first = view.getFloat64(0);
  if (first === 0 || view.getUint32(16) !== crc32(bytes.subarray(0, 16))) return undefined;
  return { first, epoch: view.getFloat64(8) };
}

/** Writes the successor into a snapshot on the disk; undefined: it stands alone. */
export async function nameSuccessor(
  disk: Disk,
  path: string,
  successor: Successor | undefined,
): Promise<void> {
  const file = await disk.open(path, 'existing');
  try {
    await file.write(successorBytes(successor), SUCCESSOR_AT);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Marks the first bytes of a freshly exported database as ours; the checksum comes last. */
function stampHeader(bytes: Uint8Array): void {
  const view = viewOf(bytes);
  view.setUint32(CHANGE_COUNTER_AT, 1);
  view.setUint32(VERSION_VALID_FOR_AT, 1);
  view.setUint32(APPLICATION_ID_AT, APPLICATION_ID);
  bytes.fill(0, SUCCESSOR_AT, SUCCESSOR_AT + SUCCESSOR_BYTES);
}

/**
 * Writes the whole database, with the records up to `seq`, as a snapshot under a temporary name, piece by piece, and
 * makes it durable; `publish` puts it in place. Answers its size.
 */
export async function writeSnapshot(
  disk: Disk,
  temporary: string,
  engine: Engine,
  { seq, epoch }: { readonly seq: number; readonly epoch: number },
  pieceBytes = PIECE_BYTES,
): Promise<number> {
  writeMetaSnapshot(engine, seq, epoch);
  return writePieces(disk, temporary, engine.pieces(pieceBytes));
}

/** The same for pages that were frozen after `writeMetaSnapshot`. */
export function writePages(disk: Disk, temporary: string, pages: FrozenPages): Promise<number> {
  return writePieces(disk, temporary, PagedFile.frozen(temporary, pages).pieces(pages.size, PIECE_BYTES));
}

/** The same for bytes that are a database already. */
export function writeBytes(disk: Disk, temporary: string, bytes: Uint8Array): Promise<number> {
  return writePieces(disk, temporary, [bytes]);
}

function writePieces(disk: Disk, temporary: string, pieces: Iterable<Uint8Array>): Promise<number> {
  return writeFile(disk, temporary, async (file) => {
    let size = 0;
    let sum = 0;
    for (const piece of pieces) {
      if (size === 0) {
        stampHeader(piece);
        sum = checksum(piece);
      } else sum = crc32(piece, sum);
      await file.write(piece, size);
      size += piece.length;
    }
    const stamp = new Uint8Array(4);
    viewOf(stamp).setUint32(0, sum);
    await file.write(stamp, USER_VERSION_AT);
    return size;
  });
}

/** Makes a snapshot of a database file that was written under this name by SQLite itself. Answers its size. */
export async function stampFile(disk: Disk, temporary: string): Promise<number> {
  const pages = PagedFile.open(temporary, 0);
  if (pages === undefined) throw new Error(`${temporary} is gone`);
  const file = await disk.open(temporary, 'existing');
  try {
    let sum: number | undefined;
    for (const piece of pages.pieces(pages.size, PIECE_BYTES)) {
      if (sum === undefined) {
        stampHeader(piece);
        sum = checksum(piece);
        await file.write(piece.subarray(0, HEADER_BYTES), 0);
      } else sum = crc32(piece, sum);
    }
    const stamp = new Uint8Array(4);
    viewOf(stamp).setUint32(0, sum ?? 0);
    await file.write(stamp, USER_VERSION_AT);
    await file.sync();
    return pages.size;
  } finally {
    pages.close();
    await file.close();
  }
}

/** The snapshot of a new store, in which there is nothing but its name. */
export async function writeEmpty(disk: Disk, temporary: string, store: string, epoch: number): Promise<void> {
  const engine = await Engine.open();
  try {
    createMeta(engine, store);
    await writeSnapshot(disk, temporary, engine, { seq: 0, epoch });
  } finally {
    engine.close();
  }
}

/** Whether the first bytes of a file say that we wrote it. */
export function isOurs(header: Uint8Array): boolean {
  return header.length >= HEADER_BYTES && viewOf(header).getUint32(APPLICATION_ID_AT) === APPLICATION_ID;
}

/** `intact` and `wrong` by our checksum; `unknown` when it is not (or no longer) one of our untouched files. */
export function checkStamp(bytes: Uint8Array): 'intact' | 'wrong' | 'unknown' {
  if (!isOurs(bytes) || viewOf(bytes).getUint32(CHANGE_COUNTER_AT) !== 1) return 'unknown';
  return viewOf(bytes).getUint32(USER_VERSION_AT) === checksum(bytes) ? 'intact' : 'wrong';
}

/** The same for a file that stays on the disk. */
export async function checkPagedStamp(
  file: PagedFile,
  pieceBytes = PIECE_BYTES,
): Promise<'intact' | 'wrong' | 'unknown'> {
  const first = await file.readSnapshot(0, pieceBytes);
  if (!isOurs(first) || viewOf(first).getUint32(CHANGE_COUNTER_AT) !== 1) return 'unknown';
  let sum = checksum(first);
  // The next piece is read while this one is summed up; two pieces of memory are enough for both.
  let [spare, other] = [new Uint8Array(pieceBytes), new Uint8Array(pieceBytes)];
  let next = file.readSnapshot(first.length, pieceBytes, spare);
  for (let at = first.length; at < file.size; ) {
    const piece = await next;
    if (piece.length === 0) return 'wrong';
    at += piece.length;
    [spare, other] = [other, spare];
    next = file.readSnapshot(at, pieceBytes, spare);
    sum = crc32(piece, sum);
  }
  await next;
  return viewOf(first).getUint32(USER_VERSION_AT) === sum ? 'intact' : 'wrong';
}

/**
 * Where a snapshot is written before it takes its place. The name is that of one writer: a start removes what others
 * have left, so that one that was suspended and has lost the store puts nothing in place anymore.
 */
export function temporaryPath(path: string, writer: number | string): string {
  return `${path}.${writer}.tmp`;
}

/** The same for the compaction thread, which may still be writing when the run ends. */
export function compactionPath(path: string, epoch: number): string {
  return `${path}.${epoch}.compact.tmp`;
}

/** Writes the bytes under a temporary name and makes them durable; `publish` puts them in place. */
export async function writeTemporary(disk: Disk, temporary: string, bytes: Uint8Array): Promise<void> {
  await writeFile(disk, temporary, (file) => file.write(bytes, 0));
}

async function writeFile<T>(
  disk: Disk,
  temporary: string,
  content: (file: DiskFile) => Promise<T>,
): Promise<T> {
  await disk.remove(temporary);
  const file = await disk.open(temporary, 'create');
  try {
    const result = await content(file);
    await file.sync();
    await file.close();
    return result;
  } catch (error) {
    // On a full disk half a snapshot takes the room that the journal needs.
    await file.close().catch(() => {});
    await disk.remove(temporary).catch(() => {});
    throw error;
  }
}

/** Puts a finished temporary file in the place of the snapshot, at once and for good. */
export async function publish(disk: Disk, temporary: string, path: string): Promise<void> {
  await disk.rename(temporary, path);
  await disk.syncFolder(dirname(path));
}

/** Takes away what was being written next to the database when a run ended. */
export async function removeTemporaries(disk: Disk, path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await disk.list(folder))
    if (name.startsWith(`${basename(path)}.`) && name.endsWith('.tmp')) await disk.remove(join(folder, name));
}

/** Removes the files of a write-ahead log whose content a snapshot holds, or has never held. */
export async function removeWal(disk: Disk, path: string): Promise<void> {
  await disk.remove(`${path}-wal`);
  await disk.remove(`${path}-shm`);
}

/** A copy of more than that takes its time, and its room on the disk. */
const MAX_COPY_BYTES = 256 * 1024 * 1024;
const COPY_PIECE_BYTES = 1024 * 1024;

/** Undefined where SQLite cannot work in a copy of its own, or where there is no room for one. */
export async function inCopy(
  disk: Disk,
  path: string,
  snapshot: PagedFile | Uint8Array,
): Promise<Engine | undefined> {
  if (disk.copies !== true) return undefined;
  const whole = snapshot instanceof Uint8Array;
  if (!whole && snapshot.size > MAX_COPY_BYTES) return undefined;
  try {
    return await Engine.openCopy(path, whole ? [snapshot] : snapshot.snapshot(COPY_PIECE_BYTES));
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined; // full, or read-only: there is a way without
  }
}
