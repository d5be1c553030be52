import type { AllowlistView, Platform, Sender } from '../model.ts';
import type { Database, Row, Tx } from '../store/database.ts';

const personKey = (platform: Platform, id: string): string => `${platform}\n${id}`;

/** Who may speak and who is never heard. Memory mirrors the store: a revoke is in force the moment it is made. */
export class People {
  readonly #allowed = new Map<string, AllowlistView>();
  /** Other ids of an allowed person, to the id that was allowed. */
  readonly #aliases = new Map<string, string>();
  readonly #blocked = new Map<string, { platform: Platform; userId: string; at: number }>();

  load(db: Database): void {
    for (const row of db.all('SELECT * FROM allowlist ORDER BY added_at')) this.#remember(allowlistRow(row));
    for (const row of db.all('SELECT * FROM aliases'))
      this.#aliases.set(personKey(row['platform'] as Platform, String(row['alias'])), String(row['user_id']));
    for (const row of db.all('SELECT * FROM blocked')) {
      const platform = row['platform'] as Platform;
      const userId = String(row['user_id']);
      this.#blocked.set(personKey(platform, userId), { platform, userId, at: Number(row['at']) });
    }
  }

  list(): AllowlistView[] {
    return [...this.#allowed.values()];
  }

  blockedList(): { platform: Platform; userId: string; at: number }[] {
    return [...this.#blocked.values()];
  }

  isAllowed(platform: Platform, sender: Sender): boolean {
    return idsOf(sender).some((id) => this.find(platform, id) !== undefined);
  }

  isBlocked(platform: Platform, sender: Sender): boolean {
    return idsOf(sender).some((id) => this.#blocked.has(personKey(platform, id)));
  }

  find(platform: Platform, id: string): AllowlistView | undefined {
    const key = personKey(platform, id);
    const alias = this.#aliases.get(key);
    return (
      this.#allowed.get(key) ??
      (alias === undefined ? undefined : this.#allowed.get(personKey(platform, alias)))
    );
  }

  allow(tx: Tx, entry: AllowlistView, aliases: readonly string[]): void {
    tx.run(
      `INSERT INTO allowlist (platform, user_id, name, note, origin, added_at) VALUES (?,?,?,?,?,?)
       ON CONFLICT (platform, user_id) DO UPDATE SET name = excluded.name, note = COALESCE(excluded.note, note)`,
      [entry.platform, entry.userId, entry.name, entry.note ?? null, entry.origin, entry.addedAt],
    );
    for (const alias of aliases)
      tx.run('INSERT OR REPLACE INTO aliases (platform, alias, user_id) VALUES (?,?,?)', [
        entry.platform,
        alias,
        entry.userId,
      ]);
    tx.run('DELETE FROM blocked WHERE platform = ? AND user_id = ?', [entry.platform, entry.userId]);
  }

  /** Takes the person off the list under every id. Returns all ids that were theirs. */
  revoke(tx: Tx, platform: Platform, id: string): string[] {
    const ids = this.idsFor(platform, id);
    for (const each of ids) {
      tx.run('DELETE FROM allowlist WHERE platform = ? AND user_id = ?', [platform, each]);
      tx.run('DELETE FROM aliases WHERE platform = ? AND (alias = ? OR user_id = ?)', [platform, each, each]);
    }
    return ids;
  }

  block(tx: Tx, platform: Platform, id: string, at: number): void {
    tx.run('INSERT OR REPLACE INTO blocked (platform, user_id, at) VALUES (?,?,?)', [platform, id, at]);
  }

  unblock(tx: Tx, platform: Platform, id: string): void {
    tx.run('DELETE FROM blocked WHERE platform = ? AND user_id = ?', [platform, id]);
  }

  /** Every id under which this person is known. */
  idsFor(platform: Platform, id: string): string[] {
    const main = this.find(platform, id)?.userId ?? id;
    const ids = new Set([id, main]);
    for (const [key, owner] of this.#aliases)
      if (owner === main && key.startsWith(`${platform}\n`)) ids.add(key.slice(platform.length + 1));
    return [...ids];
  }

  // Memory follows the store only after the store has it; a revoke or block goes first, because refusing is safe.
  rememberAllowed(entry: AllowlistView, aliases: readonly string[]): void {
    this.#remember(entry);
    for (const alias of aliases) this.#aliases.set(personKey(entry.platform, alias), entry.userId);
    this.#blocked.delete(personKey(entry.platform, entry.userId));
  }

  forget(platform: Platform, ids: readonly string[]): void {
    for (const id of ids) {
      this.#allowed.delete(personKey(platform, id));
      this.#aliases.delete(personKey(platform, id));
    }
  }

  rememberBlocked(platform: Platform, userId: string, at: number): void {
    this.#blocked.set(personKey(platform, userId), { platform, userId, at });
  }

  forgetBlocked(platform: Platform, userId: string): void {
    this.#blocked.delete(personKey(platform, userId));
  }

  #remember(entry: AllowlistView): void {
    this.#allowed.set(personKey(entry.platform, entry.userId), entry);
  }
}

function idsOf(sender: Sender): readonly string[] {
  return [sender.id, ...(sender.aliases ?? [])];
}

function allowlistRow(row: Row): AllowlistView {
  return {
    platform: row['platform'] as Platform,
    userId: String(row['user_id']),
    name: String(row['name']),
    ...(row['note'] === null || row['note'] === undefined ? {} : { note: String(row['note']) }),
    addedAt: Number(row['added_at']),
    origin: row['origin'] === 'manual' ? 'manual' : 'pairing',
  };
}
