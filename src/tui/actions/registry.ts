/** All actions of the console, in the order in which help lists them. Imports neither React nor Ink. */

import { isPlatform, PLATFORMS, type Platform, type ScheduleView } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import { openSettings } from '../forms/save.ts';
import type { Undo } from '../state/decisions.ts';
import type { Action, ActionContext, Confirmation, Prompted, Scope } from './action.ts';
import { act } from './action.ts';
import { CONTEXTS, GATEWAY, onOneGateway } from './gateway.ts';
import { GENERAL, MOVING } from './general.ts';
import { INVITE, PAIRING } from './pairing.ts';
import { PEOPLE, REJECTED } from './people.ts';
import { QUESTIONS } from './questions.ts';
import { SESSIONS } from './sessions.ts';
import { TASKS } from './tasks.ts';
import { SEARCH, TRANSCRIPTS } from './transcripts.ts';
import { LOG, VIEWS } from './views.ts';
import { VOLUME } from './volume.ts';

/** Schedules: prompts that run at their time. */

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
  return noSchedule(context) ?? (context.target('schedules')?.state === 'ended' ? 'it has ended' : undefined);
}

const SCHEDULES: readonly Action[] = [
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
    help: 'Run the selected schedule now, in addition to its times.',
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

/** Adapters: the connections to the platforms. */

const OFF = new Set(['stopped', 'disabled']);

function none(context: ActionContext): string | undefined {
  return context.target('adapters') === undefined ? 'no adapter is selected' : undefined;
}

function stop(context: ActionContext, platform: Platform): void {
  context.ask({
    title: `Stop ${platform}?`,
    lines: ['Messages on this platform are not received until you start it again.'],
    verb: `stop ${platform}`,
    confirmed: () => context.run({ type: 'adapter.stop', platform }, { pending: platform }),
  });
}

const ADAPTERS: readonly Action[] = [
  {
    id: 'adapter.open',
    scopes: ['adapters'],
    keys: ['enter'],
    label: 'details',
    help: 'Show health in three facts, the last errors, and the QR code where there is one.',
    hint: 10,
    disabled: none,
    run(context) {
      const row = context.target('adapters');
      if (row !== undefined) context.open({ kind: 'page', page: 'adapter', subject: row.platform, top: 0 });
    },
  },
  {
    id: 'adapter.toggle',
    scopes: ['adapters', 'adapter'],
    keys: ['s'],
    label: 'start/stop',
    help: 'Start the selected adapter, or stop it.',
    hint: 11,
    careful: 'adapters',
    labelNow(context) {
      const state = context.target('adapters')?.state;
      return state === 'parked' || (state !== undefined && OFF.has(state)) ? 'start' : 'stop';
    },
    disabled: none,
    run(context) {
      const row = context.target('adapters');
      if (row === undefined) return;
      const { platform } = row;
      // It has given up on its own: starting it means a new try with what is set now.
      if (row.state === 'parked') context.run({ type: 'adapter.restart', platform }, { pending: platform });
      else if (OFF.has(row.state)) context.run({ type: 'adapter.start', platform }, { pending: platform });
      else stop(context, platform);
    },
  },
  {
    id: 'adapter.reconnect',
    scopes: ['adapters', 'adapter'],
    keys: ['r'],
    label: 'reconnect',
    help: 'Drop the connection of the selected adapter and connect again.',
    hint: 12,
    careful: 'adapters',
    disabled: none,
    run(context) {
      const row = context.target('adapters');
      if (row !== undefined)
        context.run({ type: 'adapter.restart', platform: row.platform }, { pending: row.platform });
    },
  },
  {
    id: 'adapter.check',
    scopes: ['adapters', 'adapter'],
    keys: ['c'],
    label: 'check',
    help: 'Ask the platform whether the settings of the selected adapter work.',
    hint: 13,
    disabled: none,
    run(context) {
      const row = context.target('adapters');
      if (row !== undefined)
        context.run({ type: 'adapter.check', platform: row.platform }, { pending: row.platform });
    },
  },
  {
    id: 'adapter.settings',
    scopes: ['adapters', 'adapter'],
    keys: ['e'],
    label: 'settings',
    help: 'Edit the settings of the selected adapter. They are tested before saving.',
    hint: 14,
    disabled: none,
    run(context) {
      const row = context.target('adapters');
      if (row !== undefined) openSettings(context, { platform: row.platform });
    },
  },
  {
    id: 'adapter.command',
    scopes: ['adapters'],
    keys: [],
    label: 'adapter',
    help: 'Start, stop or restart an adapter by name.',
    words: 'adapter',
    args: '<name> start|stop|restart',
    run(context, [platform, verb]) {
      if (!isPlatform(platform)) context.toast(`Which adapter? One of ${PLATFORMS.join(', ')}.`, 'warn');
      else if (verb === 'start') context.run({ type: 'adapter.start', platform }, { pending: platform });
      else if (verb === 'restart') context.run({ type: 'adapter.restart', platform }, { pending: platform });
      else if (verb === 'stop') stop(context, platform);
      else context.toast(`What shall ${platform} do? start, stop or restart.`, 'warn');
    },
  },
];

/** The chat that a platform's results and notices go to when a target says `home:<platform>`. */

/** An id as targets are written: a colon inside it is `%3A`. */
function escaped(id: string): string {
  return id.replaceAll('%', '%25').replaceAll(':', '%3A').replaceAll(',', '%2C');
}

const HOME: readonly Action[] = [
  {
    id: 'home.set',
    scopes: ['sessions'],
    keys: ['H'],
    label: 'home chat',
    help: 'Make the selected chat the home chat of its platform.',
    hint: 18,
    words: 'home',
    args: '<platform> [chat[:thread]]',
    careful: 'sessions',
    disabled: (context) => (context.target('sessions') === undefined ? 'no session is selected' : undefined),
    run(context, [platform, chat]) {
      if (platform !== undefined) {
        if (!isPlatform(platform)) context.toast(`There is no platform ${clean(platform, 40)}.`, 'warn');
        else context.run({ type: 'home.set', platform, ...(chat === undefined ? {} : { chat }) });
        return;
      }
      const row = context.target('sessions');
      if (row === undefined) {
        context.toast('No session is selected.', 'warn');
        return;
      }
      const { platform: own, chatId, threadId } = row.chat;
      const named = `${escaped(chatId)}${threadId === undefined ? '' : `:${escaped(threadId)}`}`;
      context.ask({
        title: `Set the home chat of ${own}?`,
        lines: [
          `Chat: ${clean(row.chatName ?? row.senderName, 80)}`,
          `Tasks and schedules that deliver to home:${own} send their results to it.`,
        ],
        verb: 'set it',
        confirmed: () => context.run({ type: 'home.set', platform: own, chat: named }),
      });
    },
  },
];

export const ACTIONS: readonly Action[] = [
  ...MOVING,
  ...PAIRING,
  ...PEOPLE,
  ...REJECTED,
  ...INVITE,
  ...QUESTIONS,
  ...SESSIONS,
  ...TRANSCRIPTS,
  ...HOME,
  ...TASKS,
  ...SCHEDULES,
  ...ADAPTERS,
  ...LOG,
  ...VIEWS,
  ...SEARCH,
  ...VOLUME,
  ...CONTEXTS,
  ...GATEWAY,
  ...GENERAL,
].map(onOneGateway);

/** How a scope is called in help and in the key table, and in which order they come. */
export const SCOPE_TITLES: Readonly<Record<Scope, string>> = {
  global: 'Everywhere',
  list: 'Lists',
  pairing: 'Pairing',
  sessions: 'Sessions',
  tasks: 'Tasks',
  adapters: 'Adapters',
  log: 'Log',
  questions: 'Questions',
  refusals: 'Rejected',
  outbox: 'Outbox',
  schedules: 'Schedules',
  allowlist: 'Allowlist',
  config: 'Configuration',
  queue: 'Queued messages',
  hits: 'Search results',
  past: 'Log since a time',
  blocked: 'Blocked senders',
  contexts: 'Gateways',
  refusal: 'Rejected sender',
  view: 'Open list',
  page: 'Open page',
  help: 'Help',
  status: 'Status',
  pulse: 'Pulse',
  adapter: 'Adapter',
  session: 'Transcript',
  timings: 'Durations',
  task: 'Task',
  request: 'Request',
  question: 'Question',
  line: 'Log line',
  report: 'Report',
  invite: 'Pair my phone',
  undo: 'Undo',
};

/** An action is listed once, under the first of its scopes. */
export function actionsOf(scope: Scope): readonly Action[] {
  return ACTIONS.filter((action) => action.scopes[0] === scope);
}

export const SCOPES = Object.keys(SCOPE_TITLES).filter((scope): scope is Scope => scope in SCOPE_TITLES);
