import * as fs from 'node:fs';

/** Read at a time: SQLite asks for single pages, mostly in a row. */
const CHUNK_BYTES = 64 * 1024;
const MAX_CHUNKS = 128;
/** Unit of what has changed. Every page size of SQLite is a multiple or a part of it. */
const BLOCK_BYTES = 4096;
/** Of such blocks. */
const SLAB_BYTES = 256 * BLOCK_BYTES;
/** SQLite reads and writes pages of at most 64 KiB: who asks for more takes the whole content over. */
const MAX_PAGE_BYTES = 64 * 1024;

/**
 * A big snapshot as the content of a database file, without having it in memory: what SQLite asks for is read from the
 * disk, what it writes stays in memory.
 *
 * sql.js keeps a file's content in a typed array, of which it calls only `length`, `subarray` and `set` (and `slice`
 * once, when the file is made). This is such a thing. The file on the disk may be replaced meanwhile: it is read through
 * the descriptor.
 */
export class PagedFile {
  /** There is always room: nobody has to copy the content into something larger. */
  readonly length = Number.MAX_SAFE_INTEGER;
  readonly #fd: number;
  readonly #onDisk: number;
  readonly #changed = new Map<number, Uint8Array>();
  readonly #chunks = new Map<number, Uint8Array>();
  #slab: Uint8Array = new Uint8Array();
  #slabUsed = 0;
  #lastChunk = -1;
  #last: Uint8Array = new Uint8Array();
  #adopted = false;
  #detached = false;
  #closed = false;

  private constructor(fd: number, size: number) {
    this.#fd = fd;
    this.#onDisk = size;
  }

  /** Undefined when there is no file, or a smaller one. */
  static open(path: string, fromBytes: number): PagedFile | undefined {
    let fd: number;
    try {
      fd = fs.openSync(path, 'r');
    } catch {
      return undefined; // whoever reads it as a whole says what is wrong with it
    }
    const { size } = fs.fstatSync(fd);
    if (size >= fromBytes) return new PagedFile(fd, size);
    fs.closeSync(fd);
    return undefined;
  }

  /** Bytes on the disk. */
  get size(): number {
    return this.#onDisk;
  }

  /** Bytes in memory. */
  get changedBytes(): number {
    return this.#changed.size * BLOCK_BYTES;
  }

  /** SQLite's file has this content. */
  get adopted(): boolean {
    return this.#adopted;
  }

  /** SQLite's file had this content and has taken a copy of it. */
  get detached(): boolean {
    return this.#detached;
  }

  /** What sql.js is given as the bytes of a new file. */
  get seed(): Uint8Array {
    const seed = {
      length: this.#onDisk,
      subarray: () => this,
      slice: () => {
        this.#adopted = true;
        return this;
      },
    };
    // As much of a typed array as sql.js uses: see above.
    return seed as unknown as Uint8Array;
  }

  subarray(from: number, to: number): Uint8Array {
    if (to - from > MAX_PAGE_BYTES) this.#detached = true;
    const block = Math.floor(from / BLOCK_BYTES);
    if (to <= (block + 1) * BLOCK_BYTES) {
      const changed = this.#changed.get(block);
      const base = block * BLOCK_BYTES;
      if (changed !== undefined) return changed.subarray(from - base, to - base);
      const start = Math.floor(from / CHUNK_BYTES) * CHUNK_BYTES;
      return this.#chunk(start).subarray(from - start, to - start);
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
    for (let done = 0; done < bytes.length; ) {
      const at = position + done;
      const block = Math.floor(at / BLOCK_BYTES);
      const offset = at - block * BLOCK_BYTES;
      const part = bytes.subarray(done, done + BLOCK_BYTES - offset);
      let changed = this.#changed.get(block);
      if (changed === undefined) {
        changed = this.#freeBlock();
        if (part.length < BLOCK_BYTES)
          changed.set(this.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES));
        this.#changed.set(block, changed);
      }
      changed.set(part, offset);
      done += part.length;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    fs.closeSync(this.#fd);
  }

  /** A piece of the file as it is on the disk, read without holding up this thread; `into` memory that is there. */
  readOnDisk(from: number, length: number, into = new Uint8Array(length)): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      fs.read(this.#fd, into, 0, length, from, (error, read, bytes) =>
        error === null ? resolve(bytes.subarray(0, read)) : reject(error),
      );
    });
  }

  /** Of a larger piece: what is given back in one piece goes back to the system, thousands of small ones do not. */
  #freeBlock(): Uint8Array {
    if (this.#slabUsed === this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#slabUsed = 0;
    }
    this.#slabUsed += BLOCK_BYTES;
    return this.#slab.subarray(this.#slabUsed - BLOCK_BYTES, this.#slabUsed);
  }

  /** Always `CHUNK_BYTES` long: behind the end of the file there is nothing but zeros. */
  #chunk(start: number): Uint8Array {
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
      let done = 0;
      while (done < CHUNK_BYTES && start + done < this.#onDisk) {
        const read = fs.readSync(this.#fd, chunk, done, CHUNK_BYTES - done, start + done);
        if (read === 0) break;
        done += read;
      }
      chunk.fill(0, done);
      this.#chunks.set(start, chunk);
    }
    this.#lastChunk = start;
    this.#last = chunk;
    return chunk;
  }
}
