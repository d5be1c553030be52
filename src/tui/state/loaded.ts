/** Rows of lists that are not part of the snapshot: they are asked for when the list opens. */
import type { Operator } from '../../gateway/operator/operator.ts';
import { sinceOf } from '../draw/times.ts';
import type { LoadedRows } from '../lists/list.ts';
import { placed } from '../lists/sessions.ts';
import type { Slices } from './slices.ts';

export type LoadedList = keyof LoadedRows;

/** Hits of a search that are shown. */
const HITS = 300;
/** Lines of the log that are shown of a time. */
const PAST = 5_000;

export function isLoaded(list: string): list is LoadedList {
  return list === 'config' || list === 'queue' || list === 'hits' || list === 'past' || list === 'blocked';
}

/** `subject`: the session of a queue, the words of a search, the time from which the log is shown. */
export async function loadRows(
  operator: Operator,
  slices: Slices,
  list: LoadedList,
  subject: string,
): Promise<Partial<LoadedRows>> {
  switch (list) {
    case 'config':
      return { config: await operator.query('config', {}) };
    case 'queue':
      return { queue: await operator.query('queue', { sessionId: subject }) };
    case 'blocked':
      return { blocked: await operator.query('blocked', {}) };
    case 'past': {
      const lines = await operator.query('log', { since: sinceOf(subject, slices.now) ?? 0, limit: PAST });
      return { past: lines.map((line, seq) => ({ ...line, seq })) };
    }
    case 'hits':
      return { hits: placed(await operator.query('search', { words: subject, limit: HITS }), slices) };
  }
}
