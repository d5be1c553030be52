import * as fs from 'node:fs';

/** Unit of what has changed. Every page size of SQLite is a multiple or a part of it. */
export const BLOCK_BYTES = 4096;
const SLAB_BLOCKS = 256;
const SLAB_BYTES = SLAB_BLOCKS * BLOCK_BYTES;
/** Of changed blocks in memory, the rest is in the scratch file. */
const MAX_SLABS_IN_MEMORY = 8;

/** So little goes to another thread as a copy, without a file. */
const SMALL_SLABS = 2;

/** A log that another thread can read. */
export interface StoredBlocks {
  /** The scratch file; absent where all of it is in `slabs`. */
  readonly fd?: number;
  readonly slabs: readonly Uint8Array[];
  readonly blocks: Float64Array;
  readonly slots: Uint32Array;
}

/** Opens a file without a name, which goes with its descriptor. */
export function scratchBeside(path: string): () => number {
  return () => {
    const name = `${path}.${process.pid}-${performance.now()}.pages.tmp`;
    const fd = fs.openSync(name, 'wx+', 0o600);
    fs.unlinkSync(name);
    return fd;
  };
}

/**
 * Blocks of a file that have changed, by number. The newest are in memory; the oldest go to a scratch file, a megabyte at
 * a time, and back to the pool only when they change again. Nothing here has to outlive the process: what it holds is in
 * the journal.
 */
export class BlockLog {
  readonly #openScratch: () => number;
  /** Memory of slabs that no one uses. */
  readonly #pool: Uint8Array[];
  readonly #slots = new Map<number, number>();
  /** By slab number; those that are only in the scratch file are undefined. */
  readonly #slabs: (Uint8Array | undefined)[] = [];
  #firstInMemory = 0;
  #usedSlots = 0;
  #scratch: number | undefined;
  readonly #borrowed: boolean;
  readonly #read = new Uint8Array(BLOCK_BYTES);

  constructor(openScratch: () => number, pool: Uint8Array[], stored?: StoredBlocks) {
    this.#openScratch = openScratch;
    this.#pool = pool;
    this.#borrowed = stored !== undefined;
    if (stored === undefined) return;
    this.#scratch = stored.fd;
    this.#slabs.push(...stored.slabs);
    for (const [index, block] of stored.blocks.entries()) this.#slots.set(block, stored.slots[index] ?? 0);
  }

  /** The block unchanged, until the next call; undefined when it has not changed. */
  get(block: number): Uint8Array | undefined {
    const slot = this.#slots.get(block);
    if (slot === undefined) return undefined;
    const inMemory = this.#inMemory(slot);
    if (inMemory !== undefined) return inMemory;
    readAt(this.#scratch, this.#read, slot * BLOCK_BYTES);
    return this.#read;
  }

  /** The block to be written to: as it is when it is in memory (`known`), else without content. */
  open(block: number): { readonly bytes: Uint8Array; readonly known: boolean } {
    const slot = this.#slots.get(block);
    const bytes = slot === undefined ? undefined : this.#inMemory(slot);
    if (bytes !== undefined) return { bytes, known: true };
    return { bytes: this.#append(block), known: false };
  }

  /** Bytes in memory and in the scratch file. */
  get bytes(): number {
    return this.#usedSlots * BLOCK_BYTES;
  }

  get memoryBytes(): number {
    return (this.#slabs.length - this.#firstInMemory) * SLAB_BYTES;
  }

  /** Moves what is in memory to the scratch file, too, or shows it. From now on nothing may be written to this log. */
  async store(): Promise<StoredBlocks> {
    const known = {
      blocks: Float64Array.from(this.#slots.keys()),
      slots: Uint32Array.from(this.#slots.values()),
    };
    const slabs = this.#slabs.filter((slab) => slab !== undefined);
    if (slabs.length === this.#slabs.length && slabs.length <= SMALL_SLABS) return { ...known, slabs };
    const fd = this.#scratchFile();
    for (let slab = this.#firstInMemory; slab < this.#slabs.length; slab++) {
      const bytes = this.#slabs[slab];
      if (bytes === undefined) continue;
      await write(fd, bytes, slab * SLAB_BYTES);
      this.#slabs[slab] = undefined;
      this.#firstInMemory = slab + 1;
      if (this.#pool.length < MAX_SLABS_IN_MEMORY) this.#pool.push(bytes);
    }
    return { ...known, fd, slabs: [] };
  }

  close(): void {
    this.#slots.clear();
    this.#slabs.length = 0;
    if (this.#scratch !== undefined && !this.#borrowed) fs.closeSync(this.#scratch);
    this.#scratch = undefined;
  }

  #inMemory(slot: number): Uint8Array | undefined {
    const slab = this.#slabs[Math.floor(slot / SLAB_BLOCKS)];
    if (slab === undefined) return undefined;
    const at = (slot % SLAB_BLOCKS) * BLOCK_BYTES;
    return slab.subarray(at, at + BLOCK_BYTES);
  }

  #append(block: number): Uint8Array {
    const slot = this.#usedSlots;
    if (slot % SLAB_BLOCKS === 0)
      this.#slabs.push(this.#spilled() ?? this.#pool.pop() ?? new Uint8Array(SLAB_BYTES));
    this.#usedSlots += 1;
    this.#slots.set(block, slot);
    return this.#inMemory(slot) ?? new Uint8Array(BLOCK_BYTES);
  }

  /** The memory of a slab that is in the scratch file now; undefined where there is room, or none on the disk. */
  #spilled(): Uint8Array | undefined {
    if (this.#slabs.length - this.#firstInMemory < MAX_SLABS_IN_MEMORY) return undefined;
    const slab = this.#slabs[this.#firstInMemory];
    if (slab === undefined) return undefined;
    try {
      writeSync(this.#scratchFile(), slab, this.#firstInMemory * SLAB_BYTES);
    } catch {
      return undefined; // on a full disk it stays in memory; the journal says that the disk is full
    }
    this.#slabs[this.#firstInMemory] = undefined;
    this.#firstInMemory += 1;
    return slab;
  }

  #scratchFile(): number {
    this.#scratch ??= this.#openScratch();
    return this.#scratch;
  }
}

/** Fills `into`; behind the end of the file there is nothing but zeros. */
export function readAt(fd: number | undefined, into: Uint8Array, position: number): void {
  let done = 0;
  while (fd !== undefined && done < into.length) {
    const read = fs.readSync(fd, into, done, into.length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  into.fill(0, done);
}

function writeSync(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; )
    done += fs.writeSync(fd, bytes, done, bytes.length - done, position + done);
}

function write(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const step = (done: number): void => {
      fs.write(fd, bytes, done, bytes.length - done, position + done, (error, written) => {
        if (error !== null) reject(error);
        else if (done + written >= bytes.length) resolve();
        else step(done + written);
      });
    };
    step(0);
  });
}
