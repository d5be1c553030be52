import type { Legacy, Tx } from '../../store/database.ts';
import { isPlatform } from '../model.ts';
import { keepRows, textOf, timeOf } from './keep.ts';

/**
 * `allowlist` of @0xkobold/pi-gateway: platform, user_id, added_at, note. Its pairing codes are kept as rows only: they
 * were stored in clear text and are long expired; a used code never proves that someone was let in.
 */
export function adoptSecurity(now: number): (tx: Tx, legacy: Legacy) => void {
  return (tx, legacy) => {
    keepRows(tx, legacy);
    for (const row of legacy.tables.get('allowlist') ?? []) {
      const platform = textOf(row, 'platform');
      const userId = textOf(row, 'user_id');
      if (!isPlatform(platform) || userId === undefined) continue;
      tx.run(
        `INSERT OR IGNORE INTO allowlist (platform, user_id, name, note, origin, added_at) VALUES (?,?,?,?,'manual',?)`,
        [platform, userId, userId, textOf(row, 'note') ?? null, timeOf(row, 'added_at', now)],
      );
    }
  };
}
