import { basename, dirname } from 'node:path';
import type { Disk, DiskFile } from '../../../src/store/disk.ts';
import { PagedFile } from '../../../src/store/paged-file.ts';

const SECTOR = 512;

/** A number in [0, 1). */
export type Random = () => number;

/** What is about to happen to a disk. */
export interface Operation {
  readonly kind: 'open' | 'write' | 'sync' | 'truncate' | 'rename' | 'remove' | 'syncFolder';
  readonly path: string;
  /** For writes. */
  readonly bytes?: number;
}

interface Inode {
  /** What a power cut leaves at least. */
  durable: Uint8Array;
  /** What programs see. */
  content: Uint8Array;
  /** Changes since the last sync, oldest first. */
  pending: ({ readonly at: number; readonly bytes: Uint8Array } | { readonly length: number })[];
}

type Entries = Map<string, Inode>;

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made by the test`), { code });
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(0, length));
  return copy;
}

function patched(bytes: Uint8Array, at: number, patch: Uint8Array): Uint8Array {
  const copy = resized(bytes, Math.max(bytes.length, at + patch.length));
  copy.set(patch, at);
  return copy;
}

/**
 * A disk that forgets what was not synced: file contents until `sync`, folder entries until `syncFolder`. Every
 * operation can be made to fail, and after every one the power can be cut.
 */
export class MemoryDisk implements Disk {
  readonly #files: Entries;
  readonly #durableFiles: Entries;
  #pendingEntries: ((entries: Entries) => void)[] = [];
  /** Throws to make an operation fail; a write that fails may have happened in part. */
  before: (operation: Operation) => void = () => {};
  /** Called when an operation is over. */
  after: (operation: Operation) => void = () => {};
  operations = 0;
  paged?: NonNullable<Disk['paged']>;
  base?: NonNullable<Disk['base']>;

  constructor(files: Entries = new Map()) {
    this.#files = files;
    this.#durableFiles = new Map(files);
  }

  /** A write and its sync may be one call, as on Linux. */
  writesSynced = false;

  /** Databases are kept in a paged file, as on a real disk. */
  paging(): this {
    this.paged = (_, whole) => (whole === undefined ? undefined : PagedFile.of('unused', whole));
    this.base = async (path) => ({ bytes: (await this.read(path)) ?? new Uint8Array() });
    return this;
  }

  /** What the next process finds when this one was killed. */
  afterKill(): MemoryDisk {
    const files: Entries = new Map();
    for (const [path, inode] of this.#files) files.set(path, settled(inode.content));
    return new MemoryDisk(files);
  }

  /** What the next process finds when the power was cut: of everything not synced some, in any state. */
  afterPowerCut(random: Random): MemoryDisk {
    const entries = new Map(this.#durableFiles);
    for (const change of this.#pendingEntries) if (random() < 0.5) change(entries);
    const files: Entries = new Map();
    for (const [path, inode] of entries) files.set(path, settled(tornContent(inode, random)));
    return new MemoryDisk(files);
  }

  contents(): Map<string, Buffer> {
    return new Map([...this.#files].map(([path, inode]) => [path, Buffer.from(inode.content)]));
  }

  replace(path: string, bytes: Uint8Array): void {
    this.#files.set(path, settled(bytes));
    this.#durableFiles.set(path, settled(bytes));
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    const inode = this.#files.get(path);
    return inode === undefined ? undefined : new Uint8Array(inode.content);
  }

  async list(folder: string): Promise<string[]> {
    return [...this.#files.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path));
  }

  async open(path: string, how: 'create' | 'existing'): Promise<DiskFile> {
    return this.#do({ kind: 'open', path }, () => {
      const known = this.#files.get(path);
      if (how === 'existing') {
        if (known === undefined) throw systemError('ENOENT');
        return this.#fileOf(path, known);
      }
      if (known !== undefined) throw systemError('EEXIST');
      const inode = settled(new Uint8Array());
      this.#change((entries) => entries.set(path, inode));
      return this.#fileOf(path, inode);
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#do({ kind: 'rename', path: to }, () => {
      if (!this.#files.has(from)) throw systemError('ENOENT');
      this.#change((entries) => {
        const inode = entries.get(from);
        if (inode === undefined) return;
        entries.delete(from);
        entries.set(to, inode);
      });
    });
  }

  async remove(path: string): Promise<void> {
    if (!this.#files.has(path)) return;
    await this.#do({ kind: 'remove', path }, () => this.#change((entries) => entries.delete(path)));
  }

  async syncFolder(folder: string): Promise<void> {
    await this.#do({ kind: 'syncFolder', path: folder }, () => {
      this.#durableFiles.clear();
      for (const [path, inode] of this.#files) this.#durableFiles.set(path, inode);
      this.#pendingEntries = [];
    });
  }

  async protectFolder(): Promise<void> {}
  async protectFile(): Promise<void> {}

  #change(change: (entries: Entries) => void): void {
    change(this.#files);
    this.#pendingEntries.push(change);
  }

  async #do<T>(operation: Operation, action: () => T): Promise<T> {
    this.operations++;
    this.before(operation);
    const result = action();
    this.after(operation);
    return result;
  }

  #fileOf(path: string, inode: Inode): DiskFile {
    const write = (bytes: Uint8Array, at: number): void => {
      const copy = new Uint8Array(bytes);
      inode.content = patched(inode.content, at, copy);
      inode.pending.push({ at, bytes: copy });
    };
    const writeSynced = async (bytes: Uint8Array, at: number): Promise<void> => {
      this.operations++;
      try {
        this.before({ kind: 'write', path, bytes: bytes.length });
      } catch (error) {
        write(bytes.subarray(0, Math.floor(bytes.length / 2)), at);
        throw error;
      }
      write(bytes, at);
      this.after({ kind: 'write', path, bytes: bytes.length });
      this.before({ kind: 'sync', path });
      // These bytes alone: what was written before may still be lost.
      inode.pending.pop();
      inode.durable = patched(inode.durable, at, new Uint8Array(bytes));
      this.after({ kind: 'sync', path });
    };
    return {
      ...(this.writesSynced ? { writeSynced } : {}),
      write: (bytes, at) => {
        const operation: Operation = { kind: 'write', path, bytes: bytes.length };
        try {
          this.operations++;
          this.before(operation);
        } catch (error) {
          write(bytes.subarray(0, Math.floor(bytes.length / 2)), at);
          return Promise.reject(error);
        }
        write(bytes, at);
        this.after(operation);
        return Promise.resolve();
      },
      sync: () =>
        this.#do({ kind: 'sync', path }, () => {
          inode.durable = inode.content;
          inode.pending = [];
        }),
      truncate: (length) =>
        this.#do({ kind: 'truncate', path }, () => {
          inode.content = resized(inode.content, length);
          inode.pending.push({ length });
        }),
      close: async () => {},
    };
  }
}

function settled(content: Uint8Array): Inode {
  return { durable: content, content, pending: [] };
}

/** Any of the unsynced sectors may have reached the disk, in any order. */
function tornContent(inode: Inode, random: Random): Uint8Array {
  let content = inode.durable;
  for (const change of inode.pending) {
    if ('length' in change) {
      if (random() < 0.5) content = resized(content, change.length);
      continue;
    }
    const end = change.at + change.bytes.length;
    for (let sector = Math.floor(change.at / SECTOR) * SECTOR; sector < end; sector += SECTOR) {
      if (random() < 0.5) continue;
      const from = Math.max(sector, change.at);
      const to = Math.min(sector + SECTOR, end);
      content = patched(content, from, change.bytes.subarray(from - change.at, to - change.at));
    }
  }
  return content;
}

/** The same numbers for the same seed (mulberry32: neighbouring seeds give unrelated numbers). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
