/** Takes the lock of a folder, says so, and holds it until it is told to stop: `node lock-child.ts <folder>`. */
import { FolderLockedError } from '../../../src/base/errors.ts';
import { FolderLock } from '../../../src/store/lock.ts';

const folder = process.argv[2] ?? '';
process.stdout.write('ready\n');
// All starters wait for the same word, so that they meet at the lock.
process.stdin.once('data', () => {
  try {
    const lock = FolderLock.acquire(folder);
    process.stdout.write('won\n');
    process.stdin.once('data', () => {
      lock.release();
      process.exit(0);
    });
  } catch (error) {
    process.stdout.write(error instanceof FolderLockedError ? `lost to ${error.pid}\n` : `failed ${error}\n`);
    process.exit(0);
  }
});
