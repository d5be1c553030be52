import { basename } from 'node:path';
import { GatewayError, messageOf } from '../../base/errors.ts';
import type { Backing, DatabaseOptions } from '../backing.ts';
import { Committer } from '../committer.ts';
import type { Engine } from '../engine.ts';
import { type Leadership, unreachable } from './leadership.ts';
import { isRefusal, type PgLink, stateOf } from './link.ts';
import { PgFolding } from './pg-folding.ts';
import { PgJournal } from './pg-journal.ts';
import type { Replica } from './replica.ts';
import { DROP_OLD_CHUNKS } from './tables.ts';

const DISK_FULL = '53100';

export interface PgBackingOptions {
  /** Its own connection: commits of one database wait for none of another. */
  readonly link: PgLink;
  readonly database: string;
  readonly scratch: string;
  readonly leadership: Leadership;
  /** Up to date as of this term. */
  readonly replica: Replica;
  readonly stored: () => void;
}

/** Snapshot and log as rows in PostgreSQL. */
export class PgBacking implements Backing {
  readonly engine: Engine;
  readonly committer: Committer;
  readonly folding: PgFolding;
  readonly journal: PgJournal;
  readonly #link: PgLink;
  readonly #leadership: Leadership;
  readonly #database: string;

  constructor(options: PgBackingOptions, { log, path }: Pick<DatabaseOptions, 'log' | 'path'>) {
    const { link, leadership, database, replica, scratch } = options;
    this.#link = link;
    this.#leadership = leadership;
    this.#database = database;
    this.engine = replica.take();
    this.journal = new PgJournal({ link, database, leadership, log, stored: options.stored }, replica.read);
    this.committer = new Committer({
      engine: this.engine,
      journal: this.journal,
      log,
      path,
      seq: replica.seq,
      onBatch: () => this.folding.consider(),
      diskBusy: () => false,
      fence: () => {
        if (leadership.lost !== undefined) throw leadership.lost;
      },
      failureOf,
    });
    this.folding = new PgFolding({
      link,
      database,
      scratch,
      leadership,
      committer: this.committer,
      journal: this.journal,
      engine: this.engine,
      log,
      snapshot: replica.read.snapshot,
    });
  }

  get refusal(): GatewayError | undefined {
    return this.#leadership.refusal;
  }

  async start(): Promise<void> {
    // What an earlier leader had begun to write and never published.
    await this.#link.query(DROP_OLD_CHUNKS, [this.#leadership.term, this.#database], 30_000);
  }

  async keepCopy(now: number): Promise<string> {
    const name = `${this.#database}.bak-${new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')}`;
    await this.folding.keepAs(name);
    return name;
  }

  started(): void {}

  async probe(): Promise<boolean> {
    return this.#leadership.refusal === undefined;
  }

  async purge(): Promise<void> {
    await this.folding.purge();
    for (const copy of await this.copies())
      for (const table of ['pi_gateway_snapshot', 'pi_gateway_chunk'])
        await this.#link.query(`DELETE FROM ${table} WHERE database = $1`, [copy]);
  }

  async copies(): Promise<string[]> {
    const { rows } = await this.#link.query<{ database: string }>(
      'SELECT DISTINCT database FROM pi_gateway_snapshot WHERE starts_with(database, $1)',
      [`${this.#database}.bak-`],
    );
    return rows.map(({ database }) => database);
  }

  /** The log is where it has to be: there is nothing to leave behind. */
  async finish(): Promise<void> {
    this.#link.close();
  }

  async abandon(): Promise<void> {
    this.#link.close();
  }
}

/** What a caller hears when the database did not take what it wanted to store. */
function failureOf(error: unknown): GatewayError {
  if (stateOf(error) === DISK_FULL)
    return new GatewayError('storage_full', 'the disk of the database is full: nothing can be stored', {
      status: 507,
      hint: 'Free some disk space on the database server. The gateway resumes automatically.',
      cause: error,
    });
  if (isRefusal(error))
    return new GatewayError('storage_failed', `the database refused to store: ${messageOf(error)}`, {
      hint: 'Check the rights and the state of the database; the gateway tries again with the next message.',
      cause: error,
    });
  return unreachable(error);
}

/** The name of a database in the tables: `gateway-sessions`. */
export function databaseName(path: string): string {
  return basename(path, '.db');
}
