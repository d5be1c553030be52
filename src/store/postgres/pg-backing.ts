import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { settlesWithin } from '../../base/async.ts';
import { GatewayError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Backing, DatabaseOptions, Folding } from '../backing.ts';
import { Committer } from '../committer.ts';
import { foldInWorker } from '../compactor.ts';
import { nodeDisk } from '../disk.ts';
import type { Engine } from '../engine.ts';
import { reopen } from '../load.ts';
import type { FrozenPages } from '../paged-file.ts';
import { writeMetaSnapshot, writeSnapshot } from '../snapshot.ts';
import { type Leadership, unreachable } from './leadership.ts';
import {
  DROP_OLD_CHUNKS,
  DROP_OLD_LOG,
  DROP_OLD_SNAPSHOTS,
  isRefusal,
  type PgLink,
  stateOf,
} from './link.ts';
import { PgJournal, type Replica, upload } from './pg-journal.ts';

const COMPACT_AFTER_BYTES = 4 * 1024 * 1024;
const MAX_JOURNAL_BYTES = 32 * 1024 * 1024;
/** A row for each group commit: so many are folded although they are short. */
const MAX_ROWS = 20_000;
/** How long the end of a run waits for a compaction that is in progress. */
const GRACE_MS = 1_500;

interface PgFoldingOptions {
  readonly link: PgLink;
  readonly database: string;
  readonly scratch: string;
  readonly leadership: Leadership;
  readonly committer: Committer;
  readonly journal: PgJournal;
  readonly engine: Engine;
  readonly log: Logger;
  readonly snapshot: { readonly seq: number; readonly bytes: number };
}

interface Frozen {
  readonly seq: number;
  readonly pages: FrozenPages | undefined;
}

/**
 * Keeps the log short: writes a snapshot into the same database, in chunks, and then drops what came before the one
 * before it. Rows since the last snapshot stay for a standby that has not read them yet.
 */
class PgFolding implements Folding {
  readonly #options: PgFoldingOptions;
  #snapshot: { readonly seq: number; readonly bytes: number };
  #running: Promise<void> | undefined;
  #stopping = false;
  #notBefore = 0;
  #count = 0;

  constructor(options: PgFoldingOptions) {
    this.#options = options;
    this.#snapshot = options.snapshot;
  }

  get running(): boolean {
    return this.#running !== undefined;
  }

  get count(): number {
    return this.#count;
  }

  get snapshot(): { readonly seq: number; readonly bytes: number } {
    return this.#snapshot;
  }

  consider(): void {
    if (this.running || this.#stopping || performance.now() < this.#notBefore) return;
    const { bytes, segments } = this.#options.journal;
    const worthIt = Math.max(COMPACT_AFTER_BYTES, Math.min(this.#snapshot.bytes, MAX_JOURNAL_BYTES));
    if (bytes < worthIt && segments < MAX_ROWS) return;
    this.compact().catch(() => {
      // Logged where it happened.
    });
  }

  compact(): Promise<void> {
    return this.#alone(async () => {
      if (this.#options.committer.seq > this.#snapshot.seq) await this.#fold();
    });
  }

  /** As a file's: nothing is left of what was deleted, neither here nor in the tables. */
  async purge(): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => {}); // logged where it happened
    return this.#alone(() => this.#purge());
  }

  async end(): Promise<void> {
    this.#stopping = true;
    if (this.#running !== undefined) await settlesWithin(this.#running, GRACE_MS); // the log still holds everything
  }

  copy(target: string, moment: () => Promise<void>): Promise<void> {
    const { committer, engine, leadership } = this.#options;
    return committer.betweenBatches(async () => {
      await moment();
      await writeSnapshot(nodeDisk, target, engine, { seq: committer.seq, epoch: leadership.term });
    });
  }

  /** Stores the database as it is under another name. */
  async keepAs(name: string): Promise<void> {
    const { committer, engine, leadership } = this.#options;
    await this.#inFile(async (path) => {
      await committer.betweenBatches(() =>
        writeSnapshot(nodeDisk, path, engine, { seq: committer.seq, epoch: leadership.term }),
      );
      await upload(this.#options, path, name, committer.seq);
    });
  }

  #alone(work: () => Promise<void>): Promise<void> {
    this.#running ??= work()
      .catch((error: unknown) => {
        this.#notBefore = performance.now() + 60_000;
        this.#options.log.warn('the log could not be merged into a snapshot; it remains unchanged', {
          error: messageOf(error),
        });
        throw error;
      })
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  async #fold(): Promise<void> {
    const { committer, engine, leadership, database } = this.#options;
    await this.#inFile(async (path) => {
      const { term } = leadership;
      const { seq, pages } = await committer.betweenBatches(async (): Promise<Frozen> => {
        const target = committer.seq;
        const freezing = engine.freeze(() => writeMetaSnapshot(engine, target, term));
        if (freezing === undefined) await writeSnapshot(nodeDisk, path, engine, { seq: target, epoch: term });
        this.#options.journal.restart();
        return { seq: target, pages: freezing === undefined ? undefined : await freezing };
      });
      if (pages !== undefined)
        await foldInWorker({ path, target: seq, epoch: term, temporary: path, pages }).done;
      const bytes = await upload(this.#options, path, database, seq);
      const before = this.#snapshot.seq;
      this.#snapshot = { seq, bytes };
      if (pages !== undefined) {
        const base = await nodeDisk.base?.(path);
        if (base !== undefined)
          await committer.betweenBatches(async () => engine.paged?.standOn(base, pages));
      }
      await this.#dropBefore(before);
      this.#count += 1;
    });
  }

  async #purge(): Promise<void> {
    const { committer, engine, leadership, database, journal } = this.#options;
    await this.#inFile((path) =>
      committer.betweenBatches(async () => {
        const { seq } = committer;
        engine.vacuum();
        await writeSnapshot(nodeDisk, path, engine, { seq, epoch: leadership.term });
        const bytes = await upload(this.#options, path, database, seq);
        this.#snapshot = { seq, bytes };
        journal.restart();
        await this.#dropBefore(seq);
        await reopen(nodeDisk, path, engine);
      }),
    );
    await this.#options.link
      .query('VACUUM pi_gateway_log, pi_gateway_chunk', [], 60_000)
      .catch((error: unknown) =>
        this.#options.log.warn('PostgreSQL did not clear away the rows that were deleted yet', {
          error: messageOf(error),
        }),
      );
  }

  async #inFile<T>(work: (path: string) => Promise<T>): Promise<T> {
    const path = `${this.#options.scratch}.${randomBytes(6).toString('hex')}.db`;
    try {
      return await work(path);
    } finally {
      await rm(path, { force: true });
    }
  }

  /** The snapshot stands: what is older is dropped, and of the log what came up to record `seq`. */
  async #dropBefore(seq: number): Promise<void> {
    const { link, database, leadership } = this.#options;
    const { term } = leadership;
    await link.query(DROP_OLD_SNAPSHOTS, [term, database, this.#snapshot.seq], 30_000);
    await link.query(DROP_OLD_CHUNKS, [term, database], 30_000);
    await link.query(DROP_OLD_LOG, [term, database, seq], 30_000);
  }
}

const DISK_FULL = '53100';

interface PgBackingOptions {
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
