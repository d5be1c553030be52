import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncData } from '../../base/files.ts';
import type { Logger } from '../../base/log.ts';
import { replaceFile, syncFolder } from '../kit/state-file.ts';

/** One value, set or (with null) removed. Values are JSON texts. */
export interface SessionChange {
  readonly bucket: string;
  readonly id: string;
  readonly value: string | null;
}

/** The file is damaged in its middle: a backup has to be restored, nothing was changed. */
export class DamagedSessionError extends Error {
  override readonly name = 'DamagedSessionError';
  readonly path: string;
  constructor(path: string, line: number) {
    super(`the session file ${path} is damaged at line ${line}`);
    this.path = path;
  }
}

interface Pending {
  readonly changes: readonly SessionChange[];
  readonly done: PromiseWithResolvers<void>;
}

/** The file is rewritten once it is this much larger than what it holds. */
const COMPACT_FACTOR = 4;
const COMPACT_MIN_BYTES = 1 << 20;

/**
 * A small durable key-value file: an append-only log of checksummed lines, read into memory at start. `write` is
 * atomic over all its changes and resolves once they are on disk; writes that are waiting together share one sync. Private
 * keys live here, so the file is 0600. (baileys' own file store writes each key to a file of its own, not atomically.)
 */
export class SessionFile {
  readonly path: string;
  readonly #data = new Map<string, Map<string, string>>();
  #file: FileHandle;
  #size: number;
  #live = 0;
  #queue: Pending[] = [];
  #flushing: Promise<void> | undefined;
  #broken: Error | undefined;

  private constructor(path: string, file: FileHandle, size: number) {
    this.path = path;
    this.#file = file;
    this.#size = size;
  }

  /** Throws DamagedSessionError. A torn last line, left by a crash in the middle of a write, is dropped. */
  static async open(path: string, log: Logger): Promise<SessionFile> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rm(`${path}.tmp`, { force: true });
    const bytes = await readFile(path).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    });
    const { lines, goodBytes } = readLines(path, bytes);
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    await chmod(path, 0o600);
    if (goodBytes < bytes.length) {
      log.warn('the last record of the session file was incomplete and is dropped', { path });
      await file.truncate(goodBytes);
    }
    const session = new SessionFile(path, file, goodBytes);
    for (const changes of lines) session.#apply(changes);
    return session;
  }

  get(bucket: string, id: string): string | undefined {
    return this.#data.get(bucket)?.get(id);
  }

  /** Oldest first. */
  entries(bucket: string): [id: string, value: string][] {
    return [...(this.#data.get(bucket) ?? [])];
  }

  get buckets(): string[] {
    return [...this.#data.keys()];
  }

  /** Nothing of what was taken out stays in the file. */
  async rewrite(): Promise<void> {
    await this.#flushing;
    await this.#compact();
  }

  /** Resolves when all changes are on disk; rejects, with none of them made, when they cannot be. */
  write(changes: readonly SessionChange[]): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const done = Promise.withResolvers<void>();
    this.#queue.push({ changes, done });
    this.#flushing ??= this.#flush();
    return done.promise;
  }

  /** Waits for pending writes and closes the file. Idempotent. */
  async close(): Promise<void> {
    await this.#flushing;
    if (this.#broken instanceof ClosedError) return;
    this.#broken = new ClosedError();
    await this.#file.close();
  }

  /** Closes the file and removes it. */
  async destroy(): Promise<void> {
    await this.close();
    this.#data.clear();
    await rm(this.path, { force: true });
    await syncFolder(dirname(this.path));
  }

  async #flush(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        await this.#append(Buffer.from(batch.map((entry) => lineOf(entry.changes)).join('')));
        for (const entry of batch) this.#apply(entry.changes);
        for (const entry of batch) entry.done.resolve();
      } catch (error) {
        for (const entry of batch) entry.done.reject(error);
        continue;
      }
      if (this.#size > COMPACT_MIN_BYTES && this.#size > this.#live * COMPACT_FACTOR)
        await this.#compact().catch(() => {
          // The log as it is stays valid; the next write tries again.
        });
    }
    this.#flushing = undefined;
  }

  async #append(bytes: Buffer): Promise<void> {
    try {
      await this.#file.write(bytes, 0, bytes.length, this.#size);
      await syncData(this.#file);
      this.#size += bytes.length;
    } catch (error) {
      // Half a line may be on disk (disk full): cut it off, or later lines would come after a damaged one.
      await this.#file.truncate(this.#size).catch((cause: unknown) => {
        this.#broken = new Error('the session file can no longer be written', { cause });
      });
      throw error;
    }
  }

  async #compact(): Promise<void> {
    const lines: string[] = [];
    for (const [bucket, values] of this.#data)
      for (const [id, value] of values) lines.push(lineOf([{ bucket, id, value }]));
    const bytes = Buffer.from(lines.join(''));
    const file = await replaceFile(this.path, bytes);
    const old = this.#file;
    this.#file = file;
    this.#size = bytes.length;
    await old.close();
  }

  #apply(changes: readonly SessionChange[]): void {
    for (const { bucket, id, value } of changes) {
      const values = this.#data.get(bucket) ?? new Map<string, string>();
      this.#data.set(bucket, values);
      const before = values.get(id);
      if (before !== undefined) this.#live -= before.length;
      if (value === null) values.delete(id);
      else {
        values.set(id, value);
        this.#live += value.length;
      }
    }
  }
}

