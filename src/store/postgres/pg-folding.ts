import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { settlesWithin } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Folding } from '../backing.ts';
import type { Committer } from '../committer.ts';
import { foldInWorker } from '../compaction.ts';
import { nodeDisk } from '../disk.ts';
import type { Engine } from '../engine.ts';
import { writeMetaSnapshot } from '../meta.ts';
import type { FrozenPages } from '../paged-file.ts';
import { writeSnapshot } from '../snapshot.ts';
import type { Leadership } from './leadership.ts';
import type { PgLink } from './link.ts';
import type { PgJournal } from './pg-journal.ts';
import { upload } from './pg-snapshot.ts';
import { DROP_OLD_CHUNKS, DROP_OLD_LOG, DROP_OLD_SNAPSHOTS } from './tables.ts';

const COMPACT_AFTER_BYTES = 4 * 1024 * 1024;
const MAX_JOURNAL_BYTES = 32 * 1024 * 1024;
/** A row for each group commit: so many are folded although they are short. */
const MAX_ROWS = 20_000;
/** How long the end of a run waits for a compaction that is in progress. */
const GRACE_MS = 1_500;

export interface PgFoldingOptions {
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
export class PgFolding implements Folding {
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
        // SQLite has taken the whole content into memory: it goes back to the disk.
        const paged = nodeDisk.paged?.(path) ?? nodeDisk.paged?.(path, await nodeDisk.read(path));
        if (paged !== undefined) await engine.moveTo(paged);
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
