/** Background tasks, schedules and the outbox: work that runs or waits next to the conversations. */
import type { OutboxView, ScheduleView, TaskView } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import { clockTime } from '../draw/times.ts';
import type { Confirmation, Prompted, Undo } from '../state/decisions.ts';
import { isOpenTask } from '../state/slices.ts';
import { type Action, type ActionContext, act, missing, needsRow, onRow, openReport } from './action.ts';
import { bulkOf } from './volume.ts';

function cancel(context: ActionContext, task: TaskView): void {
  context.ask({
    title: `Cancel task ${clean(task.id, 40)}?`,
    lines: [clean(task.command, 160), `It is at ${Math.round(task.progress)} %. The chat is notified.`],
    verb: 'cancel the task',
    confirmed: () =>
      context.run(
        { type: 'task.cancel', id: task.id },
        // What was stopped cannot continue: it begins again as a new task.
        { pending: task.id, undo: { list: 'tasks', command: () => ({ type: 'task.retry', id: task.id }) } },
      ),
  });
}

function taskNamed(context: ActionContext, id: string | undefined): TaskView | undefined {
  return id === undefined ? context.target('tasks') : context.slices.tasks.find((task) => task.id === id);
}

function notEnded(row: TaskView): string | undefined {
  return isOpenTask(row) ? 'the task has not ended yet' : undefined;
}

function outboxName({ chat, preview }: OutboxView): string {
  return `${chat.platform} ${clean(chat.chatId, 40)}: ${clean(preview, 40)}`;
}

