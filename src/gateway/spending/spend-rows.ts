import { createHmac, randomBytes } from 'node:crypto';
import type { Database, Row, Tx } from '../../store/database.ts';
import type { ModelUse } from '../agent/agent.ts';
import { type Cell, hiddenKey, isHidden, type Ledger } from './ledger.ts';
import { type Amount, PERS, plus, SCOPES, type Scope } from './limit.ts';

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

/** Whose session file may have what an open call cost. */
export const SPEND_SESSION = "ALTER TABLE spend_open ADD COLUMN session TEXT NOT NULL DEFAULT ''";

/** A call that was reserved and not settled. */
export interface OpenCall {
  readonly id: string;
  readonly amount: Amount;
  readonly cells: readonly Cell[];
  readonly session: string;
}

/** What the session file of a session has as the use of these calls. */
export type ReportedUse = (
  session: string,
  calls: readonly string[],
) => Promise<ReadonlyMap<string, ModelUse>>;

export async function usesOf(
  calls: readonly OpenCall[],
  reported: ReportedUse | undefined,
): Promise<ReadonlyMap<string, ModelUse>> {
  const known = new Map<string, ModelUse>();
  for (const session of new Set(calls.map((call) => call.session))) {
    const ids = calls.filter((call) => call.session === session).map(({ id }) => id);
    const uses = session === '' ? undefined : await reported?.(session, ids).catch(() => undefined);
    for (const [id, use] of uses ?? []) known.set(id, use);
  }
  return known;
}

/** Whose use is hidden: someone who is erased, in chats where no one else writes. */
export interface ErasedSubjects {
  /** "telegram:123", of the person and of those chats. */
  readonly subjects: readonly string[];
  readonly schedules: readonly string[];
  readonly sessions: readonly string[];
}

/** What becomes of a cell when someone is erased: it counts on without a name, it goes, or it is of others. */
export function fateOf(
  { scope, subject, per }: Pick<Cell, 'scope' | 'subject' | 'per'>,
  erased: ErasedSubjects,
): 'hide' | 'drop' | 'keep' {
  if (scope === 'schedule') return erased.schedules.includes(subject) ? 'drop' : 'keep';
  if ((scope !== 'person' && scope !== 'chat') || !erased.subjects.includes(subject)) return 'keep';
  return per === 'turn' ? 'drop' : 'hide';
}

const SECRET = 'spend_secret';

/** Hashes subjects with a secret of this installation; undefined while no one was erased. */
function hashOf(db: Pick<Database, 'get'>): ((subject: string) => string) | undefined {
  const secret = db.get('SELECT value FROM facts WHERE name = ?', [SECRET])?.['value'];
  if (typeof secret !== 'string') return undefined;
  return (subject) => createHmac('sha256', secret).update(subject).digest('base64url');
}

/**
 * Someone is erased: no row names them, and until the limits reset what they have used counts on, for anyone who comes with
 * their id. May be repeated.
 */
export function hideSpend(tx: Tx, erased: ErasedSubjects): void {
  if (hashOf(tx) === undefined)
    tx.run('INSERT INTO facts (name, value) VALUES (?,?)', [SECRET, randomBytes(32).toString('hex')]);
  const hash = hashOf(tx);
  if (hash === undefined) return;
  const newKey = (key: string): string | undefined => {
    const parts = partsOf(key);
    const fate = parts === undefined ? 'keep' : fateOf(parts, erased);
    return fate === 'keep' ? key : fate === 'hide' ? hiddenKey(key, hash) : undefined;
  };
  for (const row of tx.all('SELECT key, ends_at, tokens, nano FROM spend')) {
    const key = String(row['key']);
    const now = newKey(key);
    if (now === key) continue;
    tx.run('DELETE FROM spend WHERE key = ?', [key]);
    if (now !== undefined) addUse(tx, now, '', Number(row['ends_at']), amountOf(row));
  }
  for (const row of tx.all('SELECT id, cells, session FROM spend_open')) {
    const cells = keysOf(row).flatMap(({ key, endsAt }) => {
      const now = newKey(key);
      return now === undefined ? [] : { key: now, endsAt };
    });
    const session = erased.sessions.includes(String(row['session'])) ? '' : String(row['session']);
    tx.run('UPDATE spend_open SET cells = ?, session = ? WHERE id = ?', [
      JSON.stringify(cells),
      session,
      String(row['id']),
    ]);
  }
}

