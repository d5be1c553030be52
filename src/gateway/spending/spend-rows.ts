import type { Database, Row, Tx } from '../../store/database.ts';
import type { Cell, Ledger } from './ledger.ts';
import { type Amount, plus, SCOPES, type Scope } from './limit.ts';
import { PERS } from './window.ts';

/** A turn may be continued after a restart: what it has used is remembered for this long after its last call. */
export const TURN_KEPT_MS = 2 * 86_400_000;

/** One row for each cell, one for each call that is not settled. Part of the schema of the sessions' store. */
export const SPEND_TABLES: readonly string[] = [
  `CREATE TABLE spend (key TEXT PRIMARY KEY, name TEXT NOT NULL, ends_at INTEGER NOT NULL, tokens INTEGER NOT NULL,
     nano INTEGER NOT NULL, raised_tokens INTEGER NOT NULL DEFAULT 0, raised_nano INTEGER NOT NULL DEFAULT 0,
     denied INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID`,
  'CREATE INDEX spend_ends ON spend (ends_at)',
  'CREATE TABLE spend_open (id TEXT PRIMARY KEY, at INTEGER NOT NULL, tokens INTEGER NOT NULL, nano INTEGER NOT NULL, cells TEXT NOT NULL) WITHOUT ROWID',
];

/** A call that was reserved and not settled. */
export interface OpenCall {
  readonly id: string;
  readonly amount: Amount;
  readonly cells: readonly Cell[];
}

/** What is spent and reserved, on disk. */
export class SpendRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Fills the ledger. Calls of an earlier run count as spent in full: nobody will tell what they cost. */
  load(ledger: Ledger, now: number): readonly OpenCall[] {
    for (const row of this.#db.all('SELECT * FROM spend WHERE ends_at > ?', [now])) {
      const cell = cellOf(ledger, String(row['key']), Number(row['ends_at']));
      if (cell === undefined) continue;
      cell.name = String(row['name']);
      if (cell.window.endsAt === undefined) cell.usedAt = Number(row['ends_at']) - TURN_KEPT_MS;
      cell.spent = amountOf(row);
      cell.raised = { tokens: Number(row['raised_tokens']), nano: Number(row['raised_nano']) };
      cell.denied = row['denied'] === 1;
    }
    return this.#db.all('SELECT * FROM spend_open').map((row) => {
      const amount = amountOf(row);
      const keys: unknown = JSON.parse(String(row['cells']));
      const cells = (Array.isArray(keys) ? keys : []).flatMap(
        ({ key, endsAt }: { key?: unknown; endsAt?: unknown }) =>
          typeof key === 'string'
            ? (cellOf(ledger, key, typeof endsAt === 'number' ? endsAt : undefined) ?? [])
            : [],
      );
      for (const cell of cells) {
        cell.spent = plus(cell.spent, amount);
        cell.usedAt = now;
      }
      return { id: String(row['id']), amount, cells };
    });
  }

  open(tx: Tx, { id, amount, cells }: OpenCall, now: number): void {
    tx.run('INSERT INTO spend_open (id, at, tokens, nano, cells) VALUES (?,?,?,?,?)', [
      id,
      now,
      amount.tokens,
      amount.nano,
      JSON.stringify(cells.map(({ key, window }) => ({ key, endsAt: window.endsAt }))),
    ]);
  }

  /** The call is over; `used` of it counts. */
  settle(tx: Tx, { id, cells }: OpenCall, used: Amount, now: number): void {
    tx.run('DELETE FROM spend_open WHERE id = ?', [id]);
    for (const cell of cells)
      tx.run(
        `INSERT INTO spend (key, name, ends_at, tokens, nano) VALUES (?,?,?,?,?)
         ON CONFLICT (key) DO UPDATE SET name = excluded.name, ends_at = excluded.ends_at,
           tokens = tokens + excluded.tokens, nano = nano + excluded.nano`,
        [cell.key, cell.name, cell.window.endsAt ?? now + TURN_KEPT_MS, used.tokens, used.nano],
      );
  }

  /** What the operator has decided about a cell. */
  decide(tx: Tx, { key, name, window, raised, denied }: Cell, now: number): void {
    tx.run(
      `INSERT INTO spend (key, name, ends_at, tokens, nano, raised_tokens, raised_nano, denied) VALUES (?,?,?,0,0,?,?,?)
       ON CONFLICT (key) DO UPDATE SET raised_tokens = excluded.raised_tokens, raised_nano = excluded.raised_nano,
         denied = excluded.denied`,
      [key, name, window.endsAt ?? now + TURN_KEPT_MS, raised.tokens, raised.nano, denied ? 1 : 0],
    );
  }

  async forget(before: number, atMost: number): Promise<void> {
    const old = this.#db.get('SELECT 1 AS yes FROM spend WHERE ends_at < ? LIMIT 1', [before]);
    if (old === undefined) return;
    await this.#db.write((tx) =>
      tx.run('DELETE FROM spend WHERE key IN (SELECT key FROM spend WHERE ends_at < ? LIMIT ?)', [
        before,
        atMost,
      ]),
    );
  }
}

function amountOf(row: Row): Amount {
  return { tokens: Number(row['tokens']), nano: Number(row['nano']) };
}

/** Undefined for a key that this version does not write. */
function cellOf(ledger: Ledger, key: string, endsAt: number | undefined): Cell | undefined {
  const parts: unknown = JSON.parse(key);
  if (!Array.isArray(parts) || parts.length !== 5 || !parts.every((part) => typeof part === 'string'))
    return undefined;
  const [scope = '', subject = '', per = '', zone = '', id = '']: readonly string[] = parts;
  const known = SCOPES.find((each) => each === scope);
  const every = PERS.find((each) => each === per);
  if (known === undefined || every === undefined) return undefined;
  const window = { id, endsAt: every === 'turn' ? undefined : endsAt };
  return ledger.cell({ scope: known satisfies Scope, subject, per: every, zone, window });
}
