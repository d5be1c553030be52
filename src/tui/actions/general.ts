/** The gateway as a whole, the views over the panes, and the console itself. */
import { clean } from '../draw/cells.ts';
import { fieldOf } from '../keys/field.ts';
import type { ListViewId } from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';
import { configText } from '../lists/views.ts';
import { isOpenTask } from '../state/orders.ts';
import { activeList, withMode } from '../state/view.ts';
import type { Action, ActionContext } from './action.ts';
import { copyText } from './copy.ts';

function view(list: Exclude<ListViewId, 'queue'>, keys: readonly string[], help: string): Action {
  return {
    id: `open.${list}`,
    scopes: ['global'],
    keys,
    label: LISTS[list].title.toLowerCase(),
    help,
    words: list,
    run(context) {
      if (list === 'config') context.load('config');
      context.update((state) => withMode({ ...state, modes: [] }, { kind: 'list', list }));
    },
  };
}

/** A secret is shown masked; its mask must not be saved as the new value. */
const MASKED = /[*•]{3}/u;

/** Work that would be cut off by leaving. */
export function runningWork(context: ActionContext): string | undefined {
  const turns = context.slices.sessions.filter((row) => row.state === 'running').length;
  const tasks = context.slices.tasks.filter(isOpenTask).length;
  const parts = [
    turns === 0 ? '' : turns === 1 ? '1 answer is under way' : `${turns} answers are under way`,
    tasks === 0 ? '' : tasks === 1 ? '1 task is open' : `${tasks} tasks are open`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? undefined : `${parts.join(' and ')}.`;
}

function quit(context: ActionContext): void {
  const work = context.slices.link.kind === 'local' ? runningWork(context) : undefined;
  if (work === undefined) context.effects.leave('quit');
  else
    context.ask({
      title: 'Quit the gateway?',
      lines: [work, 'It gets 30 seconds to finish; what cannot finish is reported to its chat.'],
      verb: 'quit',
      confirmed: () => context.effects.leave('quit'),
    });
}

export const GENERAL: readonly Action[] = [
  {
    id: 'request.open',
    scopes: ['pairing'],
    keys: ['enter'],
    label: 'details',
    help: 'Show the whole request of the selected stranger.',
    hint: 14,
    disabled: (context) => (context.target('pairing') === undefined ? 'nobody is waiting' : undefined),
    run(context) {
      const row = context.target('pairing');
      if (row !== undefined) context.open({ kind: 'sheet', sheet: 'request', subject: row.id, top: 0 });
    },
  },
  {
    id: 'log.open',
    scopes: ['log'],
    keys: ['enter'],
    label: 'whole line',
    help: 'Show the selected log line in full.',
    hint: 10,
    disabled: (context) => (context.target('log') === undefined ? 'the log is empty' : undefined),
    run(context) {
      const row = context.target('log');
      if (row !== undefined) context.open({ kind: 'sheet', sheet: 'line', subject: String(row.seq), top: 0 });
    },
  },
  {
    id: 'config.edit',
    scopes: ['config'],
    keys: ['e', 'enter'],
    label: 'edit',
    help: 'Change the selected configuration value; it is checked before it is saved.',
    hint: 10,
    disabled: (context) => (context.target('config') === undefined ? 'no value is selected' : undefined),
    run(context) {
      const row = context.target('config');
      if (row === undefined) return;
      context.prompt({
        title: `Set ${clean(row.key, 60)}`,
        hint: clean(row.help, 200),
        text: MASKED.test(configText(row.value)) ? '' : configText(row.value),
        submit: (text) =>
          context.run(
            { type: 'config.set', key: row.key, value: parseValue(text) },
            { after: () => context.load('config') },
          ),
      });
    },
  },
  {
    id: 'back',
    scopes: ['view', 'sheet'],
    keys: ['esc', 'q'],
    label: 'back',
    help: 'Close what is open and go one step back.',
    hint: 1,
    keysOnly: true,
    run: (context) => context.close(),
  },
  {
    id: 'clear',
    scopes: ['global'],
    keys: ['esc'],
    label: 'clear',
    help: 'Go one step back: clear the filter, leave the zoom.',
    keysOnly: true,
    run: (context) =>
      context.update((state) => {
        const list = activeList(state);
        if ((state.filters[list] ?? '') !== '')
          return { ...state, filters: { ...state.filters, [list]: '' } };
        return state.zoom ? { ...state, zoom: false } : { ...state, toast: undefined };
      }),
  },
  view('refusals', ['f'], 'Show who was turned away and why; a allows the sender.'),
  view('outbox', ['o'], 'Show messages that wait or failed; retry or abandon them.'),
  view('allowlist', ['w'], 'Show who may talk to the agent; add or revoke.'),
  view('config', [','], 'Show every configuration value and where it comes from.'),
  {
    id: 'status',
    scopes: ['global'],
    keys: ['S'],
    label: 'status',
    help: 'Show the state of the gateway, its agent and its connections in one table.',
    words: 'status',
    run: (context) => context.open({ kind: 'sheet', sheet: 'status', subject: '', top: 0 }),
  },
  {
    id: 'doctor',
    scopes: ['global'],
    keys: [],
    label: 'doctor',
    help: 'Check agent, configuration, store and platforms, and name what is wrong.',
    words: 'doctor',
    run: (context) =>
      context.run(
        { type: 'doctor' },
        {
          after: (result) =>
            context.open({
              kind: 'sheet',
              sheet: 'report',
              subject: 'doctor',
              title: 'Doctor',
              top: 0,
              lines: reportLines(result.message, result.data),
            }),
        },
      ),
  },
  {
    id: 'gateway.start',
    scopes: ['global'],
    keys: [],
    label: 'start',
    help: 'Start the gateway.',
    words: 'start',
    disabled: (context) =>
      context.slices.gateway.state === 'stopped'
        ? undefined
        : `the gateway is ${context.slices.gateway.state}`,
    run: (context) => context.run({ type: 'restart' }),
  },
  {
    id: 'gateway.restart',
    scopes: ['global'],
    keys: [],
    label: 'restart',
    help: 'Stop the gateway and start it again with its configuration read anew.',
    words: 'restart',
    run: (context) =>
      context.ask({
        title: 'Restart the gateway?',
        lines: [runningWork(context) ?? 'Nothing is running.', 'Waiting messages are kept.'],
        verb: 'restart',
        confirmed: () => context.run({ type: 'restart' }),
      }),
  },
  {
    id: 'gateway.stop',
    scopes: ['global'],
    keys: [],
    label: 'stop',
    help: 'Stop the gateway.',
    words: 'stop',
    run: (context) =>
      context.ask({
        title: 'Stop the gateway?',
        lines: [runningWork(context) ?? 'Nothing is running.', 'Nobody is heard until it is started again.'],
        verb: 'stop the gateway',
        confirmed: () => context.run({ type: 'stop' }),
      }),
  },
  {
    id: 'undo',
    scopes: ['global', 'list', 'sheet'],
    keys: ['u'],
    label: 'undo',
    help: 'Take the last decision back while its notice is shown (5 s).',
    disabled: (context) => (context.view.toast?.undo === undefined ? 'nothing can be taken back' : undefined),
    run(context) {
      const undo = context.view.toast?.undo;
      context.update((state) => ({ ...state, toast: undefined }));
      undo?.();
    },
  },
  {
    id: 'copy',
    scopes: ['list', 'sheet'],
    keys: ['y'],
    label: 'copy',
    help: 'Copy the id of the selected row to the clipboard (works over SSH).',
    hint: 85,
    run(context) {
      const text = copyText(context);
      if (text === undefined) context.toast('Nothing is selected.', 'warn');
      else if (context.effects.copy(text)) context.toast(`Copied ${clean(text, 60)}`);
      else context.toast('This terminal has no clipboard that a program may write to.', 'warn');
    },
  },
  {
    id: 'palette',
    scopes: ['global'],
    keys: [':', 'ctrl+p'],
    label: 'command',
    help: 'Open the command palette: every action by name.',
    hint: 90,
    keysOnly: true,
    run: (context) => context.open({ kind: 'palette', field: fieldOf(''), index: 0 }),
  },
  {
    id: 'help',
    scopes: ['global'],
    keys: ['?'],
    label: 'help',
    help: 'Show every key.',
    hint: 91,
    words: 'help',
    run: (context) => context.open({ kind: 'sheet', sheet: 'help', subject: '', top: 0 }),
  },
  {
    id: 'redraw',
    scopes: ['global'],
    keys: ['ctrl+l'],
    label: 'redraw',
    help: 'Draw the whole screen again.',
    run: (context) => context.effects.redraw(),
  },
  {
    id: 'suspend',
    scopes: ['global'],
    keys: ['ctrl+z'],
    label: 'suspend',
    help: 'Put the console to sleep; fg in the shell wakes it.',
    run: (context) => context.effects.suspend(),
  },
  {
    id: 'quit',
    scopes: ['global'],
    keys: ['q'],
    label: 'quit',
    help: 'Quit; asks only when work is running. Ctrl+C twice quits without a question.',
    hint: 92,
    words: 'quit',
    run: quit,
  },
];

/** What was typed as JSON where it is JSON (numbers, true, lists), else as text. */
function parseValue(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}

/** Lines of a report: the sentence, then its data, one entry a line. */
export function reportLines(message: string, data: unknown): string[] {
  const lines = message.split('\n').map((line) => clean(line));
  const entries: readonly unknown[] = Array.isArray(data) ? data : data === undefined ? [] : [data];
  for (const entry of entries) {
    if (typeof entry === 'string') lines.push(clean(entry));
    else for (const line of JSON.stringify(entry, undefined, 2).split('\n')) lines.push(clean(line));
  }
  return lines;
}
