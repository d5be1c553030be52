import { defined } from '../../base/defined.ts';
import type { Database, Row, Tx } from '../../store/database.ts';
import { canonicalId } from '../chat.ts';
import type { AllowlistView, Platform, Sender } from '../model.ts';

/** The same for every spelling of an id. */
const personKey = (platform: Platform, id: string): string => `${platform}\n${canonicalId(platform, id)}`;

interface Blocked {
  readonly platform: Platform;
  readonly userId: string;
  readonly at: number;
  /** The main id of the person, in its one spelling: all ids that were blocked with it are unblocked with it. */
  readonly person: string;
}

/** Another id of a person. */
interface Known {
  readonly platform: Platform;
  readonly alias: string;
  readonly person: string;
}

/** Who may speak and who is never heard. Memory mirrors the store; what bars someone is active before it is stored. */
export class People {
  readonly #allowed = new Map<string, AllowlistView>();
  /** Other ids of an allowed person, to the id that was allowed. */
  readonly #aliases = new Map<string, string>();
  readonly #blocked = new Map<string, Blocked>();
  /** How else the store has an id: what takes a person out takes out every spelling. */
  readonly #spellings = new Map<string, Set<string>>();
  /** Ids about which a revocation or a block has been decided that is not carried out yet, with how many there are. */
  readonly #barred = { revoke: new Map<string, number>(), block: new Map<string, number>() };

  load(db: Database): void {
    for (const row of db.all('SELECT * FROM allowlist ORDER BY added_at')) this.#remember(allowlistRow(row));
    for (const row of db.all('SELECT * FROM aliases'))
      this.#alias(row['platform'] as Platform, String(row['alias']), String(row['user_id']));
    for (const row of db.all('SELECT * FROM blocked')) {
      const platform = row['platform'] as Platform;
      const userId = String(row['user_id']);
      this.#rememberBlock(platform, userId, Number(row['at']), String(row['person']) || userId);
    }
  }

