import { constants, type FSWatcher, fdatasync, fsync, watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';

/**
 * Opens a file to read it, where an agent may have put anything in its place: a pipe would keep anyone who opens it waiting
 * forever, and is refused.
 */
export async function openRegular(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new Error(`${path} is not a regular file`);
}

const sync = promisify(fsync);
const datasync = promisify(fdatasync);

/** Makes a file, or the entries of a directory, durable. The file handles of Yarn's Plug'n'Play cannot. */
export function syncFile({ fd }: FileHandle): Promise<void> {
  return sync(fd);
}

/** The same for what was written alone, without the times of the file. */
export function syncData({ fd }: FileHandle): Promise<void> {
  return datasync(fd);
}

/** Editors write a file in several steps: this long after the last of them it is looked at. */
const QUIET_MS = 150;

/**
 * Calls `changed` after a file was written, replaced or removed by any hand. It costs nothing while nothing happens,
 * and keeps no process alive. `failed` hears why a directory cannot be watched (or not any longer).
 */
export function watchFile(path: string, changed: () => void, failed: (error: unknown) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let watcher: FSWatcher | undefined;
  const stop = (): void => {
    clearTimeout(timer);
    watcher?.close();
  };
  try {
    // The directory, because a file that is replaced is another file.
    watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
      if (name !== null && name !== basename(path)) return;
      clearTimeout(timer);
      timer = setTimeout(changed, QUIET_MS);
      timer.unref();
    });
    watcher.on('error', (error) => {
      stop();
      failed(error);
    });
  } catch (error) {
    failed(error);
  }
  return stop;
}
