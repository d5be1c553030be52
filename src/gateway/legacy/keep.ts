import type { Legacy, Row, Tx } from '../../store/database.ts';

/** Every row of @0xkobold/pi-gateway stays as it was, next to what was taken over: nothing is lost. */
export function keepRows(tx: Tx, legacy: Legacy): void {
  tx.run('CREATE TABLE IF NOT EXISTS legacy_rows (source TEXT NOT NULL, row TEXT NOT NULL)');
  for (const [name, rows] of legacy.tables)
    for (const row of rows) tx.run('INSERT INTO legacy_rows (source, row) VALUES (?,?)', [name, asJson(row)]);
}

function asJson(row: Row): string {
  return JSON.stringify(row, (_key, value: unknown) =>
    value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value,
  );
}

/** A column's text; undefined for one that is missing, null or empty. Forks of @0xkobold/pi-gateway differ in columns. */
export function textOf(row: Row, name: string): string | undefined {
  const value = row[name];
  return value === null || value === undefined || value === '' || value instanceof Uint8Array
    ? undefined
    : String(value);
}

/** A time in milliseconds since the epoch, or the fallback. */
export function timeOf(row: Row, name: string, fallback: number): number {
  const value = row[name];
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.round(value) : fallback;
}
