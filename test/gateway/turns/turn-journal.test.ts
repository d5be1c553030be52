import { expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { SESSION_MIGRATIONS } from '../../../src/gateway/schema.ts';
import { TurnJournal } from '../../../src/gateway/turns/turn-journal.ts';
import { Database } from '../../../src/store/database.ts';
import { MemoryDisk } from '../../store/kit/memory-disk.ts';

it('hands on where the turn began and which processes work on it, when it goes on for a later message', async () => {
  const db = await Database.open({
    path: '/data/sessions.db',
    migrations: SESSION_MIGRATIONS,
    log: silentLogger,
    disk: new MemoryDisk(),
  });
  const journal = new TurnJournal(
    db,
    () => 1,
    () => '/nowhere/session.jsonl',
  );
  await db.write((tx) => journal.began(tx, 'first', 's1'));
  await journal.note('first', { kind: 'process', mark: 'm1', guarded: true });
  await journal.note('first', { kind: 'end', id: 'c1', text: 'ok', isError: false });
  await db.write((tx) => {
    journal.tookOver(tx, 'second', 'first');
    journal.began(tx, 'second', 's1');
  });
  // The first has its outcome: what a kill leaves running is found all the same.
  await journal.drop('first');
  expect(journal.marks()).toEqual(['m1']);
  expect(journal.notes(['second'])).toMatchObject({
    began: { file: '/nowhere/session.jsonl', since: 0 },
    guarded: true,
    ended: new Map(),
  });
  await db.close();
});
