/** Schedules: prompts that run at their time. */
import type { ScheduleView } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import type { Undo } from '../state/undo.ts';
import type { Action, ActionContext, Confirmation, Prompted } from './action.ts';
import { act } from './prompted.ts';

function named(context: ActionContext, id: string | undefined): ScheduleView | undefined {
  return id === undefined
    ? context.target('schedules')
    : context.slices.schedules.find((each) => each.id === id);
}

function confirmation(row: ScheduleView, verb: string): Confirmation {
  const title = `${verb === 'run' ? 'Run' : 'Pause'} schedule ${clean(row.id, 40)}?`;
  return { title, lines: [clean(row.prompt, 300)], verb };
}

function find(context: ActionContext, id: string | undefined): ScheduleView | undefined {
  const row = named(context, id);
  if (row === undefined)
    context.toast(
      id === undefined ? 'No schedule is selected.' : `There is no schedule ${clean(id, 60)}.`,
      'warn',
    );
  return row;
}

function noSchedule(context: ActionContext): string | undefined {
  return context.target('schedules') === undefined ? 'nothing is scheduled' : undefined;
}

function isOver(context: ActionContext): string | undefined {
  return noSchedule(context) ?? (context.target('schedules')?.state === 'ended' ? 'it is over' : undefined);
}

export const SCHEDULES: readonly Action[] = [
  {
    id: 'schedule.pause',
    scopes: ['schedules'],
    keys: ['P'],
    label: 'pause',
    labelNow: (context) => (context.target('schedules')?.state === 'paused' ? 'resume' : 'pause'),
    help: 'Pause the selected schedule, or let it go on.',
    hint: 10,
    words: 'schedule pause',
    args: '<id>',
    careful: 'schedules',
    confirm: (context, [id]) => {
      const row = named(context, id);
      return row === undefined || row.state === 'paused' ? undefined : confirmation(row, 'pause');
    },
    disabled: isOver,
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
    help: 'Run the selected schedule now, beside its times.',
    hint: 11,
    words: 'schedule run',
    args: '<id>',
    careful: 'schedules',
    confirm: (context, [id]) => {
      const row = named(context, id);
      return row === undefined ? undefined : confirmation(row, 'run');
    },
    disabled: noSchedule,
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
    disabled: noSchedule,
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