  list(): AllowlistView[] {
    return [...this.#allowed.values()];
  }

  blockedList(): { platform: Platform; userId: string; at: number }[] {
    return [...this.#blocked.values()].map(({ platform, userId, at }) => ({ platform, userId, at }));
  }

  isAllowed(platform: Platform, sender: Sender): boolean {
    const ids = idsOf(sender);
    const barred = ids.some((id) => {
      const key = personKey(platform, id);
      return this.#barred.revoke.has(key) || this.#barred.block.has(key);
    });
    return !barred && ids.some((id) => this.find(platform, id) !== undefined);
  }

  isBlocked(platform: Platform, sender: Sender): boolean {
    const barred = idsOf(sender).some((id) => this.#barred.block.has(personKey(platform, id)));
    return barred || this.wasBlocked(platform, sender);
  }

  /** The same without blocks that are decided and not carried out yet: what an act in its turn goes by. */
  wasBlocked(platform: Platform, sender: Sender): boolean {
    return idsOf(sender).some((id) => this.#blocked.has(personKey(platform, id)));
  }

  /** From now on these ids have no access, whatever is still being stored. Returns what ends it. */
  bar(platform: Platform, ids: readonly string[], how: 'revoke' | 'block'): () => void {
    const counts = this.#barred[how];
    const keys = ids.map((id) => personKey(platform, id));
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
    return () => {
      for (const key of keys) {
        const left = (counts.get(key) ?? 1) - 1;
        if (left > 0) counts.set(key, left);
        else counts.delete(key);
      }
    };
  }

  find(platform: Platform, id: string): AllowlistView | undefined {
    const key = personKey(platform, id);
    const alias = this.#aliases.get(key);
    return (
      this.#allowed.get(key) ??
      (alias === undefined ? undefined : this.#allowed.get(personKey(platform, alias)))
    );
  }

  /** The row of a person as it will be: who is on the list already keeps where they came from, and their note. */
  merged(entry: AllowlistView): AllowlistView {
    const known = this.#allowed.get(personKey(entry.platform, entry.userId));
    if (known === undefined) return entry;
    const note = entry.note ?? known.note;
    return { ...known, name: entry.name, ...defined({ note }) };
  }

  /** The row of a person who is called otherwise now; undefined: no one on the list, or the name it has. */
  renamed(platform: Platform, { id, name, unnamed }: Sender): AllowlistView | undefined {
    const known = this.find(platform, id);
    if (known === undefined || unnamed === true || name.trim() === '' || known.name === name)
      return undefined;
    return { ...known, name };
  }

  rename(tx: Tx, { platform, userId, name }: AllowlistView): void {
    tx.run('UPDATE allowlist SET name = ? WHERE platform = ? AND user_id = ?', [name, platform, userId]);
  }

  /** False: they were taken off the list in the meantime. */
  rememberRenamed(entry: AllowlistView): boolean {
    const key = personKey(entry.platform, entry.userId);
    if (!this.#allowed.has(key)) return false;
    this.#allowed.set(key, entry);
    return true;
  }

  /**
   * Someone who may speak has written under these ids: from now on they are one person, whichever of them an operator
   * names. In memory at once; returns what is new, for `storeIds`.
   */
  recognize(platform: Platform, sender: Sender): readonly Known[] {
    const ids = idsOf(sender);
    const entry = ids.map((id) => this.find(platform, id)).find((each) => each !== undefined);
    const person = entry?.userId ?? sender.id;
    const own = personKey(platform, person);
    const fresh = ids.filter((id) => {
      const key = personKey(platform, id);
      return key !== own && this.#aliases.get(key) !== person;
    });
    for (const id of fresh) this.#alias(platform, id, person);
    return fresh.map((alias) => ({ platform, alias, person }));
  }

  storeIds(tx: Tx, known: readonly Known[]): void {
    for (const { platform, alias, person } of known)
      tx.run('INSERT OR REPLACE INTO aliases (platform, alias, user_id) VALUES (?,?,?)', [
        platform,
        alias,
        person,
      ]);
  }

  allow(tx: Tx, entry: AllowlistView, aliases: readonly string[]): void {
    tx.run(
      `INSERT OR REPLACE INTO allowlist (platform, user_id, name, note, origin, added_at) VALUES (?,?,?,?,?,?)`,
      [entry.platform, entry.userId, entry.name, entry.note ?? null, entry.origin, entry.addedAt],
    );
    this.storeIds(
      tx,
      aliases.map((alias) => ({ platform: entry.platform, alias, person: entry.userId })),
    );
    this.unblock(tx, entry.platform, [entry.userId, ...aliases]);
  }

  /** Takes these ids off the list. */
  revoke(tx: Tx, platform: Platform, ids: readonly string[]): void {
    for (const id of ids) {
      tx.run('DELETE FROM allowlist WHERE platform = ? AND user_id = ?', [platform, id]);
      tx.run('DELETE FROM aliases WHERE platform = ? AND (alias = ? OR user_id = ?)', [platform, id, id]);
    }
  }

  block(tx: Tx, platform: Platform, ids: readonly string[], at: number): void {
    for (const id of ids)
      tx.run('INSERT OR REPLACE INTO blocked (platform, user_id, at, person) VALUES (?,?,?,?)', [
        platform,
        id,
        at,
        ids[0] ?? id,
      ]);
  }

  unblock(tx: Tx, platform: Platform, ids: readonly string[]): void {
    for (const id of this.#blockedWith(platform, ids))
      tx.run('DELETE FROM blocked WHERE platform = ? AND user_id = ?', [platform, id]);
  }

  /** Every id under which this person is known, in every spelling that is stored, the one on the list first. */
  idsFor(platform: Platform, ...known: readonly string[]): string[] {
    const ids = new Set(known.map((id) => canonicalId(platform, id)));
    const prefix = personKey(platform, '');
    for (let before = 0; before < ids.size; ) {
      before = ids.size;
      for (const [key, person] of this.#aliases) {
        if (!key.startsWith(prefix)) continue;
        const alias = key.slice(prefix.length);
        const owner = canonicalId(platform, person);
        if (ids.has(owner)) ids.add(alias);
        else if (ids.has(alias)) ids.add(owner);
      }
    }
    const listed = [...ids].flatMap((id) => this.#allowed.get(personKey(platform, id))?.userId ?? []);
    return [...new Set([...listed, ...known, ...[...ids].flatMap((id) => this.#spelled(platform, id))])];
  }

  // Memory follows the store only after the store has it; a revoke or block goes first, because refusing is safe.
  rememberAllowed(entry: AllowlistView, aliases: readonly string[]): void {
    this.#remember(entry);
    for (const alias of aliases) this.#alias(entry.platform, alias, entry.userId);
    this.forgetBlocked(entry.platform, [entry.userId, ...aliases]);
  }

  forget(platform: Platform, ids: readonly string[]): void {
    for (const id of ids) {
      const key = personKey(platform, id);
      this.#allowed.delete(key);
      this.#aliases.delete(key);
      if (!this.#blocked.has(key)) this.#spellings.delete(key);
    }
  }

  rememberBlocked(platform: Platform, ids: readonly string[], at: number): void {
    for (const id of ids) this.#rememberBlock(platform, id, at, ids[0] ?? id);
  }

  forgetBlocked(platform: Platform, ids: readonly string[]): void {
    for (const id of this.#blockedWith(platform, ids)) {
      const key = personKey(platform, id);
      this.#blocked.delete(key);
      if (!this.#allowed.has(key) && !this.#aliases.has(key)) this.#spellings.delete(key);
    }
  }

  /** These ids, and those that were blocked together with one of them. */
  #blockedWith(platform: Platform, ids: readonly string[]): string[] {
    const persons = new Set(ids.map((id) => this.#blocked.get(personKey(platform, id))?.person));
    const together = [...this.#blocked.values()].filter(
      (row) => row.platform === platform && persons.has(row.person),
    );
    return together.flatMap(({ userId }) => this.#spelled(platform, userId));
  }

  /** One entry of a person is shown, however often they are listed: the oldest. */
  #remember(entry: AllowlistView): void {
    const key = this.#spell(entry.platform, entry.userId);
    const known = this.#allowed.get(key);
    if (known === undefined || known.userId === entry.userId) this.#allowed.set(key, entry);
  }

  #rememberBlock(platform: Platform, userId: string, at: number, person: string): void {
    const key = this.#spell(platform, userId);
    const shown = this.#blocked.get(key)?.userId ?? userId;
    this.#blocked.set(key, { platform, userId: shown, at, person: canonicalId(platform, person) });
  }

  #alias(platform: Platform, alias: string, person: string): void {
    this.#spell(platform, person);
    this.#aliases.set(this.#spell(platform, alias), person);
  }

  /** Keeps in mind that the store may have the id as it is written here. Returns its key. */
  #spell(platform: Platform, id: string): string {
    const key = personKey(platform, id);
    if (id === canonicalId(platform, id)) return key;
    const spellings = this.#spellings.get(key) ?? new Set();
    this.#spellings.set(key, spellings.add(id));
    return key;
  }

  /** The id in each spelling that the store may have. */
  #spelled(platform: Platform, id: string): string[] {
    return [canonicalId(platform, id), ...(this.#spellings.get(personKey(platform, id)) ?? [])];
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
