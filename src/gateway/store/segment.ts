import { basename, dirname, join } from 'node:path';

/**
 * A journal is a row of segments beside the snapshot `name.db`: `name-000000000001.log`, numbered by the first record
 * each may hold. Only the last one grows.
 */
export interface SegmentName {
  readonly path: string;
  readonly first: number;
}

const DIGITS = 12;

function stemOf(dbPath: string): string {
  return basename(dbPath).replace(/\.db$/, '');
}

export function segmentPath(dbPath: string, first: number): string {
  return join(dirname(dbPath), `${stemOf(dbPath)}-${String(first).padStart(DIGITS, '0')}.log`);
}

/** The segments of one database among the names of its folder, oldest first. */
export function segmentsOf(dbPath: string, names: readonly string[]): SegmentName[] {
  const prefix = `${stemOf(dbPath)}-`;
  return names
    .filter((name) => name.startsWith(prefix) && /^\d{12}\.log$/.test(name.slice(prefix.length)))
    .map((name) => ({ path: join(dirname(dbPath), name), first: Number(name.slice(prefix.length, -4)) }))
    .sort((a, b) => a.first - b.first);
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
