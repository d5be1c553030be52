import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KeyedQueue } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import { syncFile } from '../../base/files.ts';
import type { Logger } from '../../base/log.ts';

const SAVE_AFTER_MS = 1000;

/** Reads a small JSON file of an adapter; undefined when it is absent or damaged. */
export async function readState(folder: string, name: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(folder, name), 'utf8'));
  } catch {
    // Absent or damaged: what it held can be learned again.
    return undefined;
  }
}

/** One write of a file at a time, in the order in which they were asked for. */
const writes = new KeyedQueue();

/** Writes it as a whole; resolves once it is durable. */
export function writeState(folder: string, name: string, value: unknown): Promise<void> {
  const path = join(folder, name);
  const text = JSON.stringify(value);
  return writes.run(path, async () => (await replaceFile(path, text)).close());
}

/**
 * Puts a new file in the place of `path`, all or nothing, readable by the owner only. It is open for further writing when
 * this resolves, and durable.
 */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<FileHandle> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(content);
    await syncFile(file);
    await rename(temporary, path);
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
  return file;
}

/** Makes a rename or removal durable. Not every file system can sync a directory; then there is nothing to do. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  if (handle === undefined) return;
  await syncFile(handle).catch(() => undefined);
  await handle.close();
}

interface RecentOptions<Value> {
  readonly folder: string;
  readonly name: string;
  readonly capacity: number;
  /** What the file holds, for the log. */
  readonly what: string;
  readonly log: Logger;
  /** The content of the file, oldest entry first. */
  readonly stored: (entries: ReadonlyMap<string, Value>) => unknown;
}

/** The entries that were set last, kept in a small file. It is written a second after a change, and when closed. */
export class RecentEntries<Value> {
  readonly #entries = new Map<string, Value>();
  readonly #options: RecentOptions<Value>;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: RecentOptions<Value>) {
    this.#options = options;
  }

  /** The file as it was written; undefined when it is absent or damaged. What it held is handed to `restore`. */
  read(): Promise<unknown> {
    return readState(this.#options.folder, this.#options.name);
  }

  /** An entry from the file; one that was set since stays. */
  restore(key: string, value: Value): void {
    if (!this.#entries.has(key)) this.#entries.set(key, value);
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  values(): Value[] {
    return [...this.#entries.values()];
  }

  set(key: string, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#options.capacity) break;
      this.#entries.delete(oldest);
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#save();
    }, SAVE_AFTER_MS);
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#save();
    }
    await this.#saving;
  }

  #save(): void {
    const { folder, name, stored, what, log } = this.#options;
    this.#saving = writeState(folder, name, stored(this.#entries)).catch((error: unknown) => {
      log.warn(`${what} could not be written: ${messageOf(error)}`);
    });
  }
}

/** A map that forgets what was set longest ago once it holds `capacity` entries. */
export class LruMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#capacity) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }
}
