/** A backup of data that no gateway has open, with the schema that they have: made before a new version changes it. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DataFolder } from '../../store/data-folder.ts';
import { copyCold } from '../../store/database.ts';
import { FolderLock } from '../../store/lock.ts';
import { type Manifest, writeArchive } from './archive.ts';
import { contentOf } from './backups.ts';
import { DATABASES, type Found, filesIn } from './contents.ts';

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
