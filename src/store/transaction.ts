import type { Engine } from './engine.ts';
import type { JournalStatement } from './record.ts';
import { checkedParams, type Row, type SqlValue } from './sql.ts';

/** What a `write` body works with. Usable only while the body runs. */
export interface Tx {
  /** Runs a statement and answers how many rows it inserted, updated or deleted. */
  run(sql: string, params?: readonly SqlValue[]): number;
  /** The first row; also of a writing statement with RETURNING. */
  get(sql: string, params?: readonly SqlValue[]): Row | undefined;
  all(sql: string, params?: readonly SqlValue[]): Row[];
}

/** Runs statements and remembers those that changed something: they are the body's record in the journal. */
export class RecordingTx implements Tx {
  readonly statements: JournalStatement[] = [];
  readonly #engine: Engine;
  #ended = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  run(sql: string, params: readonly SqlValue[] = []): number {
    return this.#do(sql, params).changes;
  }

  get(sql: string, params: readonly SqlValue[] = []): Row | undefined {
    return this.all(sql, params)[0];
  }

  all(sql: string, params: readonly SqlValue[] = []): Row[] {
    return this.#do(sql, params).rows;
  }

  end(): void {
    this.#ended = true;
  }

  #do(sql: string, params: readonly SqlValue[]): { rows: Row[]; changes: number } {
    if (this.#ended) throw new Error('a transaction ends with its body: nothing can run in it later');
    const prepared = this.#engine.prepare(sql);
    const values = checkedParams(params);
    if (prepared.kind === 'read') return { rows: prepared.all(values), changes: 0 };
    const { rows, changes } = prepared.change(values);
    if (prepared.kind === 'schema') this.#engine.forgetStatements();
    this.statements.push({ sql, params: values, changes });
    return { rows, changes };
  }
}
