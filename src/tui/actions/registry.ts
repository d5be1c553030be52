/** All actions of the console, in the order in which help lists them. Imports neither React nor Ink. */
import type { Action, Scope } from './action.ts';
import { ADAPTERS } from './adapters.ts';
import { GATEWAY } from './gateway.ts';
import { GENERAL } from './general.ts';
import { HOME } from './home.ts';
import { INVITE } from './invite.ts';
import { MOVING } from './moving.ts';
import { PAIRING } from './pairing.ts';
import { QUESTIONS } from './questions.ts';
import { SCHEDULES } from './schedules.ts';
import { SESSIONS } from './sessions.ts';
import { TASKS } from './tasks.ts';
import { VIEWS } from './views.ts';

export const ACTIONS: readonly Action[] = [
  ...MOVING,
  ...PAIRING,
  ...INVITE,
  ...QUESTIONS,
  ...SESSIONS,
  ...HOME,
  ...TASKS,
  ...SCHEDULES,
  ...ADAPTERS,
  ...VIEWS,
  ...GATEWAY,
  ...GENERAL,
];

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
  refusals: 'Refusals',
  outbox: 'Outbox',
  schedules: 'Schedules',
  allowlist: 'Allowlist',
  config: 'Configuration',
  queue: 'Waiting messages',
  view: 'Open list',
  sheet: 'Open page',
  help: 'Help',
  status: 'Status',
  adapter: 'Adapter',
  session: 'Transcript',
  task: 'Task',
  request: 'Request',
  question: 'Question',
  line: 'Log line',
  report: 'Report',
  invite: 'Own phone',
  undo: 'Undo',
};

/** An action is listed once, under the first of its scopes. */
export function actionsOf(scope: Scope): readonly Action[] {
  return ACTIONS.filter((action) => action.scopes[0] === scope);
}

export const SCOPES = Object.keys(SCOPE_TITLES).filter((scope): scope is Scope => scope in SCOPE_TITLES);
