import { randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
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

/** Writes it atomically (temporary file, sync, rename), readable by the owner only. */
export async function writeState(folder: string, name: string, value: unknown): Promise<void> {
  const temporary = join(folder, `.${name}.${randomUUID()}`);
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(JSON.stringify(value));
    await syncFile(file);
  } finally {
    await file.close();
  }
  await rename(temporary, join(folder, name));
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
    this.#saving = this.#saving
      .then(() => writeState(folder, name, stored(this.#entries)))
      .catch((error: unknown) => {
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
