/** Rows of lists that are not part of the snapshot: they are asked for when the list opens. */
import type { Operator } from '../../gateway/operator/operator.ts';
import { placed } from '../lists/hits.ts';
import type { LoadedRows } from '../lists/list.ts';
import type { Slices } from './slices.ts';

export type LoadedList = keyof LoadedRows;

/** Hits of a search that are shown. */
const HITS = 300;

export function isLoaded(list: string): list is LoadedList {
  return list === 'config' || list === 'queue' || list === 'hits';
}

/** `subject`: the session of a queue, the words of a search. */
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
    case 'hits':
      return { hits: placed(await operator.query('search', { words: subject, limit: HITS }), slices) };
  }
}