/** One value of a session file that someone else may have open: only reads. Throws DamagedSessionError. */
export async function readSessionValue(
  path: string,
  bucket: string,
  id: string,
): Promise<string | undefined> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (bytes === undefined || bytes.length === 0) return undefined;
  let found: string | null | undefined;
  for (const change of readLines(path, bytes).lines.flat())
    if (change.bucket === bucket && change.id === id) found = change.value;
  return found ?? undefined;
}

class ClosedError extends Error {
  override readonly name = 'ClosedError';
  constructor() {
    super('the session file is closed');
  }
}

const CHECKSUM_LENGTH = 16;

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex').slice(0, CHECKSUM_LENGTH);
}

function lineOf(changes: readonly SessionChange[]): string {
  // Values are JSON already and go in as they are; a line never contains a line feed of its own.
  const body = `[${changes
    .map(({ bucket, id, value }) => `[${JSON.stringify(bucket)},${JSON.stringify(id)},${value}]`)
    .join(',')}]`;
  return `${checksum(body)} ${body}\n`;
}

function readLines(path: string, bytes: Buffer): { lines: SessionChange[][]; goodBytes: number } {
  const lines: SessionChange[][] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf(0x0a, at);
    const line = end < 0 ? undefined : parseLine(bytes.toString('utf8', at, end));
    if (line === undefined) {
      const isLast = end < 0 || end + 1 === bytes.length;
      // A file without one good line holds nothing to continue with: that is damage, not an incomplete tail.
      if (!isLast || lines.length === 0) throw new DamagedSessionError(path, lines.length + 1);
      break;
    }
    lines.push(line);
    at = end + 1;
  }
  return { lines, goodBytes: at };
}

function parseLine(line: string): SessionChange[] | undefined {
  const body = line.slice(CHECKSUM_LENGTH + 1);
  if (line[CHECKSUM_LENGTH] !== ' ' || checksum(body) !== line.slice(0, CHECKSUM_LENGTH)) return undefined;
  const parsed: unknown = JSON.parse(body);
  if (!Array.isArray(parsed)) return undefined;
  return parsed.map((entry: unknown) => {
    const [bucket, id, value] = Array.isArray(entry) ? entry : [];
    return {
      bucket: String(bucket),
      id: String(id),
      value: value === null ? null : JSON.stringify(value),
    };
  });
}
