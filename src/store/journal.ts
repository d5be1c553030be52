import { basename, dirname, join } from 'node:path';
import { systemCode } from '../base/errors.ts';
import type { Disk, DiskFile } from './disk.ts';
import type { Successor } from './snapshot.ts';
import { encodeStatements, type JournalStatement, LineBuffer } from './transaction.ts';

/**
 * A journal is a row of segments next to the snapshot `name.db`: `name-000000000001.log`, numbered by the first record
 * each may hold. Only the last one grows.
 *
 * Each start of the store has an epoch of its own and writes to no file of an earlier one: `name-000000000042-7.log`
 * (epoch 0 has no suffix). A process that was suspended, lost its lock and goes on writing therefore writes to files
 * that its successor no longer reads beyond the record it had read when it took over.
 */
export interface SegmentName {
  readonly path: string;
  readonly first: number;
  readonly epoch: number;
}

const DIGITS = 12;

function stemOf(dbPath: string): string {
  return basename(dbPath).replace(/\.db$/, '');
}

export function segmentPath(dbPath: string, first: number, epoch: number): string {
  const suffix = epoch === 0 ? '' : `-${epoch}`;
  return join(dirname(dbPath), `${stemOf(dbPath)}-${String(first).padStart(DIGITS, '0')}${suffix}.log`);
}

/** The segments of one database among the names of its directory: by epoch, then by record. */
export function segmentsOf(dbPath: string, names: readonly string[]): SegmentName[] {
  const prefix = `${stemOf(dbPath)}-`;
  return names
    .flatMap((name) => {
      if (!name.startsWith(prefix)) return [];
      const [, first, epoch = '0'] =
        /^(\d{12})(?:-([1-9]\d{0,14}))?\.log$/.exec(name.slice(prefix.length)) ?? [];
      if (first === undefined) return [];
      return [{ path: join(dirname(dbPath), name), first: Number(first), epoch: Number(epoch) }];
    })
    .sort((a, b) => a.epoch - b.epoch || a.first - b.first);
}

/**
 * For each segment the first record that a later one holds: what stands in it from that number on was given up, by a
 * writer that started a new segment after a failure or by one that had lost the store to a later start.
 */
export function limitsOf(segments: readonly SegmentName[], end: number | undefined): (number | undefined)[] {
  const limits: (number | undefined)[] = [];
  let limit = end;
  for (const segment of [...segments].reverse()) {
    limits.unshift(limit);
    limit = Math.min(limit ?? segment.first, segment.first);
  }
  return limits;
}

interface SegmentHeader {
  /** Which database the segment belongs to. */
  readonly store: string;
  readonly first: number;
}

/** The JSON of a segment's first line, whose sequence number is the one before the segment's first. */
function headerJson(header: SegmentHeader): string {
  return JSON.stringify({ journal: 1, store: header.store, first: header.first });
}

export function parseHeader(json: string): SegmentHeader | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('journal' in value && 'store' in value && 'first' in value)) return undefined;
  const { journal, store, first } = value;
  if (journal !== 1 || typeof store !== 'string' || typeof first !== 'number') return undefined;
  return { store, first };
}

interface JournalOptions {
  readonly disk: Disk;
  /** The snapshot's path; segments lie next to it. */
  readonly path: string;
  readonly store: string;
  /** Higher than that of every file there is. */
  readonly epoch: number;
  readonly closed: readonly (SegmentName & { readonly size: number })[];
  /** Called when a segment is on the disk, and before it takes its first record. */
  readonly begun: (segment: Successor) => Promise<void>;
}

interface Segment extends SegmentName {
  readonly file: DiskFile;
  /** Its first line is on the disk: it takes records. Before, its name is only taken. */
  begun: boolean;
  /** Where the last durable record ends: the file is cut back to here when a write fails. */
  size: number;
  /** A seal stands before `size` that may not be on the disk: the next record must not be there without it. */
  loose: boolean;
}

