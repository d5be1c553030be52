/** Every list of the console by its name. */

import type { ScheduleView } from '../../gateway/model.ts';
import { clean, fillTo } from '../draw/cells.ts';
import { type Span, span, spread } from '../draw/line.ts';
import { adaptersList } from './adapters.ts';
import { type ListDefinition, type ListDefinitions, oneLine } from './list.ts';
import { blockedList, pairingList, refusalsList } from './people.ts';
import { questionsList } from './questions.ts';
import { hitsList, sessionsList } from './sessions.ts';
import { tasksList, taskWords } from './tasks.ts';
import {
  allowlistList,
  configList,
  contextsList,
  logList,
  outboxList,
  pastList,
  queueList,
} from './views.ts';

const schedulesList: ListDefinition<ScheduleView> = {
  title: 'Schedules',
  rows: ({ slices }) => slices.schedules,
  key: (row) => row.id,
  haystack: (row) =>
    `${row.id} ${row.state} ${row.when} ${row.timezone} ${row.senderName ?? row.source} ${row.deliver.join(' ')} ${row.prompt}`,
  columns: {
    state: (row) => row.state,
    next: (row) => row.nextRunAt,
    last: (row) => row.lastStatus,
    id: (row) => row.id,
  },
  height: oneLine,
  count: (rows) => {
    const active = rows.filter(({ state }) => state === 'active').length;
    return active === rows.length ? String(active) : `${active} active of ${rows.length}`;
  },
  empty: () => [
    'Nothing is scheduled.',
    'n makes a schedule; a chat makes one with /every <when> <text> or /at <when> <text>.',
  ],
  draw(row, { width, glyphs, ticker, pending }) {
    const active = row.state === 'active';
    const left: Span[] = [
      active ? span(glyphs.wait, 'ok') : span(glyphs.off, row.state === 'paused' ? 'warn' : 'dim'),
      span(' '),
      span(fillTo(clean(row.id, 41), Math.min(11, Math.floor(width / 5)), 'left', glyphs.ellipsis), 'strong'),
      span(' '),
      span(
        fillTo(clean(row.when, 80), Math.min(24, Math.floor(width / 4)), 'left', glyphs.ellipsis),
        'accent',
      ),
      span(' '),
      ...(row.state === 'paused' ? [span(`${clean(row.pauseReason ?? 'paused', 80)} `, 'warn')] : []),
      ...(row.state === 'ended' ? [span('over ', 'dim')] : []),
      ...(row.lastStatus === undefined ? [] : [span('last '), taskWords(row.lastStatus), span(' ')]),
      ...(width >= 90 ? [span(`${clean(row.senderName ?? row.source, 30)} `, 'dim')] : []),
      span(clean(row.prompt, 200)),
    ];
    const right: Span[] = pending.has(row.id)
      ? [span(`working${glyphs.ellipsis}`, 'dim')]
      : row.nextRunAt !== undefined
        ? [span(`in ${ticker.left(row.nextRunAt)}`, 'strong')]
        : row.lastRunAt === undefined
          ? []
          : [span(`${ticker.age(row.lastRunAt)} ago`, 'dim')];
    return [spread(left, right, width, glyphs.ellipsis, 20)];
  },
};

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
