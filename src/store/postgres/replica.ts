import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { messageOf } from '../../base/errors.ts';
import { damaged } from '../damage.ts';
import { nodeDisk } from '../disk.ts';
import type { Engine } from '../engine.ts';
import { apply, loadStore } from '../load.ts';
import { readMeta } from '../meta.ts';
import { readLine } from '../record.ts';
import type { PgLink } from './link.ts';
import { download } from './pg-snapshot.ts';
import { NEWEST_SNAPSHOT, READ } from './tables.ts';

interface LogRow {
  readonly sequence: string;
  readonly last: string;
  readonly id: string;
  readonly data: Buffer;
}

/** The last row of the log that is in the database. */
interface LastRow {
  readonly sequence: number;
  readonly id: string;
}

export interface ReplicaOptions {
  readonly link: PgLink;
  /** Its name in the tables. */
  readonly database: string;
  /** Where what is only passing through lies for a moment, private to this process. */
  readonly scratch: string;
}

/** A database in memory that follows the log: what a standby keeps warm, and what a leader begins with. */
export class Replica {
  readonly #options: ReplicaOptions;
  #engine: Engine | undefined;
  #seq = 0;
  #last: LastRow | undefined;
  #snapshot = { seq: 0, bytes: 0 };
  #bytes = 0;
  #rows = 0;

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  /** The last record that is in it. */
  get seq(): number {
    return this.#seq;
  }

  /** What it was loaded from, and what was read of the log since. */
  get read(): {
    readonly snapshot: { readonly seq: number; readonly bytes: number };
    readonly bytes: number;
    readonly rows: number;
  } {
    return { snapshot: this.#snapshot, bytes: this.#bytes, rows: this.#rows };
  }

  /** Neither a snapshot nor a record is there yet. */
  get isEmpty(): boolean {
    return this.#snapshot.bytes === 0 && this.#rows === 0;
  }

  /** The name that the database was given when it was made. */
  get store(): string | undefined {
    return this.#engine === undefined ? undefined : readMeta(this.#engine)?.store;
  }

  /** Hands the database over: nothing follows here anymore. */
  take(): Engine {
    const engine = this.#engine;
    if (engine === undefined) throw new Error('the database was not read yet');
    this.#engine = undefined;
    return engine;
  }

  close(): void {
    this.#engine?.close();
    this.#engine = undefined;
  }

  /** Reads what is new; everything, the first time and when the log no longer continues what is here. */
  async follow(): Promise<void> {
    for (;;) {
      if (this.#engine === undefined) await this.#load();
      if (await this.#catchUp()) return;
      // A row that was read had been undone, or is older than the newest snapshot.
      this.close();
    }
  }

  async #load(): Promise<void> {
    const { link, database, scratch } = this.#options;
    const path = `${scratch}.${randomBytes(6).toString('hex')}.db`;
    try {
      const bytes = await download(link, database, path);
      const { engine, seq } = await loadStore({ disk: nodeDisk, path, newStore: 'postgres' });
      this.#engine = engine;
      this.#seq = seq;
      this.#snapshot = { seq, bytes };
      this.#last = undefined;
      this.#bytes = 0;
      this.#rows = 0;
    } finally {
      await rm(path, { force: true });
    }
  }

  /** False when the log does not continue what is here. */
  async #catchUp(): Promise<boolean> {
    const { link, database } = this.#options;
    for (;;) {
      const last = this.#last;
      const { rows } = await link.query<LogRow>(READ, [database, last?.sequence ?? this.#seq + 1]);
      const known = last === undefined ? undefined : rows.shift();
      if (last !== undefined && known?.id !== last.id) return false;
      for (const row of rows) {
        if (Number(row.sequence) !== this.#seq + 1) return false;
        this.#apply(row);
      }
      // Nothing follows the snapshot that was read: unless a newer one has taken the place of what did.
      if (rows.length === 0) return this.#last !== undefined || !(await this.#hasNewerSnapshot());
    }
  }

  async #hasNewerSnapshot(): Promise<boolean> {
    const { link, database } = this.#options;
    const { rows } = await link.query<{ sequence: string }>(NEWEST_SNAPSHOT, [database]);
    return Number(rows[0]?.sequence ?? 0) > this.#seq;
  }

  #apply(row: LogRow): void {
    const engine = this.#engine;
    if (engine === undefined) throw new Error('the database was not read yet');
    const { database } = this.#options;
    const name = `the log of ${database}`;
    const { data } = row;
    const dictionary: string[] = [];
    engine.begin();
    for (let offset = 0; offset < data.length; ) {
      const line = readLine(data, offset);
      if (line === undefined || line.seq !== this.#seq + 1)
        throw damaged(name, offset, `record ${this.#seq + 1} cannot be read`);
      try {
        apply(engine, line.json, dictionary, true);
      } catch (error) {
        throw damaged(name, offset, `record ${line.seq} cannot be repeated (${messageOf(error)})`, error);
      }
      this.#seq = line.seq;
      offset = line.next;
    }
    engine.commit();
    if (this.#seq !== Number(row.last)) throw damaged(name, data.length, `it ends at record ${this.#seq}`);
    this.#last = { sequence: Number(row.sequence), id: row.id };
    this.#bytes += data.length;
    this.#rows += 1;
  }
}