function addUse(tx: Tx, key: string, name: string, endsAt: number, { tokens, nano }: Amount): void {
  tx.run(
    `INSERT INTO spend (key, name, ends_at, tokens, nano) VALUES (?,?,?,?,?)
       ON CONFLICT (key) DO UPDATE SET name = excluded.name, ends_at = excluded.ends_at,
         tokens = tokens + excluded.tokens, nano = nano + excluded.nano`,
    [key, name, endsAt, tokens, nano],
  );
}

/** What is spent and reserved, on disk. */
export class SpendRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  hash(): ((subject: string) => string) | undefined {
    return hashOf(this.#db);
  }

  /** Fills the ledger. Calls of an earlier run count as spent in full until it is known what they cost. */
  load(ledger: Ledger, now: number): readonly OpenCall[] {
    ledger.hash = this.hash();
    const rows = this.#db.all('SELECT * FROM spend WHERE ends_at > ?', [now]);
    // Hidden ones first: anyone who has come back begins with them.
    const hidden = (row: Row): boolean => {
      const parts = partsOf(String(row['key']));
      return parts !== undefined && isHidden(parts);
    };
    for (const row of [...rows.filter(hidden), ...rows.filter((row) => !hidden(row))]) {
      const cell = cellOf(ledger, String(row['key']), Number(row['ends_at']));
      if (cell === undefined) continue;
      cell.name = String(row['name']);
      if (cell.window.endsAt === undefined) cell.usedAt = Number(row['ends_at']) - TURN_KEPT_MS;
      cell.spent = plus(cell.spent, amountOf(row));
      cell.raised = { tokens: Number(row['raised_tokens']), nano: Number(row['raised_nano']) };
      cell.denied = row['denied'] === 1;
    }
    return this.#db.all('SELECT * FROM spend_open').map((row) => {
      const amount = amountOf(row);
      const cells = keysOf(row).flatMap(({ key, endsAt }) => cellOf(ledger, key, endsAt) ?? []);
      for (const cell of cells) {
        cell.spent = plus(cell.spent, amount);
        cell.usedAt = now;
      }
      return { id: String(row['id']), amount, cells, session: String(row['session']) };
    });
  }

  open(tx: Tx, { id, amount, cells, session }: OpenCall, now: number): void {
    tx.run('INSERT INTO spend_open (id, at, tokens, nano, cells, session) VALUES (?,?,?,?,?,?)', [
      id,
      now,
      amount.tokens,
      amount.nano,
      JSON.stringify(cells.map(({ key, window }) => ({ key, endsAt: window.endsAt }))),
      session,
    ]);
  }

  /** The call has ended; `used` of it counts. */
  settle(tx: Tx, { id, cells }: OpenCall, used: Amount, now: number): void {
    tx.run('DELETE FROM spend_open WHERE id = ?', [id]);
    for (const { key, name, window } of cells)
      addUse(tx, key, name, window.endsAt ?? now + TURN_KEPT_MS, used);
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

function keysOf(row: Row): { readonly key: string; readonly endsAt: number | undefined }[] {
  const keys: unknown = JSON.parse(String(row['cells']));
  return (Array.isArray(keys) ? keys : []).flatMap(({ key, endsAt }: { key?: unknown; endsAt?: unknown }) =>
    typeof key === 'string' ? [{ key, endsAt: typeof endsAt === 'number' ? endsAt : undefined }] : [],
  );
}

/** Undefined for a key that this version does not write. */
function partsOf(
  key: string,
): (Pick<Cell, 'scope' | 'subject' | 'per' | 'zone'> & { id: string }) | undefined {
  const parts: unknown = JSON.parse(key);
  if (!Array.isArray(parts) || parts.length !== 5 || !parts.every((part) => typeof part === 'string'))
    return undefined;
  const [scope = '', subject = '', per = '', zone = '', id = '']: readonly string[] = parts;
  const known = SCOPES.find((each) => each === scope);
  const every = PERS.find((each) => each === per);
  if (known === undefined || every === undefined) return undefined;
  return { scope: known satisfies Scope, subject, per: every, zone, id };
}

function cellOf(ledger: Ledger, key: string, endsAt: number | undefined): Cell | undefined {
  const parts = partsOf(key);
  if (parts === undefined) return undefined;
  const { id, ...of } = parts;
  return ledger.cell({ ...of, window: { id, endsAt: of.per === 'turn' ? undefined : endsAt } });
}
