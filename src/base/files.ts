import { constants, fdatasync, fsync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
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
