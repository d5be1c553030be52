/** Holds a folder and writes notes one after another, saying each when it is acknowledged: `node fenced-child.ts <folder>`. */
import { join } from 'node:path';
import { messageOf } from '../../../src/base/errors.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { Database } from '../../../src/store/database.ts';
import { FolderLock } from '../../../src/store/lock.ts';

const folder = process.argv[2] ?? '';
const lock = FolderLock.acquire(folder);
const db = await Database.open({
  path: join(folder, 'gateway-sessions.db'),
  migrations: [
    {
      version: 1,
      name: 'notes',
      statements: [
        'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, body BLOB, score REAL)',
      ],
    },
  ],
  log: silentLogger,
  // Folds its journal all the time, so that it is often suspended in the middle of that.
  compactAfterBytes: 20_000,
  fence: () => lock.check(),
});
try {
  for (let n = 1; ; n++) {
    const text = `${process.pid}-${n}`;
    await db.write((tx) => tx.run('INSERT INTO notes (text) VALUES (?)', [text]));
    process.stdout.write(`${text}\n`);
  }
} catch (error) {
  await db.close();
  process.stdout.write(`ended: ${messageOf(error)}\n`);
  process.exit(75);
}
