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
