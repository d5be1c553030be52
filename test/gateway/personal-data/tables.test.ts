import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedAgent } from '../../../src/agents/scripted/scripted.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { composeGateway } from '../../../src/compose.ts';
import { columnsOf, NAMED_TABLES, scopeOf, tablesOf } from '../../../src/gateway/personal-data/rows.ts';
import { SECURITY_MIGRATIONS, SESSION_MIGRATIONS, TASK_MIGRATIONS } from '../../../src/gateway/schema.ts';
import { Database } from '../../../src/store/database.ts';
import { MemoryDisk } from '../../store/kit/memory-disk.ts';
import { temporaryFolder } from '../../support/gateway-process.ts';
import { FOLDER_KINDS, undecidedFiles } from './file-kinds.ts';

/** Tables whose rows are found by their columns: by the id of the person, or by what is theirs. */
const BY_COLUMNS = ['languages', 'usage'];
/** Made by any store itself, and by an import of an older version. */
const OF_ANY_STORE = ['legacy_rows', 'store_meta'];

let stores: Database[];
beforeAll(async () => {
  stores = await Promise.all(
    [SESSION_MIGRATIONS, SECURITY_MIGRATIONS, TASK_MIGRATIONS].map((migrations, n) =>
      Database.open({ path: `/data/${n}.db`, migrations, log: silentLogger, disk: new MemoryDisk() }),
    ),
  );
});
afterAll(async () => {
  for (const store of stores) await store.close();
});

/** Of nobody: only its columns matter here. */
const person = { platform: 'telegram', userId: '1', ids: ['1'], names: [], chats: [] } as const;
const nobody = { person, sessions: [], tasks: [], schedules: [], inbox: [] };

describe('the erasure of a person', () => {
  /**
   * A table that is new here: does it say anything about a person? If its columns name them as `scopeOf` expects, it
   * belongs into `BY_COLUMNS`. If not, erase its rows in rows.ts, count them in holdings.ts, show them in
   * export-person.ts, and name it in `NAMED_TABLES`.
   */
  it('accounts for every table of every store, and for none that is gone', () => {
    const tables = stores.flatMap((store) => tablesOf(store));
    expect([...new Set([...tables, ...OF_ANY_STORE])].sort()).toEqual(
      [...new Set([...NAMED_TABLES, ...BY_COLUMNS])].sort(),
    );
  });

  it('accounts for every path of the data directory, and for every file that a gateway makes there', async () => {
    const folder = temporaryFolder();
    const running = await composeGateway({ dataDir: folder.path, port: 0, agent: createScriptedAgent() });
    try {
      const paths = Object.keys(running.folder).filter((name) => name !== 'root');
      expect(Object.keys(FOLDER_KINDS).sort()).toEqual(paths.sort());
      expect(undecidedFiles(folder.path)).toEqual([]);
    } finally {
      await running.stop(0);
      folder.remove();
    }
  });

  it('finds the rows of a table that it does not name by its columns', () => {
    for (const store of stores)
      for (const table of tablesOf(store).filter((name) => BY_COLUMNS.includes(name)))
        expect(scopeOf(columnsOf(store, table), nobody)?.where).toMatch(/sender_id|person_id/);
  });
});
