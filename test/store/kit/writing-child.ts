/**
 * Opens the database of a folder, says which notes it finds, and writes notes until it is killed:
 * `node writing-child.ts <folder> <prefix>`. A line `ok <text>` means that the note was acknowledged.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../../src/base/errors.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { Database, type Migration } from '../../../src/store/database.ts';

const [folder = '', prefix = ''] = process.argv.slice(2);
const migrations: readonly Migration[] = [
  {
    version: 1,
    name: 'notes',
    statements: ['CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)'],
  },
];
/** Not `process.stdout`: that keeps what a slow reader does not take, and a kill would swallow it. */
function say(line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      if (systemCode(error) !== 'EAGAIN') throw error;
      // The reader has not caught up: nothing else may happen before it has.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

const db = await Database.open({
  path: join(folder, 'gateway-sessions.db'),
  migrations,
  log: silentLogger,
  // Small, so that kills meet compactions too.
  compactAfterBytes: 20_000,
});
const found = db.all('SELECT text FROM notes ORDER BY id').map((row) => row['text']);
say(`found ${JSON.stringify(found)}`);
const WRITERS = 6;
await Promise.all(
  Array.from({ length: WRITERS }, async (_, writer) => {
    for (let i = 0; ; i++) {
      const text = `${prefix}-${writer}-${i}`;
      await db.write((tx) => tx.run('INSERT INTO notes (text) VALUES (?)', [text]));
      say(`ok ${text}`);
    }
  }),
);
