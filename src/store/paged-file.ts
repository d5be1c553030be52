import * as fs from 'node:fs';
import { BLOCK_BYTES, BlockLog, readAt, type StoredBlocks, scratchBeside } from './block-log.ts';

/** Read at a time: SQLite asks for single pages, mostly in a row. */
const CHUNK_BYTES = 64 * 1024;
const MAX_CHUNKS = 128;
/** SQLite reads and writes pages of at most 64 KiB: who asks for more takes the whole content over. */
const MAX_PAGE_BYTES = 64 * 1024;

/** What a file stands on: one on the disk, or bytes in memory. */
export type Base = { readonly fd: number; readonly size: number } | { readonly bytes: Uint8Array };

/** A small file is read as a whole, and then no one can change it anymore. */
const SMALL_BYTES = 4 * 1024 * 1024;

/** @throws Error when there is no such file */
export function openBase(path: string): Base {
  const fd = fs.openSync(path, 'r');
  const { size } = fs.fstatSync(fd);
  if (size > SMALL_BYTES) return { fd, size };
  try {
    const bytes = new Uint8Array(size);
    readAt(fd, bytes, 0);
    return { bytes };
  } finally {
    fs.closeSync(fd);
  }
}

export function closeBase(base: Base): void {
  if ('fd' in base) fs.closeSync(base.fd);
}

/** A content that no longer changes, as another thread reads it. */
export interface FrozenPages {
  readonly size: number;
  readonly base: Base;
  /** What has changed since then, the newest last. */
  readonly logs: readonly StoredBlocks[];
}

/**
 * The content of a database file, without having it in memory: what SQLite asks for is read from the last snapshot, what
 * it writes goes to a log of changed blocks, most of which is in a scratch file. The next snapshot is the last one with
 * these blocks, and once it is there the file stands on it and the log is gone.
 *
 * sql.js keeps a file's content in a typed array, of which it calls only `length`, `subarray` and `set` (and `slice`
 * once, when the file is made). This is such a thing. The snapshot on the disk may be replaced at any time: it is read
 * through the descriptor.
 */
export class PagedFile {
  /** There is always room: no one has to copy the content into something larger. */
  readonly length = Number.MAX_SAFE_INTEGER;
  readonly #openScratch: () => number;
  readonly #pool: Uint8Array[] = [];
  #base: Base;
  /** The oldest first; only the last one grows. */
  #logs: readonly BlockLog[];
  #log: BlockLog;
  #chunks = new Map<number, Uint8Array>();
  #lastChunk = -1;
  #last: Uint8Array = new Uint8Array();
  #writes = 0;
  #adopted = false;
  #detached = false;
  #closed = false;

  private constructor(path: string, base: Base, logs: readonly StoredBlocks[] = []) {
    this.#base = base;
    this.#openScratch = scratchBeside(path);
    this.#log = this.#newLog();
    this.#logs = [...logs.map((stored) => this.#newLog(stored)), this.#log];
  }

  /** Undefined when there is no file, or a smaller one. */
  static open(path: string, fromBytes: number): PagedFile | undefined {
    let fd: number;
    try {
      fd = fs.openSync(path, 'r');
    } catch {
      return undefined; // anyone who reads it as a whole says what is wrong with it
    }
    const { size } = fs.fstatSync(fd);
    if (size >= fromBytes) return new PagedFile(path, { fd, size });
    fs.closeSync(fd);
    return undefined;
  }

  /** A file whose content is in memory, and grows out of it next to `path`. */
  static of(path: string, bytes: Uint8Array): PagedFile {
    return new PagedFile(path, { bytes });
  }

  static frozen(path: string, { base, logs }: FrozenPages): PagedFile {
    return new PagedFile(path, base, logs);
  }

  /** Bytes of the snapshot. */
  get size(): number {
    return 'fd' in this.#base ? this.#base.size : this.#base.bytes.length;
  }

  /** Bytes of what has changed since the snapshot, and how many of them are in memory. */
  get changed(): { readonly bytes: number; readonly memoryBytes: number } {
    return {
      bytes: this.#logs.reduce((sum, { bytes }) => sum + bytes, 0),
      memoryBytes: this.#logs.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
    };
  }

  /** Counts what SQLite has written here. */
  get writes(): number {
    return this.#writes;
  }

  /** SQLite's file has this content. */
  get adopted(): boolean {
    return this.#adopted;
  }

  /** SQLite's file had this content and has taken a copy of it. */
  get detached(): boolean {
    return this.#detached;
  }

  /** SQLite has made its file shorter: what it works with is a copy, however small that is. */
  detach(): void {
    this.#detached = true;
  }

  /** What sql.js is given as the bytes of a new file. */
  get seed(): Uint8Array {
    const seed = {
      length: this.size,
      subarray: () => this,
      slice: () => {
        this.#adopted = true;
        return this;
      },
    };
    // As much of a typed array as sql.js uses: see above.
    return seed as unknown as Uint8Array;
  }

  /**
   * What the file holds now, as the first `size` bytes: later changes go elsewhere. To be read by another thread once
   * its promise is kept, as long as this file is open.
   */
  freeze(size: number): Promise<FrozenPages> {
    const logs = this.#logs;
    const base = this.#base;
    this.#log = this.#newLog();
    this.#logs = [...logs, this.#log];
    return Promise.all(logs.map((log) => log.store())).then((stored) => ({ size, base, logs: stored }));
  }

