import type { Clock } from '../../base/clock.ts';
import type { Database, Tx } from '../../store/database.ts';

/** Who acts, and from where: every transition is an audit line with both. */
export interface Actor {
  readonly name: string;
  readonly surface: 'console' | 'cli' | 'http' | 'extension' | 'api' | 'attach' | 'gateway' | 'chat';
}

export interface AuditLine {
  readonly at: number;
  readonly actor: string;
  readonly surface: string;
  readonly action: string;
  readonly subject: string;
}

/** Who decided what about whom. A line is part of the transaction that carries the decision out. */
export class Audit {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  add(tx: Tx, actor: Actor, action: string, subject: string): void {
    tx.run('INSERT INTO audit (at, actor, surface, action, subject) VALUES (?,?,?,?,?)', [
      this.#clock(),
      actor.name,
      actor.surface,
      action,
      subject,
    ]);
  }

  /** The newest first. */
  lines(limit: number): AuditLine[] {
    return this.#db.all('SELECT * FROM audit ORDER BY seq DESC LIMIT ?', [limit]).map((row) => ({
      at: Number(row['at']),
      actor: String(row['actor']),
      surface: String(row['surface']),
      action: String(row['action']),
      subject: String(row['subject']),
    }));
  }
}
