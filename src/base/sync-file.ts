import { fdatasync, fsync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';

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
