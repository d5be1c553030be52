import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

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
