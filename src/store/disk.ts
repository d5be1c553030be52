import * as fs from 'node:fs';
import * as fsp from 'node:fs/promises';
import * as zlib from 'node:zlib';
import { defined } from '../base/defined.ts';
import { GatewayError, systemCode } from '../base/errors.ts';
import { syncFile } from '../base/files.ts';
import { type Base, openBase, PagedFile } from './paged-file.ts';

/** Files from here on stay on the disk: a small one is read faster as a whole, and then no one can change it anymore. */
const PAGED_FROM_BYTES = 4 * 1024 * 1024;
/** No single call reads or writes 2 GiB. */
const MAX_CALL_BYTES = 256 * 1024 * 1024;

/** Bytes at an offset, and a promise that they stay there. */
export interface DiskFile {
  /** All of `bytes` or an error; on an error any part may have been written. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Resolves when everything written is on the disk (`fdatasync`). */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
  /** `write` with a promise that these bytes stay, and no other, in one call; absent where the system has none. */
  readonly writeSynced?: (bytes: Uint8Array, position: number) => Promise<void>;
  /** `write` and `sync` on the calling thread; absent where the file cannot. */
  readonly now?: {
    write(bytes: Uint8Array, position: number): void;
    sync(): void;
  };
}

/** The file system as far as the store needs it: a port, so that tests can fill disks and cut the power. */
export interface Disk {
  /** The whole file, or undefined when there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /**
   * A big file, to be read page by page; undefined for every other one, whose content the caller reads and gives here as
   * `whole`. Absent where a database is kept in memory.
   */
  paged?(path: string, whole?: Uint8Array): PagedFile | undefined;
  /** SQLite may work in a file of its own next to a database, whose content is copied there. */
  readonly copies?: boolean;
  /** A new snapshot, for a paged file to stand on. */
  base?(path: string): Promise<Base>;
  /** Names in a directory; empty when there is none. */
  list(folder: string): Promise<string[]>;
  /** Opens for writing, 0600; `create` demands that it does not exist yet, `existing` that it does. */
  open(path: string, how: 'create' | 'existing'): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; none there is fine. */
  remove(path: string): Promise<void>;
  /** Makes the directory's entries (creations, renames, removals) durable. */
  syncFolder(folder: string): Promise<void>;
  /** Creates the directory 0700 where missing, and takes wider rights away. */
  protectFolder(folder: string): Promise<void>;
  /** Takes rights beyond 0600 away; none there is fine. */
  protectFile(path: string): Promise<void>;
}

