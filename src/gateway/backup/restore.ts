/**
 * Puts a backup in the place of what a data directory holds. Everything is unpacked and checked next to it first. Then one
 * file says what goes where, and from that moment on the restore happens: anyone who opens the directory after a kill
 * finishes it. Before that moment nothing of the directory has changed.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GatewayError } from '../../base/errors.ts';
import { type DataFolder, dataFolder } from '../../store/data-folder.ts';
import { FolderLock } from '../../store/lock.ts';
import { backupFailure, type Manifest, readArchive } from './archive.ts';
import { ASIDE, belongs, replacedIn } from './contents.ts';
import { inspectDatabases } from './verify.ts';

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
