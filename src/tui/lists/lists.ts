/** Every list of the console by its name. */
import { adaptersList } from './adapters.ts';
import type { ListDefinitions } from './list.ts';
import { logList } from './log.ts';
import { pairingList } from './pairing.ts';
import { questionsList } from './questions.ts';
import { schedulesList } from './schedules.ts';
import { sessionsList } from './sessions.ts';
import { tasksList } from './tasks.ts';
import { allowlistList, configList, outboxList, queueList, refusalsList } from './views.ts';

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
};
