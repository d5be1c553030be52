import { GatewayError } from '../base/errors.ts';
import type { Disk } from './disk.ts';

/** https://www.sqlite.org/fileformat2.html#the_rollback_journal */
const MAGIC = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/** SQLite's own rollback journal next to a file means that a transaction was cut off in the middle of it. */
export async function refuseHotJournal(path: string, disk: Disk): Promise<void> {
  const journal = await disk.read(`${path}-journal`);
  if (journal === undefined || journal.length < 8) return;
  if (!MAGIC.every((byte, index) => journal[index] === byte)) return;
  throw new GatewayError('storage_damaged', `another program was stopped while it wrote to ${path}`, {
    hint: `Open it once with the sqlite3 shell, which finishes that write: sqlite3 ${path} .schema`,
  });
}
