import type { Engine } from './engine.ts';

/** The store's own table: it tells our files from others and says how far a snapshot reaches. */
const META_TABLE = 'store_meta';

/** Layout of journal and snapshot; a higher one was written by a newer program. */
export const FORMAT = 1;

export interface Meta {
  readonly format: number;
  /** Random name of this database, in every segment of its journal. */
  readonly store: string;
  /** The last migration that ran. */
  readonly version: number;
  /** The last record that a snapshot contains. Meaningful in snapshots only. */
  readonly seq: number;
  /** The epoch that wrote the snapshot. Meaningful in snapshots only. */
  readonly epoch: number;
}

export function createMeta(engine: Engine, store: string): void {
  engine.run(`CREATE TABLE ${META_TABLE} (key TEXT PRIMARY KEY, value) WITHOUT ROWID`);
  const insert = `INSERT INTO ${META_TABLE} (key, value) VALUES (?, ?)`;
  engine.run(insert, ['format', FORMAT]);
  engine.run(insert, ['store', store]);
  engine.run(insert, ['version', 0]);
  engine.run(insert, ['seq', 0]);
}

/** undefined when the database is not one of ours. */
export function readMeta(engine: Engine): Meta | undefined {
  const table = engine
    .prepare(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?`)
    .get([META_TABLE]);
  if (table === undefined) return undefined;
  const rows = engine.prepare(`SELECT key, value FROM ${META_TABLE}`).all([]);
  const values = new Map(rows.map((row) => [row['key'], row['value']]));
  const store = values.get('store');
  if (typeof store !== 'string') return undefined;
  const number = (key: string): number => Number(values.get(key) ?? 0);
  return {
    format: number('format'),
    store,
    version: number('version'),
    seq: number('seq'),
    epoch: number('epoch'),
  };
}

/** Notes, right before an export, how far the snapshot reaches. */
export function writeMetaSnapshot(engine: Engine, seq: number, epoch: number): void {
  engine.run(SET_META, [seq, 'seq']);
  engine.run(`INSERT OR REPLACE INTO ${META_TABLE} (key, value) VALUES ('epoch', ?)`, [epoch]);
}

export const SET_META = `UPDATE ${META_TABLE} SET value = ? WHERE key = ?`;
