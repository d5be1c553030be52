/** Backups of a gateway that is running, by hand and one a day, and of data that no gateway has open. */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { SerialQueue } from '../../base/async.ts';
import { GatewayError, messageOf, systemCode } from '../../base/errors.ts';
import type { DataFolder } from '../../store/data-folder.ts';
import { copyCold, copyTogether } from '../../store/database.ts';
import { FolderLock } from '../../store/lock.ts';
import type { GatewayDeps } from '../core.ts';
import { backupFailure, type Manifest, type TarFile, writeArchive } from './archive.ts';
import { ASIDE, DATABASES, type Found, filesIn } from './restore.ts';

const DAY_MS = 24 * 60 * 60_000;
/** A start has other work; and what is started for a minute needs no backup. */
const FIRST_MS = 10 * 60_000;
const RETRY_MS = 60 * 60_000;
/** Room that a backup leaves for what the gateway stores in the meantime. */
const SPARE_BYTES = 32 * 1024 * 1024;
/** Larger files are read piece by piece. */
const WHOLE_BYTES = 8 * 1024 * 1024;
const DAILY = /^daily-(\d{8}T\d{6}Z).*\.tar\.gz$/u;
/** Paths of backups that were written to other places: an erasure names them. */
const ELSEWHERE = 'elsewhere.json';

interface Backup {
  readonly path: string;
  readonly bytes: number;
  readonly manifest: Manifest;
}

interface BackupsDeps
  extends Pick<GatewayDeps, 'folder' | 'stores' | 'clock' | 'settings' | 'logs' | 'version'> {
  /** `problem` has changed. */
  readonly changed: () => void;
}

export class Backups {
  readonly #deps: BackupsDeps;
  readonly #acts = new SerialQueue();
  #dueAt: number;
  #daily: Promise<void> | undefined;
  /** What the databases had stored when the last daily backup began. */
  #copied = '';
  #problem: string | undefined;

  constructor(deps: BackupsDeps) {
    this.#deps = deps;
    this.#dueAt = deps.clock() + FIRST_MS;
  }

