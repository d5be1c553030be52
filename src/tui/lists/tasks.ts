/** Background tasks and schedules. */

import type { ScheduleView, TaskStatus, TaskView } from '../../gateway/model.ts';
import { clean, fillTo } from '../draw/cells.ts';
import { bar, type Span, span, spread } from '../draw/line.ts';
import type { Glyphs, Style } from '../draw/theme.ts';
import { isOpenTask } from '../state/slices.ts';
import { gatewayOf, type ListDefinition, originSpans, ownId, showsAll } from './list.ts';

const SIGNS: Readonly<Record<TaskStatus, { sign: (g: Glyphs) => string; style: Style; words: string }>> = {
  queued: { sign: (g) => g.wait, style: 'warn', words: 'queued' },
  running: { sign: (g) => g.on, style: 'ok', words: 'running' },
  succeeded: { sign: (g) => g.done, style: 'ok', words: 'done' },
  failed: { sign: (g) => g.bad, style: 'bad', words: 'failed' },
  cancelled: { sign: (g) => g.off, style: 'dim', words: 'cancelled' },
  timed_out: { sign: (g) => g.bad, style: 'bad', words: 'timed out' },
  lost: { sign: (g) => g.bad, style: 'bad', words: 'lost' },
};

export function taskSign(status: TaskStatus, glyphs: Glyphs): Span {
  const { sign, style } = SIGNS[status];
  return span(sign(glyphs), style);
}

export function taskWords(status: TaskStatus): Span {
  const { words, style } = SIGNS[status];
  return span(words, style);
}

/** Delivery is a fact of its own: a finished task whose result did not reach its chat says so. */
export function isUndelivered(task: TaskView): boolean {
  return !isOpenTask(task) && task.deliveredAt === undefined && task.silent !== true;
}

/** What someone should look at: it waits for more than ten minutes, or runs for more than thirty. */
const STUCK = { queuedMs: 10 * 60_000, runningMs: 30 * 60_000 } as const;

/** When a task becomes stuck, epoch milliseconds; undefined once it has ended. */
function stuckAt({ status, createdAt, startedAt }: TaskView): number | undefined {
  if (status === 'queued') return createdAt + STUCK.queuedMs;
  return status === 'running' && startedAt !== undefined ? startedAt + STUCK.runningMs : undefined;
}

export const tasksList: ListDefinition<TaskView> = {
  title: 'Tasks',
  rows: ({ slices }) => slices.tasks,
  key: (row) => row.id,
  haystack: (row) => `${row.id} ${row.status} ${row.command} ${row.progressMessage ?? ''} ${row.error ?? ''}`,
  columns: {
    state: (row) => (isUndelivered(row) ? [row.status, 'undelivered'] : row.status),
    progress: (row) => row.progress,
    created: (row) => row.createdAt,
    id: (row) => row.id,
    gateway: (row) => gatewayOf(row.id),
  },
  count: (rows) => {
    const open = rows.filter(isOpenTask).length;
    return open > 0 ? `${open} open of ${rows.length}` : String(rows.length);
  },
  empty: (slices) =>
    showsAll(slices)
      ? ['No task has failed.', 'Failed tasks of all gateways appear here.']
      : ['No background task.', 'A chat starts one with /bg <text>; the API and the agent can too.'],
  draw(row, { width, glyphs, ticker, pending }) {
    const barWidth = width >= 60 ? 10 : width >= 36 ? 6 : 0;
    const id = clean(ownId(row.id), 40);
    const left: Span[] = [
      taskSign(row.status, glyphs),
      span(' '),
      ...originSpans(row.id, glyphs.ellipsis),
      span(id, 'strong'),
      span(' '),
    ];
    const right: Span[] = [];
    const stuck = stuckAt(row);
    if (stuck !== undefined) {
      ticker.at(stuck);
      if (stuck <= ticker.now) left.push(span('stuck', 'bad'), span(' '));
    }
    if (row.status === 'running') {
      if (barWidth > 0) left.push(span(bar(row.progress / 100, barWidth, glyphs), 'accent'), span(' '));
      left.push(span(`${String(Math.round(row.progress)).padStart(3)}% `, 'strong'));
      left.push(span(clean(row.progressMessage ?? row.command, 200)));
      if (row.startedAt !== undefined) right.push(span(ticker.age(row.startedAt), 'dim'));
    } else {
      left.push(taskWords(row.status), span(' '));
      if (isUndelivered(row)) left.push(span('undelivered', 'warn'), span(' '));
      left.push(span(clean(row.error ?? row.command, 200), row.error === undefined ? 'dim' : 'text'));
      const end = row.completedAt ?? row.createdAt;
      right.push(span(`${ticker.age(end)} ago`, 'dim'));
    }
    if (pending.has(row.id)) right.splice(0, right.length, span(`working${glyphs.ellipsis}`, 'dim'));
    return [spread(left, right, width, glyphs.ellipsis, 20)];
  },
};

export const schedulesList: ListDefinition<ScheduleView> = {
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