export const TASKS: readonly Action[] = [
  {
    id: 'task.open',
    scopes: ['tasks'],
    keys: ['enter'],
    label: 'details',
    help: 'Show the prompt, progress and result of the task.',
    hint: 10,
    ...onRow('tasks', (context, row) =>
      context.open({ kind: 'page', page: 'task', subject: row.id, top: 0 }),
    ),
  },
  {
    id: 'task.cancel',
    scopes: ['tasks', 'task'],
    keys: ['x'],
    label: 'cancel',
    help: 'Cancel the selected task.',
    hint: 11,
    words: 'task cancel',
    args: '<id>',
    careful: 'tasks',
    bulk: (context) =>
      bulkOf(
        context,
        'tasks',
        { verb: 'cancel', done: 'canceled', noun: 'task', means: 'Their chats are notified.' },
        (row) =>
          isOpenTask(row)
            ? {
                name: `${clean(row.id, 40)} ${clean(row.command, 60)}`,
                command: { type: 'task.cancel', id: row.id },
                undo: { type: 'task.retry', id: row.id },
              }
            : undefined,
      ),
    disabled: needsRow('tasks', (row) => (isOpenTask(row) ? undefined : 'the task has ended')),
    run(context, [id]) {
      const row = taskNamed(context, id);
      if (row === undefined) missing(context, 'task', id);
      else if (!isOpenTask(row)) context.toast(`Task ${clean(row.id, 40)} has ended already.`, 'warn');
      else cancel(context, row);
    },
  },
  {
    id: 'task.deliver',
    scopes: ['tasks', 'task'],
    keys: ['R'],
    label: 'deliver again',
    help: 'Send the result of the selected task to its chat again.',
    hint: 12,
    careful: 'tasks',
    ...onRow(
      'tasks',
      (context, row) => context.run({ type: 'task.deliver', id: row.id }, { pending: row.id }),
      notEnded,
    ),
  },
  {
    id: 'task.start',
    rowless: true,
    scopes: ['tasks'],
    keys: ['n'],
    label: 'new',
    help: 'Start a background task. Its result appears here.',
    hint: 15,
    words: 'task start',
    args: '<text>',
    run(context, args) {
      const start = (command: string): Prompted =>
        command.trim() === '' ? undefined : { command: { type: 'task.start', command } };
      if (args.length > 0) act(context, start(args.join(' ')));
      else context.prompt({ title: 'New task', hint: 'what the agent is to do', submit: start });
    },
  },
  {
    id: 'task.retry',
    scopes: ['tasks', 'task'],
    keys: ['r'],
    label: 'retry',
    help: 'Run a task that did not succeed again, as a new one.',
    hint: 13,
    words: 'task retry',
    args: '<id>',
    careful: 'tasks',
    bulk: (context) =>
      bulkOf(
        context,
        'tasks',
        { verb: 'retry', done: 'started again', noun: 'task', means: 'Each runs again as a new task.' },
        (row) =>
          isOpenTask(row) || row.status === 'succeeded'
            ? undefined
            : {
                name: `${clean(row.id, 40)} ${clean(row.command, 60)}`,
                command: { type: 'task.retry', id: row.id },
              },
      ),
    confirm: (context, [id]) => {
      const row = taskNamed(context, id);
      return row === undefined
        ? undefined
        : { title: `Retry task ${clean(row.id, 40)}?`, lines: [clean(row.command, 300)], verb: 'retry' };
    },
    disabled: needsRow(
      'tasks',
      (row) => notEnded(row) ?? (row.status === 'succeeded' ? 'the task has succeeded' : undefined),
    ),
    run(context, [id]) {
      const row = taskNamed(context, id);
      if (row === undefined) context.toast('No such task.', 'warn');
      else if (isOpenTask(row)) context.toast(`Task ${clean(row.id, 40)} has not ended yet.`, 'warn');
      else if (row.status === 'succeeded') context.toast(`Task ${clean(row.id, 40)} has succeeded.`, 'warn');
      else context.run({ type: 'task.retry', id: row.id }, { pending: row.id });
    },
  },
  {
    id: 'task.steps',
    scopes: ['tasks', 'task'],
    keys: ['v'],
    label: 'steps',
    help: 'Show what the selected task did, step by step.',
    hint: 14,
    ...onRow('tasks', (context, row) => {
      context.query('steps', { taskId: row.id }, (steps) =>
        openReport(
          context,
          `Steps of ${clean(row.id, 40)}`,
          steps.length === 0
            ? ['The task has reported no steps.']
            : steps.map(({ at, percent, text }) => `${clockTime(at)}  ${percent}%  ${clean(text, 300)}`),
        ),
      );
    }),
  },
  {
    id: 'outbox.retry',
    scopes: ['outbox'],
    keys: ['r'],
    label: 'retry',
    help: 'Try to deliver the selected message now.',
    hint: 10,
    careful: 'outbox',
    bulk: (context) =>
      bulkOf(
        context,
        'outbox',
        { verb: 'retry', done: 'tried again', noun: 'delivery', means: 'They are sent now.' },
        (row) => ({ name: outboxName(row), command: { type: 'outbox.retry', id: row.id } }),
      ),
    ...onRow('outbox', (context, row) =>
      context.run({ type: 'outbox.retry', id: row.id }, { pending: row.id }),
    ),
  },
  {
    id: 'outbox.abandon',
    scopes: ['outbox'],
    keys: ['x'],
    label: 'abandon',
    help: 'Discard the selected message. It is never sent.',
    hint: 11,
    careful: 'outbox',
    bulk: (context) =>
      bulkOf(
        context,
        'outbox',
        { verb: 'abandon', done: 'abandoned', noun: 'delivery', means: 'They are never sent.' },
        (row) => ({ name: outboxName(row), command: { type: 'outbox.abandon', id: row.id } }),
      ),
    ...onRow('outbox', (context, row) => {
      context.ask({
        title: 'Abandon this message?',
        lines: [`To ${row.chat.platform} ${clean(row.chat.chatId, 60)}:`, clean(row.preview, 160)],
        verb: 'abandon it',
        confirmed: () => context.run({ type: 'outbox.abandon', id: row.id }, { pending: row.id }),
      });
    }),
  },
];

