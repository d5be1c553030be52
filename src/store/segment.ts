import { basename, dirname, join } from 'node:path';

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

export interface SegmentHeader {
  /** Which database the segment belongs to. */
  readonly store: string;
  readonly first: number;
}

/** The JSON of a segment's first line, whose sequence number is the one before the segment's first. */
export function headerJson(header: SegmentHeader): string {
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
