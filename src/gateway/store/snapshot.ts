import { basename, dirname, join } from 'node:path';
import { crc32 } from './crc32.ts';
import type { Disk } from './disk.ts';
import type { Engine } from './engine.ts';
import { writeMetaSeq } from './meta.ts';

/**
 * A snapshot is a normal SQLite file. SQLite itself has no checksum for it, so three of the header's free fields carry
 * one: `application_id` marks the file as ours, `user_version` holds the CRC-32 of everything else, and a change
 * counter of 1 says that nobody wrote to the file since. A person who edits the file with the sqlite3 shell moves the
 * counter: such a file is checked by SQLite's own integrity check instead.
 */
const APPLICATION_ID = 0x50694757; // "PiGW"
const CHANGE_COUNTER_AT = 24;
const USER_VERSION_AT = 60;
const APPLICATION_ID_AT = 68;
const VERSION_VALID_FOR_AT = 92;
const HEADER_BYTES = 100;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function checksum(bytes: Uint8Array): number {
  const before = crc32(bytes.subarray(0, USER_VERSION_AT));
  return crc32(bytes.subarray(USER_VERSION_AT + 4), before);
}

/** Writes mark and checksum into the bytes of a freshly exported database. */
export function stampSnapshot(bytes: Uint8Array): void {
  const view = viewOf(bytes);
  view.setUint32(CHANGE_COUNTER_AT, 1);
  view.setUint32(VERSION_VALID_FOR_AT, 1);
  view.setUint32(APPLICATION_ID_AT, APPLICATION_ID);
  view.setUint32(USER_VERSION_AT, checksum(bytes));
}

/** The whole database as the bytes of a snapshot that contains the records up to `seq`. */
export function snapshotOf(engine: Engine, seq: number): Uint8Array {
  writeMetaSeq(engine, seq);
  const bytes = engine.export();
  stampSnapshot(bytes);
  return bytes;
}

/** `intact` and `wrong` by our checksum; `unknown` when it is not (or no longer) one of our untouched files. */
export function checkStamp(bytes: Uint8Array): 'intact' | 'wrong' | 'unknown' {
  if (bytes.length < HEADER_BYTES) return 'unknown';
  const view = viewOf(bytes);
  if (view.getUint32(APPLICATION_ID_AT) !== APPLICATION_ID || view.getUint32(CHANGE_COUNTER_AT) !== 1)
    return 'unknown';
  return view.getUint32(USER_VERSION_AT) === checksum(bytes) ? 'intact' : 'wrong';
}

/** Where the last snapshot of a run is written before it takes its place. */
export function temporaryPath(path: string): string {
  return `${path}.tmp`;
}

/** The same for the compaction thread, which may still be writing when the run ends. */
export function compactionPath(path: string): string {
  return `${path}.compact.tmp`;
}

/** Writes the bytes under a temporary name and makes them durable; `publish` puts them in place. */
export async function writeTemporary(disk: Disk, temporary: string, bytes: Uint8Array): Promise<void> {
  await disk.remove(temporary);
  const file = await disk.open(temporary, 'create');
  try {
    await file.write(bytes, 0);
    await file.sync();
    await file.close();
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

/** Takes away what was being written beside the database when a run ended. */
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
