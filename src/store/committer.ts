import { GatewayError, messageOf } from '../base/errors.ts';
import { Histogram } from '../base/histogram.ts';
import type { Logger } from '../base/log.ts';
import { SyncPolicy } from './disk.ts';
import type { Engine } from './engine.ts';
import type { Journal } from './journal.ts';
import { type JournalStatement, RecordingTx, repeat, type Tx } from './transaction.ts';

interface Job {
  /** Runs the body; answers what to call once its record is on the disk. */
  readonly run: (tx: Tx) => () => void;
  readonly reject: (error: unknown) => void;
}

/** What one body has changed. */
type Changes = readonly JournalStatement[];

interface Batch {
  /** The last record of the batch. */
  readonly seq: number;
  readonly records: readonly Changes[];
  readonly bytes: number;
  readonly done: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[];
}

/** Seconds. */
const REPLAY_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const COMMIT_BOUNDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5,
];

/** A batch ends at whichever comes first: the main thread has other work, and a record should not wait for a novel. */
const BATCH_MS = 8;
const BATCH_BYTES = 1024 * 1024;

/** SQLite's own transaction ends after so much: until then it is what a refusal of the disk takes back and does again. */
const OPEN_RECORDS = 64;
const OPEN_BYTES = 256 * 1024;

/** What a journal has to be able to do: a file's, or PostgreSQL's. */
export type JournalWriter = Pick<Journal, 'prepare' | 'add' | 'discard' | 'pendingBytes' | 'flush' | 'seal'>;

interface StoreTimes {
  /** How long batches took until they were safe. */
  readonly commit: Histogram;
  /** How long snapshot and journal took to be read at the start. */
  readonly replay: Histogram;
}

export interface StoreCounts {
  /** Bodies waiting for their turn. */
  readonly waiting: number;
  readonly commits: number;
  readonly syncs: number;
  readonly times: StoreTimes;
}

export interface CommitterOptions {
  readonly engine: Engine;
  readonly journal: JournalWriter;
  readonly log: Logger;
  /** Names the database in errors. */
  readonly path: string;
  /** The last record in database and journal. */
  readonly seq: number;
  /** How long the start took to read them. */
  readonly replayedInMs?: number;
  /** Called after each batch. */
  readonly onBatch: () => void;
  /** Whether something else of ours is working the disk. */
  readonly diskBusy: () => boolean;
  /** Throws when another process has taken over the data directory. */
  readonly fence: () => void;
  /** What callers hear when the journal did not take a batch. */
  readonly failureOf: (error: unknown) => GatewayError;
}

/**
 * Group commit. Bodies that are waiting are applied together, their records go to the journal with one write and one
 * sync, and then the callers hear of it. While a sync is in progress the next bodies collect. When the disk refuses,
 * nothing of them stays.
 *
 * SQLite's own transaction goes on over many batches: to end it costs more than what a message changes, and its file is
 * gone after a crash anyway. To take a batch or a body back, all of it is rolled back, and what was acknowledged in it is
 * done again: the records are kept until then.
 *
 * The fence is looked at before each batch and again when it is on the disk, before anybody hears of it. A successor
 * reads the journal after it has replaced the lock: whatever was acknowledged here is in what it reads, and whatever it
 * has not read is not acknowledged.
 */
