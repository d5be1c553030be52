/** Copies of databases outside of the data directory's own files: made while they are in use, and looked into later. */
import type { Database } from './database.ts';
import { nodeDisk } from './disk.ts';
import { loadStore } from './load.ts';
import { readMeta } from './meta.ts';
import { writeSnapshot } from './snapshot.ts';

/**
 * Copies several databases as they are at one moment: all of them hold their changes back until the last one has come to
 * rest, so no row in one refers to a row that is not in another. One call at a time, or two would wait for each other.
 */
export async function copyTogether(
  copies: readonly { readonly db: Database; readonly path: string }[],
): Promise<void> {
  const resting = copies.map(() => Promise.withResolvers<void>());
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {}); // also when no one waits for the others anymore
  const together = Promise.race([Promise.all(resting.map(({ promise }) => promise)), failed.promise]);
  together.catch(() => {});
  const results = await Promise.allSettled(
    copies.map(({ db, path }, i) =>
      db
        .copyTo(path, async () => {
          resting[i]?.resolve();
          await together;
        })
        .catch((error: unknown) => {
          failed.reject(error);
          throw error;
        }),
    ),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** The same for a database that no one has open: what snapshot and journal say, with the schema that they have. */
export async function copyCold(from: string, to: string): Promise<void> {
  const { engine, seq, nextEpoch } = await loadStore({ disk: nodeDisk, path: from, newStore: '' });
  try {
    await writeSnapshot(nodeDisk, to, engine, { seq, epoch: nextEpoch });
  } finally {
    engine.close();
  }
}

export interface Inspected {
  /** The last migration that ran. */
  readonly schema: number;
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Looks into a copy, from its checksum to SQLite's own check; each of `counts` is a query that answers one number.
 * Changes nothing. @throws GatewayError `storage_damaged`, `storage_newer`, `storage_foreign`
 */
export async function inspectCopy(
  path: string,
  counts: Readonly<Record<string, string>>,
): Promise<Inspected & { readonly integrity: string }> {
  const { engine } = await loadStore({ disk: nodeDisk, path, newStore: '' });
  try {
    const count = (sql: string): number => {
      try {
        return Number(Object.values(engine.prepare(sql).get([]) ?? {})[0] ?? 0);
      } catch {
        return 0; // a table that came with a later schema
      }
    };
    return {
      schema: readMeta(engine)?.version ?? 0,
      integrity: engine.integrity(),
      counts: Object.fromEntries(Object.entries(counts).map(([name, sql]) => [name, count(sql)])),
    };
  } finally {
    engine.close();
  }
}