function scheduleNamed(context: ActionContext, id: string | undefined): ScheduleView | undefined {
  return id === undefined
    ? context.target('schedules')
    : context.slices.schedules.find((each) => each.id === id);
}

function confirmation(row: ScheduleView, verb: string): Confirmation {
  const title = `${verb === 'run' ? 'Run' : 'Pause'} schedule ${clean(row.id, 40)}?`;
  return { title, lines: [clean(row.prompt, 300)], verb };
}

function find(context: ActionContext, id: string | undefined): ScheduleView | undefined {
  const row = scheduleNamed(context, id);
  if (row === undefined) missing(context, 'schedule', id);
  return row;
}

export const SCHEDULES: readonly Action[] = [
  {
    id: 'schedule.pause',
    scopes: ['schedules'],
    keys: ['P'],
    label: 'pause',
    labelNow: (context) => (context.target('schedules')?.state === 'paused' ? 'resume' : 'pause'),
    help: 'Pause or resume the selected schedule.',
    hint: 10,
    words: 'schedule pause',
    args: '<id>',
    careful: 'schedules',
    confirm: (context, [id]) => {
      const row = scheduleNamed(context, id);
      return row === undefined || row.state === 'paused' ? undefined : confirmation(row, 'pause');
    },
    disabled: needsRow('schedules', ({ state }) => (state === 'ended' ? 'it has ended' : undefined)),
    run(context, [id]) {
      const row = find(context, id);
      if (row === undefined) return;
      const type = row.state === 'paused' ? 'schedule.resume' : 'schedule.pause';
      const opposite = type === 'schedule.pause' ? 'schedule.resume' : 'schedule.pause';
      const undo: Undo = { list: 'schedules', command: () => ({ type: opposite, id: row.id }) };
      context.run({ type, id: row.id }, { pending: row.id, undo });
    },
  },
  {
    id: 'schedule.run',
    scopes: ['schedules'],
    keys: ['r'],
    label: 'run now',
    help: 'Run the selected schedule now, in addition to its times.',
    hint: 11,
    words: 'schedule run',
    args: '<id>',
    careful: 'schedules',
    confirm: (context, [id]) => {
      const row = scheduleNamed(context, id);
      return row === undefined ? undefined : confirmation(row, 'run');
    },
    disabled: needsRow('schedules'),
    run(context, [id]) {
      const row = find(context, id);
      if (row !== undefined) context.run({ type: 'schedule.run', id: row.id }, { pending: row.id });
    },
  },
  {
    id: 'schedule.remove',
    scopes: ['schedules'],
    keys: ['x'],
    label: 'remove',
    help: 'Remove the selected schedule.',
    hint: 12,
    words: 'schedule remove',
    args: '<id>',
    careful: 'schedules',
    disabled: needsRow('schedules'),
    run(context, [id]) {
      const row = find(context, id);
      if (row === undefined) return;
      context.ask({
        title: `Remove schedule ${clean(row.id, 40)}?`,
        lines: [`${clean(row.when, 80)} (${clean(row.timezone, 40)}):`, clean(row.prompt, 160)],
        verb: 'remove it',
        confirmed: () => context.run({ type: 'schedule.remove', id: row.id }, { pending: row.id }),
      });
    },
  },
  {
    id: 'schedule.new',
    rowless: true,
    scopes: ['schedules'],
    keys: ['n'],
    label: 'new',
    help: 'Make a schedule: every weekday 09:00 <text>, or at 18:30 <text>.',
    hint: 13,
    words: 'schedule',
    args: 'every|at <when> <text>',
    run(context, args) {
      const add = (text: string): Prompted =>
        text.trim() === '' ? undefined : { command: { type: 'schedule.write', text } };
      if (args.length > 0) act(context, add(args.join(' ')));
      else
        context.prompt({
          title: 'New schedule',
          hint: 'every weekday 09:00 <text>, every 30m <text>, at 18:30 <text>, at 2026-12-24 09:00 <text>',
          submit: add,
        });
    },
  },
];
