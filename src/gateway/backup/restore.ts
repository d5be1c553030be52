/**
 * Puts a backup in the place of what a data directory holds. Everything is unpacked and checked next to it first. Then one
 * file says what goes where, and from that moment on the restore happens: anyone who opens the directory after a kill
 * finishes it. Before that moment nothing of the directory has changed.
 */

import {
  closeSync,
  createWriteStream,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { GatewayError, messageOf } from '../../base/errors.ts';
import { type DataFolder, dataFolder } from '../../store/data-folder.ts';
import { type Inspected, inspectCopy } from '../../store/database.ts';
import { FolderLock } from '../../store/lock.ts';
import { backupFailure, type Manifest, readArchive } from './archive.ts';

/**
 * Below `gateway/`, what stays with the machine: keys to this very gateway, what it is doing right now, copies of what is
 * elsewhere, and logs.
 */
const STAYS =
  /^(?:backups|exports|debug|logs|restore|operator\..*|runtime\.json|chat-client\.json|last-good|.*\.tmp|.*\.new)$/iu;
/** Libraries that are installed again when they are missing. */
const INSTALLED = /^gateway\/adapters\/[^/]+\/packages$/u;
/** What a host is sending of a session file, and the copies for a question next to a session: they end with what they are for. */
const UNFINISHED = /^gateway\/agent-sessions\/(?:.*\.part|(?:aside|check)-[^/]*)$/u;
const FILES = 'gateway/files';

/** The names of the databases, as they are called in the data directory and in a backup. */
export const DATABASES = {
  sessions: 'gateway-sessions.db',
  security: 'gateway-security.db',
  tasks: 'gateway-background-tasks.db',
} as const;

/** Begins the name of a directory in which a restore keeps what was there. */
export const ASIDE = 'gateway-before-restore-';

export interface Found {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly at: number;
}

/**
 * The files of the data directory without its databases. A link is followed where it stands for the configuration; other
 * links, and what is no file, are named and left out.
 */
export function filesIn(
  folder: DataFolder,
  withFiles: boolean,
): { readonly files: Found[]; readonly leftOut: string[] } {
  const files: Found[] = [];
  const leftOut: string[] = withFiles ? [] : [`${FILES} (files of chats)`];
  const look = (name: string): void => {
    const path = join(folder.root, name);
    const facts = lstatSync(path, { throwIfNoEntry: false });
    if (
      facts === undefined ||
      INSTALLED.test(name) ||
      UNFINISHED.test(name) ||
      (name === FILES && !withFiles)
    )
      return;
    if (facts.isDirectory()) for (const each of readdirSync(path).sort()) look(`${name}/${each}`);
    else if (facts.isFile()) files.push({ name, path, size: facts.size, at: facts.mtimeMs });
    else if (path === folder.config && existsSync(path))
      files.push({ name, path, size: -1, at: facts.mtimeMs });
    else if (facts.isSymbolicLink()) leftOut.push(`${name} (a link)`);
  };
  const top = join(folder.root, 'gateway');
  if (existsSync(top))
    for (const name of readdirSync(top).sort()) if (!STAYS.test(name)) look(`gateway/${name}`);
  return { files, leftOut };
}

/** What a restore moves aside, as names below the data directory. `files`: the backup has files of chats. */
function replacedIn(folder: DataFolder, files: boolean): string[] {
  const list = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);
  const databases = Object.values(DATABASES).map((name) => name.replace(/\.db$/u, ''));
  return [
    ...list(folder.root).filter((name) =>
      databases.some((base) => name.startsWith(`${base}.`) || name.startsWith(`${base}-`)),
    ),
    ...list(join(folder.root, 'gateway'))
      .filter((name) => !STAYS.test(name))
      .map((name) => `gateway/${name}`)
      .filter((name) => files || name !== FILES),
  ];
}

/** Below `gateway/`, what is a directory or a file for the gateway, and must not come as the other. */
const DIRECTORIES = /^(?:adapters|agent-sessions|files)$/iu;
const FILE = /^config\.json$/iu;

/** A file that a backup may bring, by the names that every file system takes for the same. */
function belongs(name: string): boolean {
  const [top, second = '', ...below] = name.split('/');
  if (top !== 'gateway') return Object.values(DATABASES).some((each) => each === name);
  const meant = second.replace(/[. ]+$/u, '');
  return !STAYS.test(meant) && !(below.length > 0 ? FILE : DIRECTORIES).test(meant);
}

interface BackupReport {
  readonly path: string;
  readonly bytes: number;
  /** Of the program that wrote it. */
  readonly version: string;
  readonly at: number;
  readonly databases: Readonly<Record<string, Inspected>>;
  readonly files: number;
  readonly configuration: boolean;
  /** Platforms whose adapters have credentials or state in it. */
  readonly adapters: readonly string[];
  readonly leftOut: readonly string[];
}