export class Committer {
  readonly #times: StoreTimes = {
    commit: new Histogram(COMMIT_BOUNDS),
    replay: new Histogram(REPLAY_BOUNDS),
  };
  readonly #options: CommitterOptions;
  readonly #policy = new SyncPolicy();
  #seq: number;
  #queue: Job[] = [];
  #between: { readonly run: () => Promise<void>; readonly reject: (error: unknown) => void }[] = [];
  #pumping: Promise<void> | undefined;
  #inFlight: Promise<void> | undefined;
  #broken: GatewayError | undefined;
  /** Why the disk refused the last batch. */
  #refused: GatewayError | undefined;
  /** Acknowledged, and in the transaction that is open. */
  #open: Changes[] = [];
  #openBytes = 0;
  /** After SQLite's file had no room: how many there have to be before the next try. */
  #commitFrom = OPEN_RECORDS;
  #commits = 0;
  #syncs = 0;

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#seq = options.seq;
    if (options.replayedInMs !== undefined) this.#times.replay.observe(options.replayedInMs / 1000);
  }

  /** The last record that is on the disk. */
  get seq(): number {
    return this.#seq;
  }

  get counts(): StoreCounts {
    const times = this.#times;
    return { waiting: this.#queue.length, commits: this.#commits, syncs: this.#syncs, times };
  }

  /** Set when memory and journal have parted: only a new start helps. */
  get broken(): GatewayError | undefined {
    return this.#broken;
  }

  /** Why the disk refused what it was last asked to take. */
  get refusal(): GatewayError | undefined {
    return this.#broken ?? this.#refused;
  }

  /** The disk has taken something. */
  accepted(): void {
    if (this.#refused === undefined) return;
    this.#refused = undefined;
    this.#options.log.info('changes can be stored again', { file: this.#options.path });
  }

  write<T>(body: (tx: Tx) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (tx: Tx): (() => void) => {
        const result = body(tx);
        if (result instanceof Promise) throw new TypeError('the body of a write must be synchronous');
        return () => resolve(result);
      };
      this.#queue.push({ run, reject });
      this.#wake();
    });
  }

  /** Settles with the batch whose changes reads see already. */
  flushed(): Promise<void> {
    return this.#inFlight ?? Promise.resolve();
  }

  /** Runs `action` while no batch is in progress and no transaction open. */
  betweenBatches<T>(action: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#between.push({ run: () => action().then(resolve, reject), reject });
      this.#wake();
    });
  }

  /** Resolves when nothing waits anymore. */
  async idle(): Promise<void> {
    while (this.#pumping !== undefined) await this.#pumping;
    if (this.#broken === undefined) this.#commit();
  }

  #wake(): void {
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = undefined;
      if (this.#hasWork()) this.#wake();
    });
  }

  #hasWork(): boolean {
    return this.#queue.length > 0 || this.#between.length > 0;
  }

  async #pump(): Promise<void> {
    // Anyone who else writes in this turn of the event loop shares the first sync.
    await nextTurn();
    while (this.#hasWork()) {
      for (const { run, reject } of this.#between.splice(0)) {
        const failure = this.#broken === undefined ? this.#commit() : undefined;
        if (failure === undefined) await run();
        else reject(failure);
      }
      if (this.#queue.length === 0) continue;
      const records = await this.#commitBatch();
      this.#options.onBatch();
      await nextTurn();
      // Writers that go on at once bring the proof with their next record.
      if (records > 1 && this.#queue.length === 0) await this.#options.journal.seal(this.#seq);
    }
  }

  /** Applies waiting bodies, writes their records with one sync, and settles their callers. */
  async #commitBatch(): Promise<number> {
    try {
      if (this.#broken !== undefined) throw this.#broken;
      this.#options.fence();
      const preparing = this.#options.journal.prepare(this.#seq + 1);
      if (preparing !== undefined) await preparing;
    } catch (error) {
      const failure = this.#failure(error);
      for (const job of this.#queue.splice(0)) job.reject(failure);
      return 0;
    }
    const batch = this.#apply();
    if (batch === undefined) return 0;
    const storing = this.#store(batch);
    this.#inFlight = storing;
    try {
      await storing;
    } catch (error) {
      for (const job of batch.done) job.reject(error);
      return 0;
    } finally {
      this.#inFlight = undefined;
    }
    for (const job of batch.done) job.resolve();
    return batch.records.length;
  }

  /** Runs bodies; one that throws leaves the others alone. */
  #apply(): Batch | undefined {
    const { engine, journal } = this.#options;
    const base = this.#seq;
    const records: Changes[] = [];
    const done: Batch['done'] = [];
    const started = performance.now();
    let next = 0;
    try {
      if (!engine.inTransaction) engine.begin();
      while (next < this.#queue.length) {
        const job = this.#queue[next++];
        if (job === undefined) break;
        const tx = new RecordingTx(engine);
        let resolve: () => void;
        try {
          resolve = job.run(tx);
        } catch (error) {
          // A statement that fails takes itself back, and with little memory SQLite everything.
          if (tx.statements.length > 0 || !engine.transactionLives()) this.#again(records);
          job.reject(error);
          continue;
        } finally {
          tx.end();
        }
        if (tx.statements.length > 0) {
          records.push(tx.statements);
          journal.add(base + records.length, base, tx.statements);
        }
        done.push({ resolve, reject: job.reject });
        if (journal.pendingBytes > BATCH_BYTES || performance.now() - started > BATCH_MS) break;
      }
    } catch (error) {
      journal.discard();
      const failure = this.#failure(error);
      this.#takeBack();
      for (const job of [...done, ...this.#queue.splice(0, Math.max(next, 1))]) job.reject(failure);
      return undefined;
    }
    this.#queue.splice(0, next);
    return { seq: base + records.length, records, bytes: journal.pendingBytes, done };
  }

  /** Makes an applied batch durable, or takes it back. */
  async #store(batch: Batch): Promise<void> {
    const { records } = batch;
    if (records.length > 0) {
      try {
        await this.#flush(records.length);
      } catch (error) {
        this.#takeBack();
        throw this.#broken ?? this.#failure(error);
      }
      try {
        this.#options.fence();
      } catch (error) {
        // On the disk, but perhaps not in what the successor has read.
        this.#takeBack();
        this.#broken = this.#failure(error);
        throw this.#broken;
      }
      this.accepted();
      this.#open.push(...records);
      this.#openBytes += batch.bytes;
    }
    this.#commits += records.length;
    this.#seq = batch.seq;
    if (this.#open.length >= this.#commitFrom || this.#openBytes > OPEN_BYTES) this.#commit();
  }

  /** Ends SQLite's transaction. Answers why it could not be: then it goes on. */
  #commit(): GatewayError | undefined {
    const { engine } = this.#options;
    if (!engine.inTransaction) return undefined;
    try {
      engine.commit();
    } catch (error) {
      this.#commitFrom = Math.max(this.#open.length, OPEN_RECORDS) * 2;
      this.#openBytes = 0;
      const failure = this.#options.failureOf(error);
      this.#options.log.warn('the working copy of the database has no room to grow: changes stay in memory', {
        file: this.#options.path,
        error: messageOf(error),
      });
      this.#takeBack();
      return this.#broken ?? failure;
    }
    this.#open = [];
    this.#openBytes = 0;
    this.#commitFrom = OPEN_RECORDS;
    return undefined;
  }

  /** What is not acknowledged goes. */
  #takeBack(): void {
    try {
      this.#again([]);
    } catch (error) {
      // On the disk, but not in memory: only a new start can bring the two together again.
      this.#broken = new GatewayError('storage_failed', `the database stopped: ${messageOf(error)}`, {
        hint: 'Restart the gateway; everything acknowledged is in the journal.',
        cause: error,
      });
    }
  }

  /** Takes everything back that is in the open transaction, and does again what stays. */
  #again(others: readonly Changes[]): void {
    const { engine } = this.#options;
    try {
      engine.rollback();
    } catch {
      // SQLite had already rolled back on its own.
    }
    engine.forgetStatements();
    engine.begin();
    for (const record of [...this.#open, ...others])
      for (const statement of record) repeat(engine, statement);
  }

  async #flush(records: number): Promise<void> {
    const started = performance.now();
    const where = this.#policy.choose(records, this.#options.diskBusy(), started);
    await this.#options.journal.flush(where);
    const ended = performance.now();
    this.#policy.note(ended - started, ended);
    this.#times.commit.observe((ended - started) / 1000);
    this.#syncs++;
  }

  #failure(error: unknown): GatewayError {
    if (error instanceof GatewayError) return error;
    const failure = this.#options.failureOf(error);
    // Said once, not with every message that comes in in the meantime.
    if (this.#refused === undefined) this.#options.log.error(failure.message, { code: failure.code });
    this.#refused = failure;
    return failure;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