  /** What was frozen is the content of a file now. */
  standOn(base: Base, frozen: FrozenPages): void {
    // SQLite finds the first page as it left it, and not with what a snapshot has in its header.
    const first = this.#logs.findLast((log) => log.get(0) !== undefined)?.get(0);
    if (first !== undefined) this.set(new Uint8Array(first));
    const [old, gone] = [this.#base, this.#logs.slice(0, frozen.logs.length)];
    this.#logs = this.#logs.slice(frozen.logs.length);
    this.#base = base;
    this.#chunks.clear();
    this.#lastChunk = -1;
    for (const log of gone) log.close();
    closeBase(old);
  }

  /** The first `size` bytes in pieces, in order; each is valid until the next is asked for. */
  *pieces(size: number, length: number): Generator<Uint8Array> {
    const memory = new Uint8Array(Math.min(length, size));
    for (let at = 0; at < size; at += length) {
      const piece = memory.subarray(0, Math.min(length, size - at));
      for (let done = 0; done < piece.length; done += BLOCK_BYTES)
        piece.set(this.subarray(at + done, at + Math.min(done + BLOCK_BYTES, piece.length)), done);
      yield piece;
    }
  }

  subarray(from: number, to: number): Uint8Array {
    if (to - from > MAX_PAGE_BYTES) this.#detached = true;
    const block = Math.floor(from / BLOCK_BYTES);
    if (to <= (block + 1) * BLOCK_BYTES) {
      const base = block * BLOCK_BYTES;
      for (let index = this.#logs.length - 1; index >= 0; index--) {
        const changed = this.#logs[index]?.get(block);
        if (changed !== undefined) return changed.subarray(from - base, to - base);
      }
      return this.#ofBase(from, to);
    }
    const bytes = new Uint8Array(to - from);
    for (let at = from; at < to; ) {
      const next = Math.min(to, (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES);
      bytes.set(this.subarray(at, next), at - from);
      at = next;
    }
    return bytes;
  }

  set(bytes: Uint8Array, position = 0): void {
    this.#writes += 1;
    for (let done = 0; done < bytes.length; ) {
      const at = position + done;
      const block = Math.floor(at / BLOCK_BYTES);
      const start = block * BLOCK_BYTES;
      const part = bytes.subarray(done, done + BLOCK_BYTES - (at - start));
      const before =
        part.length < BLOCK_BYTES ? new Uint8Array(this.subarray(start, start + BLOCK_BYTES)) : undefined;
      const changed = this.#log.open(block);
      if (before !== undefined && !changed.known) changed.bytes.set(before);
      changed.bytes.set(part, at - start);
      done += part.length;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const log of this.#logs) log.close();
    closeBase(this.#base);
  }

  /** A piece of the snapshot, read without holding up this thread; `into` memory that is there. */
  readSnapshot(from: number, length: number, into = new Uint8Array(length)): Promise<Uint8Array> {
    const base = this.#base;
    if (!('fd' in base)) return Promise.resolve(base.bytes.slice(from, from + length));
    return new Promise((resolve, reject) => {
      fs.read(base.fd, into, 0, length, from, (error, read, bytes) =>
        error === null ? resolve(bytes.subarray(0, read)) : reject(error),
      );
    });
  }

  /** All of the snapshot, in order; each piece is valid until the next is asked for. */
  async *snapshot(pieceBytes: number): AsyncGenerator<Uint8Array> {
    const memory = new Uint8Array(Math.min(pieceBytes, this.size));
    for (let at = 0; at < this.size; ) {
      const piece = await this.readSnapshot(at, memory.length, memory);
      if (piece.length === 0) return;
      yield piece;
      at += piece.length;
    }
  }

  #newLog(stored?: StoredBlocks): BlockLog {
    return new BlockLog(this.#openScratch, this.#pool, stored);
  }

  #ofBase(from: number, to: number): Uint8Array {
    const base = this.#base;
    if ('fd' in base) {
      const start = Math.floor(from / CHUNK_BYTES) * CHUNK_BYTES;
      return this.#chunk(base.fd, start).subarray(from - start, to - start);
    }
    const part = base.bytes.subarray(from, to);
    if (part.length === to - from) return part;
    const padded = new Uint8Array(to - from);
    padded.set(part);
    return padded;
  }

  /** Always `CHUNK_BYTES` long: behind the end of the file there is nothing but zeros. */
  #chunk(fd: number, start: number): Uint8Array {
    if (start === this.#lastChunk) return this.#last;
    let chunk = this.#chunks.get(start);
    if (chunk === undefined) {
      // The oldest goes, and its memory is used again: SQLite has copied what it wanted of it, and a scan of a big file
      // would make gigabytes of garbage before the collector looks at it.
      const [oldest] = this.#chunks.keys();
      if (this.#chunks.size >= MAX_CHUNKS && oldest !== undefined) {
        chunk = this.#chunks.get(oldest);
        this.#chunks.delete(oldest);
      }
      chunk ??= new Uint8Array(CHUNK_BYTES);
      readAt(fd, chunk, start);
      this.#chunks.set(start, chunk);
    }
    this.#lastChunk = start;
    this.#last = chunk;
    return chunk;
  }
}
