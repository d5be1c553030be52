import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/async.ts';
import type { Database, Row, Tx } from '../../store/database.ts';
import {
  ANCHOR,
  anchorSubject,
  type ChainedLine,
  type ChainHead,
  type ChainReport,
  CUT,
  cutSubject,
  digestOf,
  ERASE,
  ERASED,
  hashOf,
  rangesOf,
  verifyChain,
} from './audit-chain.ts';

/** Who acts, and from where: every transition is an audit line with both. */
export interface Actor {
  readonly name: string;
  readonly surface:
    | 'console'
    | 'cli'
    | 'http'
    | 'extension'
    | 'api'
    | 'attach'
    | 'gateway'
    | 'chat'
    | 'owner';
}

export interface AuditLine {
  readonly at: number;
  readonly actor: string;
  readonly surface: string;
  readonly action: string;
  readonly subject: string;
}

/** With its number in the chain. */
interface NumberedLine extends AuditLine {
  readonly seq: number;
}

const GATEWAY: Actor = { name: 'gateway', surface: 'gateway' };
/** Each cut is a line itself: old lines wait for each other. */
const CUT_EVERY_MS = 60 * 60_000;

/**
 * Who decided what about whom. A line is part of the transaction that carries the decision out, and carries the hash of
 * the line before it.
 */
export class Audit {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  add(tx: Tx, actor: Actor, action: string, subject: string): void {
    chainOlder(tx, this.#clock());
    write(tx, { at: this.#clock(), actor: actor.name, surface: actor.surface, action, subject });
  }

  /** Notes an act of an operator that is no decision about a person. */
  note(actor: Actor, action: string, subject: string): Promise<void> {
    return this.#db.write((tx) => this.add(tx, actor, action, subject));
  }

  /** Chains what an older version wrote; the first line that is written does it, too. */
  async chain(): Promise<void> {
    if (this.#db.get('SELECT 1 AS yes FROM audit WHERE hash IS NULL LIMIT 1') === undefined) return;
    await this.#db.write((tx) => chainOlder(tx, this.#clock()));
  }

  /** The newest first; `before`: older than the line with this number. */
  lines(limit: number, before = Number.MAX_SAFE_INTEGER): NumberedLine[] {
    return this.#db
      .all('SELECT * FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?', [before, limit])
      .map((row) => ({ seq: Number(row['seq']), ...lineOf(row) }));
  }

  /** Whether a line was changed, removed or moved since it was written. `noted`: a head that was kept elsewhere. */
  verify(noted?: ChainHead): ChainReport {
    const lines = this.#db.all('SELECT * FROM audit ORDER BY seq').map(chainedOf);
    return verifyChain(lines, headIn(this.#db), noted);
  }

  /** Removes lines that are older, at most `limit`; a line of its own says how far. */
  async forget(before: number, limit: number): Promise<void> {
    const oldest = this.#db.get('SELECT at FROM audit ORDER BY seq LIMIT 1');
    if (oldest === undefined || Number(oldest['at']) >= before) return;
    const cut = this.#db.get('SELECT MAX(at) AS at FROM audit WHERE action = ?', [CUT])?.['at'] ?? 0;
    const now = this.#clock();
    if (now - Number(cut) < CUT_EVERY_MS) return;
    await this.#db.write((tx) => {
      chainOlder(tx, now);
      // Lines are written in the order of time: what is removed is a beginning of the chain.
      const last = tx.get(
        `SELECT seq, hash FROM (SELECT seq, hash, at FROM audit ORDER BY seq LIMIT ?) WHERE at < ?
           ORDER BY seq DESC LIMIT 1`,
        [limit, before],
      );
      if (last === undefined) return;
      tx.run('DELETE FROM audit WHERE seq <= ?', [Number(last['seq'])]);
      const subject = cutSubject({ seq: Number(last['seq']), hash: String(last['hash']) });
      write(tx, { at: now, actor: GATEWAY.name, surface: GATEWAY.surface, action: CUT, subject });
    });
  }

  /**
   * Takes out what lines say about a person, and notes who did it. When they were written, from where, and what was
   * done stays, and so does the chain. Earlier erasures of the same person stay as they are, and so do lines of the
   * chain itself, whose numbers and words may look like someone's id.
   */
  erase(tx: Tx, actor: Actor, subject: string, concerns: (line: AuditLine) => boolean): void {
    chainOlder(tx, this.#clock());
    const erased = tx
      .all('SELECT * FROM audit WHERE salt IS NOT NULL AND action NOT IN (?, ?, ?)', [ERASE, CUT, ANCHOR])
      .filter((row) => concerns(lineOf(row)))
      .map((row) => Number(row['seq']));
    for (const seq of erased)
      tx.run("UPDATE audit SET actor = '', subject = ?, salt = NULL WHERE seq = ?", [ERASED, seq]);
    const lines = erased.length === 0 ? '' : `; audit lines ${rangesOf(erased)}`;
    this.add(tx, actor, ERASE, `${subject}${lines}`);
  }
}

function write(tx: Tx, line: AuditLine): void {
  const head = headIn(tx) ?? { seq: 0, hash: '' };
  const salt = randomBytes(16).toString('hex');
  const { at, actor, surface, action, subject } = line;
  const seq = head.seq + 1;
  const digest = digestOf(salt, actor, subject);
  const hash = hashOf(head.hash, { seq, at, surface, action, digest });
  tx.run(
    'INSERT INTO audit (seq, at, actor, surface, action, subject, salt, digest, hash) VALUES (?,?,?,?,?,?,?,?,?)',
    [seq, at, actor, surface, action, subject, salt, digest, hash],
  );
  noteHead(tx, { seq, hash });
}

function noteHead(tx: Tx, { seq, hash }: ChainHead): void {
  tx.run('INSERT OR REPLACE INTO audit_head (id, seq, hash) VALUES (1,?,?)', [seq, hash]);
}

/** Lines without a hash are those of an older version: only before there is a head. */
function chainOlder(tx: Tx, now: number): void {
  if (headIn(tx) !== undefined) return;
  const rows = tx.all('SELECT * FROM audit ORDER BY seq').map(chainedOf);
  const first = rows[0];
  if (first === undefined) return;
  let head: ChainHead = { seq: first.seq - 1, hash: '' };
  for (const { seq, at, actor, surface, action, subject } of rows) {
    const salt = randomBytes(16).toString('hex');
    const digest = digestOf(salt, actor, subject);
    head = { seq, hash: hashOf(head.hash, { seq, at, surface, action, digest }) };
    tx.run('UPDATE audit SET salt = ?, digest = ?, hash = ? WHERE seq = ?', [salt, digest, head.hash, seq]);
  }
  noteHead(tx, head);
  const subject = anchorSubject(first.seq, head.seq);
  write(tx, { at: now, actor: GATEWAY.name, surface: GATEWAY.surface, action: ANCHOR, subject });
}

function headIn(db: Pick<Tx, 'get'>): ChainHead | undefined {
  const row = db.get('SELECT seq, hash FROM audit_head WHERE id = 1');
  return row === undefined ? undefined : { seq: Number(row['seq']), hash: String(row['hash']) };
}

function lineOf(row: Row): AuditLine {
  return {
    at: Number(row['at']),
    actor: String(row['actor']),
    surface: String(row['surface']),
    action: String(row['action']),
    subject: String(row['subject']),
  };
}

function chainedOf(row: Row): ChainedLine {
  const text = (name: string): string | undefined => {
    const value = row[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    seq: Number(row['seq']),
    ...lineOf(row),
    salt: text('salt'),
    digest: text('digest'),
    hash: text('hash'),
  };
}