/** What a person wants to know of each database; a table that an older version did not have counts as none. */
const COUNTS: Readonly<Record<keyof typeof DATABASES, Readonly<Record<string, string>>>> = {
  sessions: {
    sessions: 'SELECT COUNT(*) AS n FROM sessions',
    messages: 'SELECT COUNT(*) AS n FROM msg',
    pending: "SELECT COUNT(*) AS n FROM outbox WHERE state NOT IN ('delivered', 'failed', 'abandoned')",
  },
  security: {
    people: 'SELECT COUNT(*) AS n FROM allowlist',
    blocked: 'SELECT COUNT(*) AS n FROM blocked',
    audit: 'SELECT COUNT(*) AS n FROM audit',
  },
  tasks: {
    tasks: 'SELECT COUNT(*) AS n FROM tasks',
    schedules: 'SELECT COUNT(*) AS n FROM schedules',
  },
};

/** @throws GatewayError `backup_not_found`, `backup_damaged`, `backup_newer` */
export async function verifyBackup(path: string): Promise<BackupReport> {
  const temporary = await mkdtemp(join(tmpdir(), 'pi-gateway-verify-'));
  try {
    const names: string[] = [];
    const manifest = await readArchive(path, async (name, content) => {
      names.push(name);
      if (!belongs(name)) throw damaged(path, `it holds ${name}, which does not belong to a gateway`);
      if (Object.values(DATABASES).some((each) => each === name))
        await pipeline(content, createWriteStream(join(temporary, name), { flags: 'wx', mode: 0o600 }));
    });
    const databases = await inspectDatabases(path, temporary);
    return {
      path,
      bytes: (await stat(path)).size,
      version: manifest.version,
      at: manifest.at,
      databases,
      files: names.length - Object.keys(DATABASES).length,
      configuration: names.includes('gateway/config.json'),
      adapters: [...new Set(names.flatMap((name) => /^gateway\/adapters\/([^/]+)\//u.exec(name)?.[1] ?? []))],
      leftOut: manifest.leftOut,
    };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The databases of a backup that were unpacked into a directory. @throws GatewayError `backup_damaged` */
async function inspectDatabases(path: string, folder: string): Promise<Record<string, Inspected>> {
  const found: Record<string, Inspected> = {};
  for (const [store, name] of Object.entries(DATABASES)) {
    const { integrity, ...inspected } = await inspectCopy(
      join(folder, name),
      COUNTS[store as keyof typeof DATABASES],
    ).catch((error: unknown) => {
      throw damaged(path, messageOf(error));
    });
    if (integrity !== 'ok') throw damaged(path, `${name}: ${integrity}`);
    if (inspected.schema === 0) throw damaged(path, `${name} is missing`);
    found[store] = inspected;
  }
  return found;
}

function damaged(path: string, why: string): GatewayError {
  return new GatewayError('backup_damaged', `${path} cannot be restored: ${why}`, {
    status: 400,
    hint: 'Use another backup. Nothing was changed.',
  });
}

/** What a person reads. */
export function backupText({ path, bytes, version, at, databases, ...held }: BackupReport): string {
  const counts = Object.values(databases).flatMap((each) => Object.entries(each.counts));
  return [
    `${path} is whole: ${sizeText(bytes)}, written ${new Date(at).toISOString()} by version ${version}.`,
    `It holds ${counts.map(([name, count]) => `${name} ${count}`).join(', ')}.`,
    held.configuration ? 'The configuration is in it.' : 'It has no configuration file.',
    ...(held.adapters.length === 0 ? [] : [`State of adapters: ${held.adapters.join(', ')}.`]),
    `Other files: ${held.files}.`,
    ...held.leftOut.map((each) => `Not in it: ${each}.`),
  ].join('\n');
}

export function sizeText(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** What a restore is to do, once it is certain. */
interface Plan {
  /** Directory for what was there, below the data directory. */
  readonly aside: string;
  /** Names below the data directory that go there, as they were when it was decided. */
  readonly old: readonly string[];
  /** Names that come from the directory of the restore. */
  readonly fresh: readonly string[];
}

const placeOf = (folder: DataFolder): string => join(folder.root, 'gateway', 'restore');
const planOf = (folder: DataFolder): string => join(placeOf(folder), 'plan.json');

/** Where a backup is unpacked: a data directory of its own, in the same file system. */
export function stageOf(folder: DataFolder): string {
  return join(placeOf(folder), 'new');
}

/** Whether there is anything that a restore would replace. */
export function isInUse(folder: DataFolder): boolean {
  return replacedIn(folder, true).length > 0;
}

/**
 * Unpacks a backup and checks all of it. The directory's lock is the caller's.
 * @throws GatewayError when it is not whole, or the disk is full: then nothing is left of it
 */
export async function stageBackup(folder: DataFolder, path: string): Promise<Manifest> {
  const stage = stageOf(folder);
  discard(folder);
  try {
    mkdirSync(stage, { recursive: true, mode: 0o700 });
    const manifest = await readArchive(path, async (name, content) => {
      if (!belongs(name))
        throw new GatewayError('backup_damaged', `${path} cannot be restored: it holds ${name}`, {
          status: 400,
          hint: 'Use another backup. Nothing was changed.',
        });
      await writeWhole(join(stage, name), content);
    });
    await inspectDatabases(path, stage);
    return manifest;
  } catch (error) {
    discard(folder);
    throw error instanceof GatewayError ? error : restoreFailure(error, path);
  }
}

/**
 * Makes the unpacked backup the content of the directory. Answers where the old content is now. `before` is called before
 * each step that a kill can come between.
 */
export function commitRestore(
  folder: DataFolder,
  manifest: Pick<Manifest, 'files'>,
  now: number,
  before = (): void => {},
): string | undefined {
  const stage = stageOf(folder);
  const old = replacedIn(folder, manifest.files);
  const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/gu, '');
  const fresh = replacedIn(dataFolder(stage, {}), true);
  let aside = `${ASIDE}${stamp}`;
  // What is kept there already would count as moved, and what is here now would be overwritten.
  for (let n = 2; existsSync(join(folder.root, aside)); n += 1) aside = `${ASIDE}${stamp}-${n}`;
  const plan: Plan = { aside, old, fresh };
  for (const each of ['', 'gateway']) syncDirectory(join(stage, each));
  const draft = `${planOf(folder)}.tmp`;
  const file = openSync(draft, 'wx', 0o600);
  try {
    writeAll(file, JSON.stringify(plan));
  } finally {
    closeSync(file);
  }
  before();
  renameSync(draft, planOf(folder));
  syncDirectory(placeOf(folder));
  carryOut(folder, plan, before);
  return old.length === 0 ? undefined : join(folder.root, plan.aside);
}

/** Removes what was unpacked. Not once a plan is there. */
export function discard(folder: DataFolder): void {
  if (!existsSync(planOf(folder))) rmSync(placeOf(folder), { recursive: true, force: true });
}

/**
 * Finishes a restore that was cut off. For anyone who opens the directory, before anything of it is read.
 * @throws FolderLockedError while the restore is still running
 */
export function finishRestore(folder: DataFolder): void {
  if (!existsSync(planOf(folder))) return;
  const lock = FolderLock.acquire(folder.root);
  try {
    if (existsSync(planOf(folder)))
      carryOut(folder, JSON.parse(readFileSync(planOf(folder), 'utf8')) as Plan);
  } finally {
    lock.release();
  }
}

/** Every step may have been done before. */
function carryOut(folder: DataFolder, { aside, old, fresh }: Plan, before = (): void => {}): void {
  const stage = stageOf(folder);
  const keep = join(folder.root, aside);
  // What is under its name and not aside yet is the old one: new things come only when all old ones are gone.
  for (const name of old) {
    const [from, to] = [join(folder.root, name), join(keep, name)];
    if (existsSync(to) || !existsSync(from)) continue;
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
    before();
    renameSync(from, to);
  }
  for (const each of [keep, join(keep, 'gateway'), folder.root, join(folder.root, 'gateway')])
    syncDirectory(each);
  for (const name of fresh) {
    const from = join(stage, name);
    if (!existsSync(from)) continue;
    mkdirSync(dirname(join(folder.root, name)), { recursive: true, mode: 0o700 });
    before();
    renameSync(from, join(folder.root, name));
  }
  syncDirectory(folder.root);
  syncDirectory(join(folder.root, 'gateway'));
  // The plan last, and at once: without it the rest is only rubbish.
  before();
  rmSync(planOf(folder), { force: true });
  before();
  rmSync(placeOf(folder), { recursive: true, force: true });
}

async function writeWhole(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of content) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
  fsyncSync(fd);
}

function syncDirectory(path: string): void {
  if (process.platform === 'win32' || !existsSync(path)) return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function restoreFailure(error: unknown, path: string): GatewayError {
  const failure = backupFailure(error, path);
  const full = failure.code === 'storage_full';
  return new GatewayError(
    full ? 'storage_full' : 'restore_failed',
    full ? `the disk is full: ${path} was not restored` : `${path} was not restored: ${failure.message}`,
    {
      ...(full ? { status: 507 } : {}),
      hint: full
        ? 'Free some space: the unpacked backup needs room next to the present data. Nothing was changed.'
        : 'Nothing was changed.',
      cause: error,
    },
  );
}