async function ignoringAbsence(action: Promise<unknown>): Promise<void> {
  try {
    await action;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

async function narrow(path: string, mode: number): Promise<void> {
  const stat = await fsp.stat(path);
  // A directory that everyone shares on purpose (/tmp) is not ours to close.
  if ((stat.mode & 0o1000) !== 0) return;
  if ((stat.mode & 0o777 & ~mode) !== 0) await fsp.chmod(path, stat.mode & mode);
}

/** Callback calls: the promise API costs a third of a commit. */
class NodeFile implements DiskFile {
  readonly #fd: number;
  readonly #syncedFd: number | undefined;
  readonly now: NonNullable<DiskFile['now']>;
  readonly writeSynced?: (bytes: Uint8Array, position: number) => Promise<void>;

  /** `syncedFd`: the same file, opened so that each write waits for the disk. */
  constructor(fd: number, syncedFd?: number) {
    this.#fd = fd;
    this.#syncedFd = syncedFd;
    if (syncedFd !== undefined) this.writeSynced = (bytes, position) => writeAll(syncedFd, bytes, position);
    this.now = {
      write(bytes, position) {
        for (let done = 0; done < bytes.length; )
          done += fs.writeSync(fd, bytes, done, callBytes(bytes.length - done), position + done);
      },
      sync: () => fs.fdatasyncSync(fd),
    };
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return writeAll(this.#fd, bytes, position);
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  truncate(length: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.ftruncate(this.#fd, length, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  async close(): Promise<void> {
    try {
      if (this.#syncedFd !== undefined) await closeDescriptor(this.#syncedFd);
    } finally {
      await closeDescriptor(this.#fd);
    }
  }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const step = (offset: number): void => {
      const length = callBytes(bytes.length - offset);
      fs.write(fd, bytes, offset, length, position + offset, (error, written) => {
        if (error !== null) reject(error);
        else if (offset + written >= bytes.length) resolve();
        else step(offset + written);
      });
    };
    step(0);
  });
}

function closeDescriptor(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.close(fd, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

/**
 * The same file once more, where a write is on the disk when it returns: one change of threads for a commit instead of
 * two. Linux alone says of it what `fdatasync` says; macOS leaves the bytes in the drive's cache.
 */
function openSynced(path: string, found: (fd: number | undefined) => void): void {
  if (process.platform !== 'linux') found(undefined);
  else
    fs.open(path, fs.constants.O_WRONLY | fs.constants.O_DSYNC, (error, fd) =>
      found(error === null ? fd : undefined),
    );
}

function callBytes(length: number): number {
  return Math.min(length, MAX_CALL_BYTES);
}

/** `readFile` ends at 2 GiB. */
async function readWhole(path: string): Promise<Uint8Array> {
  const handle = await fsp.open(path, 'r');
  try {
    const { size } = await handle.stat();
    if (size < MAX_CALL_BYTES) return await handle.readFile();
    const bytes = new Uint8Array(size);
    for (let done = 0; done < size; ) {
      const { bytesRead } = await handle.read(bytes, done, callBytes(size - done), done);
      if (bytesRead === 0) return bytes.subarray(0, done);
      done += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}

export const nodeDisk: Disk = {
  async read(path) {
    try {
      return await readWhole(path);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  },
  copies: true,
  paged(path, whole) {
    // Windows replaces no file that is open.
    if (process.platform === 'win32') return undefined;
    return whole === undefined ? PagedFile.open(path, PAGED_FROM_BYTES) : PagedFile.of(path, whole);
  },
  base: async (path) => openBase(path),
  async list(folder) {
    try {
      return await fsp.readdir(folder);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    }
  },
  open(path, how) {
    return new Promise((resolve, reject) => {
      fs.open(path, how === 'create' ? 'wx' : 'r+', 0o600, (error, fd) =>
        error === null ? openSynced(path, (synced) => resolve(new NodeFile(fd, synced))) : reject(error),
      );
    });
  },
  rename: (from, to) => fsp.rename(from, to),
  remove: (path) => ignoringAbsence(fsp.unlink(path)),
  async syncFolder(folder) {
    // Windows cannot open a directory; there the rename itself is as durable as it gets.
    if (process.platform === 'win32') return;
    const handle = await fsp.open(folder, 'r');
    try {
      await syncFile(handle);
    } finally {
      await handle.close();
    }
  },
  async protectFolder(folder) {
    await fsp.mkdir(folder, { recursive: true, mode: 0o700 });
    await narrow(folder, 0o700);
  },
  protectFile: (path) => ignoringAbsence(narrow(path, 0o600)),
};

/** A file that cannot be trusted: the store stops and leaves every file unchanged. */
export function damaged(path: string, offset: number, what: string, cause?: unknown): GatewayError {
  return new GatewayError('storage_damaged', `${path} is damaged at byte ${offset}: ${what}`, {
    hint: `No file was changed. Restore ${path} and the files of the same name from a backup, or move them all away to start empty.`,
    ...defined({ cause }),
  });
}

/** The snapshot names a segment that is gone: to continue without a word would be to bring back an older state. */
export function journalMissing(path: string, segment: string): GatewayError {
  return new GatewayError(
    'journal_missing',
    `${segment} was removed or emptied: changes made after ${path} was last written are missing`,
    {
      hint: `Restore ${segment} from a backup. To continue without these changes (people who were revoked since may have access again), start once with --accept-lost-changes.`,
    },
  );
}

/** The error a caller gets when the disk did not take what it wanted to store. Nothing of it is kept. */
export function storageFailure(error: unknown, path: string): GatewayError {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new GatewayError('storage_full', `the disk is full: nothing can be stored in ${path}`, {
      status: 507,
      hint: 'Free some disk space. The gateway resumes automatically.',
      cause: error,
    });
  const detail = error instanceof Error ? error.message : String(error);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new GatewayError('storage_failed', `this user cannot write in ${path}: ${detail}`, {
      hint: 'Run it as the user that owns the data directory, give that user the right to write there, or give another one with --data-dir.',
      cause: error,
    });
  return new GatewayError('storage_failed', `the disk refused to store in ${path}: ${detail}`, {
    hint: 'Check the disk and the rights of the data directory; the gateway tries again with the next message.',
    cause: error,
  });
}

export function closedError(path: string): GatewayError {
  return new GatewayError('storage_closed', `${path} is closed`, { status: 503 });
}

const TABLE = new Uint32Array(256).map((_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** CRC-32 (IEEE) of bytes, table-driven: for runtimes whose zlib has none. */
export function crc32InJs(bytes: Uint8Array, start = 0): number {
  let c = ~start;
  for (const byte of bytes) c = (TABLE[(c ^ byte) & 0xff] ?? 0) ^ (c >>> 8);
  return ~c >>> 0;
}

/** CRC-32 (IEEE); `start` is the checksum of the bytes before. Node >= 22.2 has it in zlib. */
export const crc32: (bytes: Uint8Array, start?: number) => number =
  typeof zlib.crc32 === 'function' ? zlib.crc32 : crc32InJs;

/** Below this a sync is typically over before another thread could have taken it up and answered. */
const FAST_MS = 0.5;
/** One slow answer says little about the next: it counts as no more than this. */
const CLIP_MS = 2;
/** An answer slower than this can be felt on the main thread: for a while there must be no second one. */
const FELT_MS = 20;
const DISTRUST_MS = 5_000;
/** With more records than this in a batch, the disk's time is better spent on another thread. */
const FEW_RECORDS = 2;
/** How many syncs the average looks back on, roughly. */
const MEMORY = 16;

/**
 * Decides where a batch is synced. A change of threads costs a tenth of a millisecond and more, which is what a fast
 * disk needs for half a small commit: there a lone writer is served on the spot. A disk that is slow as a rule, or was
 * felt even once lately, or has other work of ours, is left to the thread pool, so that it never delays the console.
 */
export class SyncPolicy {
  /** Starts distrustful: the first syncs show what the disk is like. */
  #typicalMs = CLIP_MS;
  #distrustUntil = Number.NEGATIVE_INFINITY;

  /** `now` in milliseconds of a monotonic clock. */
  note(durationMs: number, now: number): void {
    this.#typicalMs += (Math.min(durationMs, CLIP_MS) - this.#typicalMs) / MEMORY;
    if (durationMs > FELT_MS) this.#distrustUntil = now + DISTRUST_MS;
  }

  /** `pool`: write and sync elsewhere. `write`: write here, sync elsewhere. `all`: both here. */
  choose(records: number, diskBusy: boolean, now: number): 'pool' | 'write' | 'all' {
    if (diskBusy || now < this.#distrustUntil || this.#typicalMs > FAST_MS) return 'pool';
    return records <= FEW_RECORDS ? 'all' : 'write';
  }
}