/**
 * The writing end of the journal. Records collect in memory (`add`) and reach the disk together (`flush`).
 * Exactly one caller at a time: the database's pump.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #lines = new LineBuffer();
  #closed: (SegmentName & { readonly size: number })[];
  #segment: Segment | undefined;
  /** Numbers of statement texts in the current segment, and those that the unwritten lines brought. */
  readonly #numbers = new Map<string, number>();
  #newTexts: string[] = [];
  /** What has to happen before the next record: the end of the segment may hold something that was refused. */
  #repair: 'none' | 'truncate' | 'rotate' = 'none';

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#closed = [...options.closed];
  }

  get epoch(): number {
    return this.#options.epoch;
  }

  /**
   * Takes the name of the segment that the first record will begin: a start that comes later sees it and takes a higher
   * epoch. Fails when the name is taken.
   */
  async reserve(first: number): Promise<void> {
    const { disk, path, epoch } = this.#options;
    const target = segmentPath(path, first, epoch);
    const file = await disk.open(target, 'create');
    this.#segment = { path: target, first, epoch, file, begun: false, size: 0, loose: false };
  }

  /** The segment that a snapshot of everything before it has to name. */
  get successor(): Successor | undefined {
    const segment = this.#segment;
    return segment?.begun ? { first: segment.first, epoch: segment.epoch } : undefined;
  }

  /** Bytes that a start would have to read. */
  get bytes(): number {
    return this.#closed.reduce((sum, segment) => sum + segment.size, this.#segment?.size ?? 0);
  }

  get segments(): number {
    return this.#closed.length + (this.#segment?.begun ? 1 : 0);
  }

  /** Whether the current segment holds any of the records up to `seq`. */
  hasRecords(seq: number): boolean {
    return this.#segment !== undefined && this.#segment.first <= seq;
  }

  /** Bytes collected and not yet written. */
  get pendingBytes(): number {
    return this.#lines.length;
  }

  /** Undefined when records can be added at once; else a promise for the segment to be made or fixed first. */
  prepare(nextSeq: number): Promise<void> | undefined {
    if (this.#segment?.begun && this.#repair === 'none') return undefined;
    return this.#mend(nextSeq);
  }

  async #mend(nextSeq: number): Promise<void> {
    if (this.#segment === undefined || this.#repair === 'rotate') return this.rotate(nextSeq);
    if (!this.#segment.begun) return this.#begin(this.#segment);
    try {
      await this.#cut(this.#segment);
    } catch (error) {
      this.#repair = 'rotate';
      throw error;
    }
  }

  add(seq: number, base: number, statements: readonly JournalStatement[]): void {
    const json = encodeStatements(statements, this.#numbers, (sql) => this.#newTexts.push(sql));
    this.#lines.add(seq, base, json);
  }

  /** Forgets what was added since the last flush. */
  discard(): void {
    this.#lines.clear();
    for (const sql of this.#newTexts) this.#numbers.delete(sql);
    this.#newTexts = [];
  }

  /**
   * One write, one sync for everything added. On an error nothing of it stays in the journal: what cannot be cut
   * away at once is cut away before the next record is taken.
   */
  async flush(where: 'pool' | 'write' | 'all' = 'pool'): Promise<void> {
    const segment = this.#segment;
    if (segment === undefined) throw new Error('the journal has no segment');
    const { file } = segment;
    const bytes = this.#lines.bytes();
    const together = where === 'pool' && !segment.loose ? file.writeSynced : undefined;
    try {
      if (together !== undefined) await together(bytes, segment.size);
      else if (where !== 'pool' && file.now !== undefined) file.now.write(bytes, segment.size);
      else await file.write(bytes, segment.size);
    } catch (error) {
      await this.#undo(segment, together === undefined ? 'truncate' : afterFailedSync(error));
      throw error;
    }
    try {
      if (where === 'all' && file.now !== undefined) file.now.sync();
      else if (together === undefined) await file.sync();
    } catch (error) {
      await this.#undo(segment, afterFailedSync(error));
      throw error;
    }
    segment.loose = false;
    segment.size += bytes.length;
    this.#newTexts = [];
    this.#lines.clear();
  }

  /** Notes, without waiting for the disk, that everything up to `seq` is on it. */
  async seal(seq: number): Promise<void> {
    const segment = this.#segment;
    if (!segment?.begun || this.#repair !== 'none') return;
    this.#lines.add(seq, seq, '');
    const bytes = this.#lines.bytes();
    try {
      segment.loose = true;
      await segment.file.write(bytes, segment.size);
      segment.size += bytes.length;
    } catch {
      // A seal is a help for later, not a promise to anybody: cut off what may stand there, and continue.
      this.#repair = 'truncate';
    } finally {
      this.#lines.clear();
    }
  }

  /** Starts a new segment whose first record will be `first`. On an error the old one continues, if it can. */
  async rotate(first: number): Promise<void> {
    const { disk, path, epoch } = this.#options;
    const target = segmentPath(path, first, epoch);
    const old = this.#segment;
    if (old?.path === target) this.#repair = 'rotate';
    let file: DiskFile | undefined;
    let next: Segment;
    try {
      // Whatever has this name is ours and holds no record: it would be named for an earlier one.
      await disk.remove(target);
      file = await disk.open(target, 'create');
      next = { path: target, first, epoch, file, begun: false, size: 0, loose: false };
      await this.#writeHeader(next);
    } catch (error) {
      await this.#unmake(target, file);
      throw error;
    }
    this.#segment = next;
    this.#numbers.clear();
    this.#newTexts = [];
    this.#repair = 'none';
    if (old !== undefined) {
      if (old.path !== target && old.begun)
        this.#closed.push({ path: old.path, first: old.first, epoch: old.epoch, size: old.size });
      await closeQuietly(old.file);
    }
    await this.#announce(next);
  }

  /** Makes the reserved segment one that takes records. */
  async #begin(segment: Segment): Promise<void> {
    await this.#writeHeader(segment);
    await this.#announce(segment);
  }

  async #writeHeader(segment: Segment): Promise<void> {
    const { disk, path, store } = this.#options;
    const { file, first } = segment;
    this.#lines.clear();
    this.#lines.add(first - 1, first - 1, headerJson({ store, first }));
    const header = this.#lines.bytes();
    try {
      await file.write(header, 0);
      await file.sync();
      await disk.syncFolder(dirname(path));
      segment.size = header.length;
    } finally {
      this.#lines.clear();
    }
  }

  /** Without this word a journal that someone removes would not be missed: it comes before the first record. */
  async #announce(segment: Segment): Promise<void> {
    await this.#options.begun(segment);
    segment.begun = true;
  }

  /** Removes the closed segments that end before `first`: a snapshot has taken their place. */
  async removeBefore(first: number): Promise<void> {
    const current = this.#segment?.first ?? Number.POSITIVE_INFINITY;
    const starts = [...this.#closed.slice(1).map((segment) => segment.first), current];
    const done = this.#closed.filter((_, index) => (starts[index] ?? current) <= first);
    for (const segment of done) {
      await this.#options.disk.remove(segment.path);
      this.#closed = this.#closed.filter((other) => other !== segment);
    }
  }

  /** Closes the file; with `remove`, takes the whole journal away because a snapshot holds all of it. */
  async close(remove: boolean): Promise<void> {
    const segment = this.#segment;
    this.#segment = undefined;
    if (segment !== undefined) await closeQuietly(segment.file);
    if (segment !== undefined && (remove || segment.size === 0))
      await this.#options.disk.remove(segment.path);
    if (!remove) return;
    for (const { path } of this.#closed) await this.#options.disk.remove(path);
    this.#closed = [];
  }

  async #undo(segment: Segment, repair: 'truncate' | 'rotate'): Promise<void> {
    this.discard();
    this.#repair = repair;
    try {
      await this.#cut(segment);
      this.#repair = repair === 'rotate' ? 'rotate' : 'none';
    } catch {
      // The disk refuses even that: the repair stays due, and the caller learns of the first error.
      this.#repair = 'rotate';
    }
  }

  async #cut(segment: Segment): Promise<void> {
    await segment.file.truncate(segment.size);
    await segment.file.sync();
    this.#repair = 'none';
  }

  /**
   * Takes back a segment that did not come to be. As long as it may stand on the disk the old one must not grow:
   * a start would take the new one's number as the old one's end.
   */
  async #unmake(path: string, file: DiskFile | undefined): Promise<void> {
    const before = this.#repair;
    this.#repair = 'rotate';
    try {
      if (file !== undefined) await closeQuietly(file);
      await this.#options.disk.remove(path);
      await this.#options.disk.syncFolder(dirname(path));
      this.#repair = before;
    } catch {
      // Stays 'rotate': the next record waits until a new segment could be made.
    }
  }
}

/** After a failed sync no one knows what the disk holds; only "no space" leaves the file in order. */
function afterFailedSync(error: unknown): 'truncate' | 'rotate' {
  const code = systemCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT' ? 'truncate' : 'rotate';
}

async function closeQuietly(file: DiskFile): Promise<void> {
  try {
    await file.close();
  } catch {
    // Nothing is lost with it: every record was synced before.
  }
}

/** Takes the end off a segment that no one writes to anymore. */
export async function cutOff(disk: Disk, path: string, length: number): Promise<void> {
  const file = await disk.open(path, 'existing');
  try {
    await file.truncate(length);
    await file.sync();
  } finally {
    await file.close();
  }
}
