/** Every list of the console by its name. */

import { adaptersList } from './adapters.ts';
import type { ListDefinition, ListDefinitions, ListId, RowOf } from './list.ts';
import { allowlistList, blockedList, pairingList, refusalsList } from './people.ts';
import { questionsList } from './questions.ts';
import { hitsList, sessionsList } from './sessions.ts';
import { schedulesList, tasksList } from './tasks.ts';
import { configList, contextsList, logList, outboxList, pastList, queueList } from './views.ts';

export const LISTS: ListDefinitions = {
  adapters: adaptersList,
  sessions: sessionsList,
  tasks: tasksList,
  pairing: pairingList,
  log: logList,
  questions: questionsList,
  refusals: refusalsList,
  outbox: outboxList,
  schedules: schedulesList,
  allowlist: allowlistList,
  config: configList,
  queue: queueList,
  hits: hitsList,
  past: pastList,
  blocked: blockedList,
  contexts: contextsList,
};

export function keyOf<K extends ListId>(list: K, row: RowOf[K]): string {
  const definition: ListDefinition<RowOf[K]> = LISTS[list];
  return definition.key(row);
}

/** Lines of one row on that width; the same for all rows of a list. */
export function rowHeight(list: ListId, width: number): number {
  return LISTS[list].height?.(width) ?? 1;
}
