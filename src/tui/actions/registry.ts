/**
 * All actions of the console, in the order in which help lists them, and those of the adapters. Imports neither React
 * nor Ink.
 */

import { isPlatform, PLATFORMS, type Platform } from '../../gateway/model.ts';
import { openSettings } from '../forms/save.ts';
import { type Action, type ActionContext, onRow, type Scope } from './action.ts';
import { CONTEXTS, GATEWAY, onOneGateway } from './gateway.ts';
import { GENERAL, MOVING } from './general.ts';
import { INVITE, PAIRING } from './pairing.ts';
import { PEOPLE, REJECTED } from './people.ts';
import { QUESTIONS } from './questions.ts';
import { HOME, SESSIONS } from './sessions.ts';
import { SCHEDULES, TASKS } from './tasks.ts';
import { SEARCH, TRANSCRIPTS } from './transcripts.ts';
import { LOG, VIEWS } from './views.ts';
import { VOLUME } from './volume.ts';

const OFF = new Set(['stopped', 'disabled']);

function order(
  context: ActionContext,
  verb: 'start' | 'stop' | 'restart' | 'check',
  platform: Platform,
): void {
  context.run({ type: `adapter.${verb}`, platform }, { pending: platform });
}

function stop(context: ActionContext, platform: Platform): void {
  context.ask({
    title: `Stop ${platform}?`,
    lines: ['Messages on this platform are not received until you start it again.'],
    verb: `stop ${platform}`,
    confirmed: () => order(context, 'stop', platform),
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
    ...onRow('adapters', (context, row) =>
      context.open({ kind: 'page', page: 'adapter', subject: row.platform, top: 0 }),
    ),
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
    ...onRow('adapters', (context, row) => {
      const { platform } = row;
      // It has given up on its own: starting it means a new try with what is set now.
      if (row.state === 'parked') order(context, 'restart', platform);
      else if (OFF.has(row.state)) order(context, 'start', platform);
      else stop(context, platform);
    }),
  },
  {
    id: 'adapter.reconnect',
    scopes: ['adapters', 'adapter'],
    keys: ['r'],
    label: 'reconnect',
    help: 'Drop the connection of the selected adapter and connect again.',
    hint: 12,
    careful: 'adapters',
    ...onRow('adapters', (context, row) => order(context, 'restart', row.platform)),
  },
  {
    id: 'adapter.check',
    scopes: ['adapters', 'adapter'],
    keys: ['c'],
    label: 'check',
    help: 'Ask the platform whether the settings of the selected adapter work.',
    hint: 13,
    ...onRow('adapters', (context, row) => order(context, 'check', row.platform)),
  },
  {
    id: 'adapter.settings',
    scopes: ['adapters', 'adapter'],
    keys: ['e'],
    label: 'settings',
    help: 'Edit the settings of the selected adapter. They are tested before saving.',
    hint: 14,
    ...onRow('adapters', (context, row) => openSettings(context, { platform: row.platform })),
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
      else if (verb === 'start' || verb === 'restart') order(context, verb, platform);
      else if (verb === 'stop') stop(context, platform);
      else context.toast(`What shall ${platform} do? start, stop or restart.`, 'warn');
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
