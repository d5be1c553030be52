import { basename, dirname, join } from 'node:path';
import type { Clock } from '../base/async.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { damaged } from './damage.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { Engine } from './engine.ts';
import { refuseHotJournal } from './hot-journal.ts';
import { createMeta, readMeta } from './meta.ts';
import { backupPath, keepCopy, type Migration, runMigration } from './migrations.ts';
import { segmentsOf } from './segment.ts';
import { isOurs, publish, removeTemporaries, temporaryPath, writeSnapshot } from './snapshot.ts';
import type { Row } from './sql.ts';
import { RecordingTx, type Tx } from './transaction.ts';
import { isInWalMode, mergeWal } from './wal.ts';

/** What an older gateway left in a database file. */
export interface Legacy {
  /** Every table with all of its rows, columns by name. */
  readonly tables: ReadonlyMap<string, readonly Row[]>;
}

export interface AdoptOptions {
  readonly disk: Disk;
  readonly path: string;
  readonly migrations: readonly Migration[];
  /** Writes @0xkobold/pi-gateway's rows into the new schema. Runs again from the start when a crash came between. */
  readonly adopt: (tx: Tx, legacy: Legacy) => void;
  readonly newStore: string;
  readonly clock: Clock;
  readonly log: Logger;
}

interface LegacyFiles extends Legacy {
  readonly db: Uint8Array;
  readonly wal: Uint8Array | undefined;
}

/**
 * The rows of a database that is not ours, with what its write-ahead log has committed. Changes no file.
 * @returns undefined when there is no such file, when it is empty, and when it is one of ours
 * @throws GatewayError `storage_damaged` when it cannot be read
 */
export async function readLegacy(path: string, disk: Disk = nodeDisk): Promise<Legacy | undefined> {
  const files = await readLegacyFiles(path, disk);
  return files === undefined ? undefined : { tables: files.tables };
}

async function readLegacyFiles(path: string, disk: Disk): Promise<LegacyFiles | undefined> {
  if (await isBigOfOurs(path, disk)) return undefined;
  const db = await disk.read(path);
  if (db === undefined || isOurs(db)) return undefined;
  const wal = await disk.read(`${path}-wal`);
  const merged = mergeWal(db, wal ?? new Uint8Array());
  if (merged.length === 0) return undefined;
  await refuseHotJournal(path, disk);
  try {
    const engine = await Engine.open(merged);
    try {
      if (readMeta(engine) !== undefined) return undefined;
      const tables = readTables(engine);
      return tables.size === 0 ? undefined : { tables, db, wal };
    } finally {
      engine.close();
    }
  } catch (error) {
    throw damaged(path, 0, messageOf(error), error);
  }
}

/** A big one is not read twice, even when another program has written it or to it. */
async function isBigOfOurs(path: string, disk: Disk): Promise<boolean> {
  const paged = disk.paged?.(path);
  if (paged === undefined) return false;
  let engine: Engine | undefined;
  try {
    const header = await paged.readSnapshot(0, 100);
    if (isOurs(header)) return true;
    if (isInWalMode(header)) return false;
    engine = await Engine.openPaged(paged);
    return engine !== undefined && readMeta(engine) !== undefined;
  } catch {
    return false; // anyone who reads it as a whole says what is wrong with it
  } finally {
    if (engine === undefined) paged.close();
    else engine.close();
  }
}

function readTables(engine: Engine): Map<string, Row[]> {
  const names = engine
    .prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`)
    .all([])
    .map((row) => String(row['name']));
  return new Map(
    names.map((name) => [name, engine.prepare(`SELECT * FROM "${name.replaceAll('"', '""')}"`).all([])]),
  );
}

/**
 * Takes over the database of an older gateway: keeps a copy, writes its rows into a new database of ours, and puts that
 * in its place in one step. A crash before that step starts over; after it the old write-ahead log is only in the way.
 * @returns whether there was something to take over
 */
export async function adoptLegacy(options: AdoptOptions): Promise<boolean> {
  const { disk, path, log } = options;
  const legacy = await readLegacyFiles(path, disk);
  if (legacy === undefined) return false;
  const folder = dirname(path);
  if (segmentsOf(path, await disk.list(folder)).length > 0)
    throw new GatewayError(
      'storage_foreign',
      `${path} belongs to another program, but the gateway's journal is next to it`,
      {
        hint: `Restore the gateway's ${basename(path)}, or move the ${basename(path, '.db')}-*.log files away to import this one.`,
      },
    );
  await disk.protectFolder(folder);
  await removeTemporaries(disk, path);
  const backup = await keepLegacyCopy(options, legacy);
  const temporary = temporaryPath(path, options.newStore);
  await rewrite(options, legacy, temporary);
  await publish(disk, temporary, path);
  const rows = [...legacy.tables].map(([table, { length }]) => `${table} ${length}`).join(', ');
  log.info('imported the database of @0xkobold/pi-gateway', { file: path, backup, rows });
  return true;
}

async function rewrite(options: AdoptOptions, legacy: Legacy, temporary: string): Promise<void> {
  const engine = await Engine.open();
  try {
    createMeta(engine, options.newStore);
    engine.begin();
    const tx = new RecordingTx(engine);
    for (const migration of options.migrations) runMigration(tx, migration);
    options.adopt(tx, legacy);
    tx.end();
    engine.commit();
    await writeSnapshot(options.disk, temporary, engine, { seq: 0, epoch: 0 });
  } finally {
    engine.close();
  }
}

/** The files as they were. A start that was cut off has made the copy already. */
async function keepLegacyCopy({ disk, path, clock }: AdoptOptions, legacy: LegacyFiles): Promise<string> {
  const folder = dirname(path);
  const prefix = `${basename(path)}.bak-`;
  for (const name of await disk.list(folder)) {
    if (!name.startsWith(prefix) || name.endsWith('-wal')) continue;
    const copy = join(folder, name);
    if (same(await disk.read(copy), legacy.db) && same(await disk.read(`${copy}-wal`), legacy.wal))
      return copy;
  }
  const backup = await backupPath(disk, path, clock());
  // The log first: a copy of the database alone would look complete.
  if (legacy.wal !== undefined) await keepCopy(disk, `${backup}-wal`, legacy.wal);
  await keepCopy(disk, backup, legacy.db);
  return backup;
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}
