import { basename, dirname, join } from 'node:path';
import { GatewayError } from '../base/errors.ts';
import type { Disk } from './disk.ts';
import { SET_META } from './meta.ts';
import { publish, writeTemporary } from './snapshot.ts';
import type { Tx } from './transaction.ts';

/** One step of the schema. Steps run in order, each in one transaction with the note that it ran. */
export interface Migration {
  /** 1, 2, 3, … without gaps. */
  readonly version: number;
  readonly name: string;
  readonly statements: readonly string[];
}

/**
 * The steps still to take from `version`.
 * @throws GatewayError `storage_newer` when the database is ahead of this program
 */
export function pendingMigrations(
  path: string,
  all: readonly Migration[],
  version: number,
): readonly Migration[] {
  for (const [index, migration] of all.entries())
    if (migration.version !== index + 1)
      throw new RangeError(
        `migration ${migration.name} has version ${migration.version}, expected ${index + 1}`,
      );
  if (version > all.length)
    throw new GatewayError(
      'storage_newer',
      `${path} has schema ${version}, this program knows ${all.length}`,
      {
        hint: 'Install the newer version again, or restore the backup made before the upgrade.',
      },
    );
  return all.slice(version);
}

export function runMigration(tx: Tx, migration: Migration): void {
  for (const statement of migration.statements) tx.run(statement);
  tx.run(SET_META, [migration.version, 'version']);
}

/** `20260131T235959Z`: sorts by time and is a file name everywhere. */
function fileTimestamp(now: number): string {
  return new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
}

/** A name next to the database that says when, and that nothing has yet. */
export async function backupPath(disk: Disk, path: string, now: number): Promise<string> {
  const names = await disk.list(dirname(path));
  const wanted = `${path}.bak-${fileTimestamp(now)}`;
  let backup = wanted;
  for (let n = 2; names.includes(basename(backup)); n++) backup = `${wanted}-${n}`;
  return backup;
}

/** Paths of the copies of a database. */
export async function copiesOf(disk: Disk, path: string): Promise<string[]> {
  const names = await disk.list(dirname(path));
  return names
    .filter((name) => name.startsWith(`${basename(path)}.bak-`))
    .map((name) => join(dirname(path), name));
}

/** Writes a file that is there in full or not at all. */
export async function keepCopy(disk: Disk, copy: string, bytes: Uint8Array): Promise<void> {
  await writeTemporary(disk, `${copy}.tmp`, bytes);
  await publish(disk, `${copy}.tmp`, copy);
}