  /** Why there is no backup of today, as a phrase; undefined when all is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Without a file: one with the time in its name, in gateway/backups. */
  create(file?: string): Promise<Backup> {
    return this.#acts.run(async () => {
      const { folder, clock } = this.#deps;
      const path = file === undefined ? this.#named('backup', clock()) : resolve(file);
      const backup = await this.#write(path, true);
      if (dirname(path) !== folder.backups) this.#noteElsewhere(path);
      return backup;
    });
  }

  /** Asked every minute; most times it has nothing to do. Never rejects. */
  daily(now: number): Promise<void> | undefined {
    const { settings } = this.#deps;
    if (!settings.backup.daily || this.#daily !== undefined || now < this.#dueAt) return this.#daily;
    const newest = this.#newest(now);
    const stored = this.#stored();
    if (now - newest < DAY_MS || stored === this.#copied) {
      this.#dueAt = Math.max(newest + DAY_MS, now + RETRY_MS);
      return undefined;
    }
    this.#daily = this.#acts
      .run(() => this.#makeDaily(now, stored))
      .finally(() => {
        this.#daily = undefined;
      });
    return this.#daily;
  }

  /** Removes every backup in gateway/backups: someone was erased who may be in them. */
  forget(): Promise<void> {
    return this.#acts.run(async () => {
      const { backups } = this.#deps.folder;
      for (const name of namesIn(backups))
        if (name !== ELSEWHERE) await rm(join(backups, name), { recursive: true, force: true });
      this.#copied = '';
      this.#dueAt = Math.min(this.#dueAt, this.#deps.clock());
    });
  }

  /** How many backups an erasure removes. */
  get count(): number {
    return namesIn(this.#deps.folder.backups).filter((name) => name.endsWith('.tar.gz')).length;
  }

  /** Backups in other places that are still there, and what restores have kept. */
  elsewhere(): string[] {
    const { root, backups } = this.#deps.folder;
    const kept = namesIn(root).filter((name) => name.startsWith(ASIDE));
    return [
      ...readElsewhere(backups).filter((path) => existsSync(path)),
      ...kept.map((name) => join(root, name)),
    ];
  }

  async #makeDaily(now: number, stored: string): Promise<void> {
    const log = this.#deps.logs.logger('backup');
    try {
      const { path, bytes } = await this.#write(this.#named('daily', now), false);
      this.#copied = stored;
      this.#dueAt = now + DAY_MS;
      this.#tell(undefined);
      log.info('daily backup written', { file: path, bytes });
      const { keep } = this.#deps.settings.backup;
      const old = this.#dailies()
        .sort((a, b) => b.at - a.at)
        .slice(keep);
      for (const each of old) await rm(each.path, { force: true });
    } catch (error) {
      this.#dueAt = now + RETRY_MS;
      log.warn('the daily backup failed; it is tried again in an hour', { error: messageOf(error) });
      this.#tell(`no backup since ${this.#sinceWhen()}: ${messageOf(error)}`);
    }
  }

  /** Of the last daily backup. One of a time to come was made while the clock was wrong, and says nothing. */
  #newest(now: number): number {
    const past = this.#dailies().filter(({ at }) => at <= now);
    return Math.max(0, ...past.map(({ at }) => at));
  }

  #sinceWhen(): string {
    const newest = this.#newest(this.#deps.clock());
    return newest === 0 ? 'the start' : new Date(newest).toISOString().slice(0, 10);
  }

  #tell(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#deps.changed();
  }

  #stored(): string {
    return Object.values(this.#deps.stores)
      .map((db) => db.stats().seq)
      .join(' ');
  }

  async #write(path: string, withFiles: boolean): Promise<Backup> {
    const { folder, stores, clock, version } = this.#deps;
    this.#open();
    const at = clock();
    const found = filesIn(folder, withFiles);
    const sizes = Object.values(stores).map((db) => db.stats());
    const databases = sizes.reduce(
      (sum, { snapshotBytes, journalBytes }) => sum + snapshotBytes + journalBytes,
      0,
    );
    const files = found.files.reduce((sum, { size }) => sum + Math.max(0, size), 0);
    // The copies of the databases are in gateway/backups until they are in the archive.
    refuseWithoutRoom(
      folder.backups,
      databases + (dirname(path) === folder.backups ? databases + files : 0),
      path,
    );
    const copies = Object.entries(DATABASES).map(([store, name]) => ({
      db: stores[store as keyof typeof DATABASES],
      name,
      path: join(folder.backups, `.${process.pid}-${name}.tmp`),
    }));
    try {
      for (const copy of copies) await rm(copy.path, { force: true });
      await copyTogether(copies).catch((error: unknown) => {
        throw backupFailure(error, path);
      });
      const parts: Found[] = copies.map((copy) => ({ name: copy.name, path: copy.path, size: -1, at }));
      const manifest = await writeArchive(path, contentOf([...parts, ...found.files]), {
        version,
        at,
        files: withFiles,
        leftOut: [...found.leftOut, ...outside(this.#deps)],
      });
      return { path, manifest, bytes: (await stat(path)).size };
    } finally {
      for (const copy of copies) await rm(copy.path, { force: true }).catch(() => {});
    }
  }

  /** Creates the directory, and removes what a kill has left there. */
  #open(): void {
    const { backups } = this.#deps.folder;
    mkdirSync(backups, { recursive: true, mode: 0o700 });
    chmodSync(backups, 0o700);
    for (const name of namesIn(backups))
      if (/^\..*\.tmp$|\.partial$/u.test(name)) rmSync(join(backups, name), { force: true });
  }

  #named(kind: 'backup' | 'daily', now: number): string {
    const { backups } = this.#deps.folder;
    const stem = `${kind}-${new Date(now).toISOString().replace(/[-:]|\.\d+/gu, '')}`;
    for (let n = 1; ; n += 1) {
      const path = join(backups, `${stem}${n === 1 ? '' : `-${n}`}.tar.gz`);
      if (!existsSync(path)) return path;
    }
  }

  #dailies(): { readonly path: string; readonly at: number }[] {
    const { backups } = this.#deps.folder;
    return namesIn(backups).flatMap((name) => {
      const stamp = DAILY.exec(name)?.[1];
      return stamp === undefined ? [] : [{ path: join(backups, name), at: timeOf(stamp) }];
    });
  }

  #noteElsewhere(path: string): void {
    const { backups } = this.#deps.folder;
    const known = readElsewhere(backups).filter((each) => each !== path && existsSync(each));
    writeFileSync(join(backups, ELSEWHERE), JSON.stringify([...known, path]), { mode: 0o600 });
  }
}

