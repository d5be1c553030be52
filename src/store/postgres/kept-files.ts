/** Files in the database for the next leader: state of the platforms. */

import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { messageOf, systemCode } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Leadership } from './leadership.ts';
import { DROP_FILE, type PgLink, PUT_FILE } from './link.ts';

const EVERY_MS = 1_000;
/** Libraries that were installed for an adapter: every machine has its own. */
const SKIPPED = new Set(['packages', 'node_modules']);

/**
 * The private files of the adapters (the session of WhatsApp, what was seen) follow the store: a leader copies what has
 * changed to PostgreSQL, and the next one begins with it. What changed in the last second may be missing there.
 */
export class AdapterFiles {
  readonly #link: PgLink;
  readonly #leadership: Leadership;
  readonly #directory: string;
  readonly #log: Logger;
  /** What is stored, by path: size and time of change. */
  readonly #stored = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #copying: Promise<void> | undefined;
  #failed = false;

  private constructor(link: PgLink, leadership: Leadership, directory: string, log: Logger) {
    this.#link = link;
    this.#leadership = leadership;
    this.#directory = directory;
    this.#log = log;
  }

  /** Before an adapter starts. Files that are this very gateway's are newer than their copies. */
  static async begin(
    link: PgLink,
    leadership: Leadership,
    directory: string,
    log: Logger,
  ): Promise<AdapterFiles> {
    const files = new AdapterFiles(link, leadership, directory, log);
    const { rows } = await link.query<{ path: string }>('SELECT path FROM pi_gateway_file');
    for (const { path } of rows) files.#stored.set(path, 'by an earlier run');
    if (leadership.files === 'elsewhere') await files.#restore();
    await leadership.keepFiles();
    await files.#copy();
    files.#timer = setInterval(() => {
      files.#copying ??= files
        .#copy()
        .then(
          () => {
            files.#failed = false;
          },
          (error: unknown) => {
            if (!files.#failed)
              log.warn('files of adapters could not be copied to PostgreSQL yet', {
                error: messageOf(error),
              });
            files.#failed = true;
          },
        )
        .finally(() => {
          files.#copying = undefined;
        });
    }, EVERY_MS);
    files.#timer.unref();
    return files;
  }

  /** Everything is stopped: copies what the adapters wrote at last. Never rejects. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#copying;
    if (this.#leadership.lost === undefined)
      await this.#copy().catch((error: unknown) =>
        this.#log.warn('files of adapters could not be copied to PostgreSQL', { error: messageOf(error) }),
      );
    this.#link.close();
  }

  async #restore(): Promise<void> {
    const { rows } = await this.#link.query<{ path: string; data: Buffer }>(
      'SELECT path, data FROM pi_gateway_file',
      [],
      60_000,
    );
    const wanted = new Set(rows.map(({ path }) => path));
    for (const path of await filesBelow(this.#directory))
      if (!wanted.has(path)) await rm(join(this.#directory, path), { force: true });
    for (const { path, data } of rows) {
      const target = join(this.#directory, path);
      // A path of the table that would lead out of the directory is none of ours.
      if (relative(this.#directory, target).startsWith('..')) continue;
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      await writeFile(target, data, { mode: 0o600 });
    }
  }

  async #copy(): Promise<void> {
    const found = await filesBelow(this.#directory);
    const { term } = this.#leadership;
    for (const path of found) {
      const file = join(this.#directory, path);
      const facts = await stat(file).catch(() => undefined);
      if (facts === undefined) continue; // gone since
      const mark = `${facts.size} ${facts.mtimeMs}`;
      if (this.#stored.get(path) === mark) continue;
      const data = await readFile(file).catch(() => undefined);
      if (data === undefined) continue;
      const { count } = await this.#link.query(PUT_FILE, [term, path, data], 30_000);
      if (count === 0) return void this.#leadership.lose();
      this.#stored.set(path, mark);
    }
    const there = new Set(found);
    for (const path of this.#stored.keys())
      if (!there.has(path)) {
        await this.#link.query(DROP_FILE, [term, path]);
        this.#stored.delete(path);
      }
  }
}

/** Paths of all files, relative to `directory`, with slashes. Half-written ones are left out. */
async function filesBelow(directory: string, below = ''): Promise<string[]> {
  const entries = await readdir(join(directory, below), { withFileTypes: true }).catch((error: unknown) => {
    // What cannot be read for another reason is still there: it must not be taken for deleted.
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  const found: string[] = [];
  for (const entry of entries) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!SKIPPED.has(entry.name)) found.push(...(await filesBelow(directory, path)));
    } else if (entry.isFile() && !entry.name.endsWith('.tmp')) found.push(path.split(sep).join('/'));
  }
  return found;
}
