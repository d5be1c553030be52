import { RequestRefused } from './refusal.ts';

/** Rows of one answer; who wants more follows the cursor. */
const LARGEST = 1_000;

/** What puts a row into its place: newest first, and an id that no other row has. */
export interface RowKey {
  readonly at: number;
  readonly id: string;
}

export interface Page<T> {
  readonly rows: readonly T[];
  /** Absent on the last page. */
  readonly next: string | undefined;
}

/**
 * One page of a list. The cursor names the last row that was seen, not a number of rows: rows that come and go between
 * two requests make none appear twice and none be skipped.
 * @throws RequestRefused 400
 */
export function pageOf<T>(
  all: readonly T[],
  keyOf: (row: T) => RowKey,
  limit: string | undefined,
  cursor: string | undefined,
): Page<T> {
  const size = sizeOf(limit);
  const after = cursor === undefined ? undefined : keyFrom(cursor);
  const keyed = all.map((row) => ({ row, key: keyOf(row) })).sort((a, b) => order(a.key, b.key));
  const rest = after === undefined ? keyed : keyed.filter(({ key }) => order(key, after) > 0);
  const page = rest.slice(0, size);
  const last = page.at(-1);
  return {
    rows: page.map(({ row }) => row),
    next: last !== undefined && rest.length > page.length ? cursorOf(last.key) : undefined,
  };
}

function order(a: RowKey, b: RowKey): number {
  if (a.at !== b.at) return b.at - a.at;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function sizeOf(limit: string | undefined): number {
  if (limit === undefined) return LARGEST;
  const size = Number(limit);
  if (/^\d{1,6}$/.test(limit) && size > 0) return Math.min(size, LARGEST);
  throw new RequestRefused('bad_request', `limit "${limit.slice(0, 40)}" is not a number of rows`, {
    status: 400,
    hint: `Give a whole number from 1 to ${LARGEST}.`,
  });
}

function cursorOf({ at, id }: RowKey): string {
  return Buffer.from(JSON.stringify([at, id])).toString('base64url');
}

function keyFrom(cursor: string): RowKey {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(value) && value.length === 2) {
      const [at, id]: unknown[] = value;
      if (typeof at === 'number' && typeof id === 'string') return { at, id };
    }
  } catch {
    // not one of ours: refused below
  }
  throw new RequestRefused('bad_request', 'the cursor is not one that this gateway gave', {
    status: 400,
    hint: 'Use the value of the header X-Next-Cursor of the page before, or leave it out.',
  });
}