/** `20260131T235959Z` */
function timeOf(stamp: string): number {
  return Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/u, '$1-$2-$3T$4:$5:$6Z'));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // not there yet; what else is wrong with it shows when something is written
  }
}

function readElsewhere(backups: string): string[] {
  try {
    const value: unknown = JSON.parse(readFileSync(join(backups, ELSEWHERE), 'utf8'));
    return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
  } catch {
    return []; // none was written elsewhere
  }
}

/** Before anything is written: a backup must not take the room that the next message needs. */
function refuseWithoutRoom(folder: string, bytes: number, path: string): void {
  let free: number;
  try {
    const { bavail, bsize } = statfsSync(folder);
    free = bavail * bsize;
  } catch {
    return; // this file system does not say; a full disk shows when it is written
  }
  if (free >= bytes + SPARE_BYTES) return;
  const mb = (count: number): string => `${Math.ceil(count / 1_000_000)} MB`;
  throw new GatewayError(
    'storage_full',
    `no backup was written to ${path}: it needs up to ${mb(bytes + SPARE_BYTES)}, and ${mb(free)} are free`,
    { status: 507, hint: 'Free some space, or name a file on another disk. The gateway itself continues.' },
  );
}

/** What the configuration has in other places: only a person knows whether it is backed up. */
function outside({ settings, folder }: BackupsDeps): string[] {
  const places = [
    [settings.platform('whatsapp').sessionPath, 'platforms.whatsapp.sessionPath'],
    [settings.agent.sessionDir, 'agent.sessionDir'],
  ] as const;
  return places.flatMap(([place, key]) => {
    if (place === undefined) return [];
    const path = resolve(place.replace(/^~(?=$|\/)/u, homedir()));
    return relative(folder.root, path).startsWith('..') ? [`${place} (${key})`] : [];
  });
}

/** Each file as it is when its turn comes; one that is gone by then is none. */
async function* contentOf(files: readonly Found[]): AsyncGenerator<TarFile> {
  for (const { name, path, at } of files) {
    let handle: Awaited<ReturnType<typeof open>>;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      if (systemCode(error) === 'ENOENT' && name.startsWith('gateway/')) continue;
      throw error;
    }
    try {
      const { size } = await handle.stat();
      if (size > WHOLE_BYTES)
        yield {
          name,
          size,
          at,
          content: handle.createReadStream({ autoClose: false, start: 0, end: size - 1 }),
        };
      else {
        const bytes = await readFile(handle);
        yield { name, size: bytes.length, at, content: [bytes] };
      }
    } finally {
      await handle.close();
    }
  }
}

/** A backup of data that no gateway has open, with the schema that they have: made before a new version changes it. */
/** The newest ones of each kind stay. */
const KEPT = 2;

/** Without the files of chats. @throws FolderLockedError; GatewayError `storage_full`, `backup_failed` */
export async function coldBackup(
  folder: DataFolder,
  kind: string,
  version: string,
  at = Date.now(),
): Promise<{ readonly path: string; readonly manifest: Manifest }> {
  const { root, backups } = folder;
  mkdirSync(backups, { recursive: true, mode: 0o700 });
  const lock = FolderLock.acquire(root);
  const copies = Object.values(DATABASES).map((name) => ({
    name,
    path: join(backups, `.${process.pid}-${name}.tmp`),
  }));
  try {
    for (const { name, path } of copies) {
      rmSync(path, { force: true });
      await copyCold(join(root, name), path);
    }
    const parts: Found[] = copies.map((copy) => ({ ...copy, size: -1, at }));
    const { files, leftOut } = filesIn(folder, false);
    const path = join(backups, `${kind}-${new Date(at).toISOString().replace(/[-:]|\.\d+/gu, '')}.tar.gz`);
    const manifest = await writeArchive(path, contentOf([...parts, ...files]), {
      version,
      at,
      files: false,
      leftOut,
    });
    const [stem = ''] = kind.split('-');
    const old = readdirSync(backups)
      .filter((name) => name.startsWith(`${stem}-`) && name.endsWith('.tar.gz'))
      .map((name) => ({ name, time: /\d{8}T\d{6}Z/u.exec(name)?.[0] ?? '' }))
      .sort((a, b) => (a.time < b.time ? 1 : -1))
      .slice(KEPT);
    for (const { name } of old) rmSync(join(backups, name), { force: true });
    return { path, manifest };
  } finally {
    for (const copy of copies) rmSync(copy.path, { force: true });
    lock.release();
  }
}
