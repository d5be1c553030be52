/**
 * The console itself: back, undo, copy, palette, help, leaving. Moving about: focus, selection, scrolling, filter,
 * zoom.
 */

import { clean } from '../draw/cells.ts';
import { fieldOf } from '../forms/form.ts';
import { ownId, PANES, type PaneId } from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';
import { besideIn } from '../screen/layout.ts';
import { activeList, filterOf, topMode, type ViewState, withMode, withoutMode } from '../state/view.ts';
import type { Action, ActionContext, Movement } from './action.ts';
import { runningWork, workNow } from './gateway.ts';

const PAGE_LIST = {
  adapter: 'adapters',
  session: 'sessions',
  task: 'tasks',
  request: 'pairing',
  question: 'questions',
  refusal: 'refusals',
  line: 'log',
} as const;

/**
 * What `y` copies: the id by which the selected thing is known elsewhere. Ids as their gateway knows them, also where
 * rows of several are on the screen.
 */
function copyText(context: ActionContext): string | undefined {
  const mode = topMode(context.view);
  if (mode?.kind === 'page') {
    if (mode.page === 'report') return mode.lines?.join('\n');
    if (mode.page === 'timings') return plain(mode.subject);
    if (mode.page === 'invite') return mode.invite?.code;
    if (mode.page === 'help' || mode.page === 'status' || mode.page === 'pulse' || mode.page === 'undo')
      return undefined;
    return rowId(context, PAGE_LIST[mode.page]);
  }
  return rowId(context, activeList(context.view));
}

function plain(id: string | undefined): string | undefined {
  return id === undefined ? undefined : ownId(id);
}

function rowId(context: ActionContext, list: ReturnType<typeof activeList>): string | undefined {
  switch (list) {
    case 'adapters': {
      const row = context.target('adapters');
      return row?.pairingCode ?? row?.account?.id ?? plain(row?.platform);
    }
    case 'sessions':
      return plain(context.target('sessions')?.id);
    case 'tasks':
      return plain(context.target('tasks')?.id);
    case 'pairing': {
      const row = context.target('pairing');
      return row?.code ?? row?.senderId;
    }
    case 'log':
      return context.target('log')?.text;
    case 'questions':
      return plain(context.target('questions')?.id);
    case 'refusals':
      return context.target('refusals')?.senderId;
    case 'schedules':
      return plain(context.target('schedules')?.id);
    case 'outbox':
      return context.target('outbox')?.text ?? plain(context.target('outbox')?.id);
    case 'allowlist':
      return context.target('allowlist')?.userId;
    case 'config':
      return context.target('config')?.key;
    case 'past':
      return context.target('past')?.text;
    case 'blocked':
      return context.target('blocked')?.userId;
    case 'contexts':
      return context.target('contexts')?.address;
    case 'hits':
      return plain(context.target('hits')?.id);
    case 'queue':
      return context.target('queue')?.messageId;
  }
}

function quit(context: ActionContext): void {
  const work = context.slices.link.kind === 'local' ? runningWork(context) : undefined;
  if (work === undefined) context.effects.leave('quit');
  else
    context.ask({
      title: 'Quit the gateway?',
      lines: () => [
        workNow(context),
        'It gets 30 seconds to finish; what cannot finish is reported to its chat.',
      ],
      verb: 'quit',
      confirmed: () => context.effects.leave('quit'),
    });
}

export const GENERAL: readonly Action[] = [
  {
    id: 'back',
    scopes: ['view', 'page'],
    keys: ['esc', 'q'],
    label: 'back',
    help: 'Close what is open and go one step back.',
    hint: 1,
    keysOnly: true,
    run: (context) =>
      context.update((state) => {
        const top = state.modes.at(-1);
        if (top?.kind === 'list' && (state.marks[top.list]?.size ?? 0) > 0)
          return { ...state, marks: { ...state.marks, [top.list]: new Set() } };
        const closed = withoutMode(state);
        return top?.kind === 'list' ? { ...closed, filters: { ...closed.filters, [top.list]: '' } } : closed;
      }),
  },
  {
    id: 'clear',
    scopes: ['global'],
    keys: ['esc'],
    label: 'clear',
    help: 'Go one step back: clear the marks, clear the filter, leave the zoom.',
    keysOnly: true,
    run: (context) =>
      context.update((state) => {
        const list = activeList(state);
        if ((state.marks[list]?.size ?? 0) > 0)
          return { ...state, marks: { ...state.marks, [list]: new Set() } };
        if ((state.filters[list] ?? '') !== '')
          return { ...state, filters: { ...state.filters, [list]: '' } };
        if (list === 'log' && (state.logLevel !== undefined || state.logSource !== undefined))
          return { ...state, logLevel: undefined, logSource: undefined };
        return state.zoom ? { ...state, zoom: false } : { ...state, toast: undefined };
      }),
  },
  {
    id: 'undo',
    scopes: ['global', 'list', 'page'],
    keys: ['u'],
    label: 'undo',
    help: 'Undo the last decision, within 30 s; again: the one before.',
    hint: 70,
    disabled: (context) => (context.view.undos.length === 0 ? 'nothing can be undone' : undefined),
    run: (context) => context.undo(),
  },
  {
    id: 'undo.list',
    scopes: ['global'],
    keys: ['U'],
    label: 'undo list',
    help: 'Show what can still be undone.',
    run: (context) => context.open({ kind: 'page', page: 'undo', subject: '', top: 0 }),
  },
  {
    id: 'copy',
    scopes: ['list', 'page'],
    keys: ['y'],
    label: 'copy',
    help: 'Copy the id of the selected row to the clipboard (works over SSH).',
    hint: 85,
    disabled: (context) => (copyText(context) === undefined ? 'nothing is selected' : undefined),
    run(context) {
      const text = copyText(context);
      if (text === undefined) return;
      if (context.effects.copy(text)) context.toast(`Copied ${clean(text, 60)}`);
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
    run: (context) => context.open({ kind: 'palette', field: fieldOf(''), index: -1 }),
  },
  {
    id: 'help',
    scopes: ['global'],
    keys: ['?'],
    label: 'help',
    help: 'Show every key.',
    hint: 91,
    words: 'help',
    run: (context) => context.open({ kind: 'page', page: 'help', subject: '', top: 0 }),
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
    help: 'Suspend the console; run fg in the shell to resume.',
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

function focus(view: ViewState, pane: PaneId): ViewState {
  return { ...view, focus: pane, modes: [] };
}

function neighbour(pane: PaneId, step: number): PaneId {
  const at = (PANES.indexOf(pane) + step + PANES.length) % PANES.length;
  return PANES[at] ?? 'adapters';
}

const panes: Action[] = PANES.map((pane, index) => ({
  id: `focus.${pane}`,
  scopes: ['global'],
  keys: [String(index + 1)],
  label: LISTS[pane].title.toLowerCase(),
  help: `Go to the ${LISTS[pane].title.toLowerCase()} pane.`,
  words: pane,
  run: (context) => context.update((view) => focus(view, pane)),
}));

function mover(id: string, keys: readonly string[], help: string, by: Movement): Action {
  return {
    id: `move.${id.replace(' ', '-')}`,
    scopes: ['list', 'page'],
    keys,
    label: id,
    help,
    keysOnly: true,
    run: (context) => context.move(by),
  };
}

/** Going sideways must not close what someone reads. */
function pageOpen({ view }: ActionContext): string | undefined {
  return view.modes.length === 0 ? undefined : 'a page is open, Esc closes it';
}

const LOG_STEP = 16;

function sideways(context: ActionContext, step: number): void {
  context.update((view) => ({ ...view, logShift: Math.min(2_000, Math.max(0, view.logShift + step)) }));
}

export const MOVING: readonly Action[] = [
  ...panes,
  {
    id: 'focus.next',
    scopes: ['global'],
    keys: ['tab'],
    label: 'next pane',
    help: 'Go to the next pane.',
    keysOnly: true,
    run: (context) => context.update((view) => focus(view, neighbour(view.focus, 1))),
  },
  {
    id: 'focus.previous',
    scopes: ['global'],
    keys: ['shift+tab'],
    label: 'previous pane',
    help: 'Go to the previous pane.',
    keysOnly: true,
    run: (context) => context.update((view) => focus(view, neighbour(view.focus, -1))),
  },
  mover('down', ['j', 'down'], 'Next row.', { kind: 'rows', rows: 1 }),
  mover('up', ['k', 'up'], 'Previous row.', { kind: 'rows', rows: -1 }),
  mover('page down', ['pgdn'], 'One page down.', { kind: 'pages', pages: 1 }),
  mover('page up', ['pgup'], 'One page up.', { kind: 'pages', pages: -1 }),
  mover('half down', ['ctrl+d'], 'Half a page down.', { kind: 'pages', pages: 0.5 }),
  mover('half up', ['ctrl+u'], 'Half a page up.', { kind: 'pages', pages: -0.5 }),
  mover('first', ['g', 'home'], 'First row.', { kind: 'first' }),
  mover('last', ['G', 'end'], 'Last row; in log and transcript: follow again.', { kind: 'last' }),
  {
    id: 'log.left',
    scopes: ['log'],
    keys: ['h', 'left'],
    label: 'left',
    help: 'Scroll the log to the left.',
    keysOnly: true,
    run: (context) => sideways(context, -LOG_STEP),
  },
  {
    id: 'log.right',
    scopes: ['log'],
    keys: ['l', 'right'],
    label: 'right',
    help: 'Scroll the log to the right.',
    keysOnly: true,
    run: (context) => sideways(context, LOG_STEP),
  },
  {
    id: 'focus.left',
    scopes: ['global'],
    keys: ['h', 'left'],
    label: 'left pane',
    help: 'Go to the pane on the left.',
    keysOnly: true,
    disabled: pageOpen,
    run: (context) =>
      context.update((view) => focus(view, besideIn(context.lists.boxes, view.focus, 'left'))),
  },
  {
    id: 'focus.right',
    scopes: ['global'],
    keys: ['l', 'right'],
    label: 'right pane',
    help: 'Go to the pane on the right.',
    keysOnly: true,
    disabled: pageOpen,
    run: (context) =>
      context.update((view) => focus(view, besideIn(context.lists.boxes, view.focus, 'right'))),
  },
  {
    id: 'filter',
    scopes: ['list'],
    keys: ['/'],
    label: 'filter',
    help: 'Filter the list: words, /regex/, a leading ! inverts.',
    hint: 80,
    run: (context) =>
      context.update((view) => {
        const list = activeList(view);
        const before = filterOf(view, list);
        return withMode(view, { kind: 'filter', list, field: fieldOf(''), before });
      }),
  },
  {
    id: 'search',
    scopes: ['page'],
    keys: ['/'],
    label: 'search',
    help: 'Search the open page.',
    hint: 80,
    keysOnly: true,
    run: (context) => context.open({ kind: 'search', field: fieldOf('') }),
  },
  {
    id: 'search.next',
    scopes: ['page'],
    keys: ['n'],
    label: 'next place',
    help: 'Go to the next place of what was searched.',
    keysOnly: true,
    run: (context) => context.findNext(1),
  },
  {
    id: 'search.previous',
    scopes: ['page'],
    keys: ['N'],
    label: 'previous place',
    help: 'Go to the previous place of what was searched.',
    keysOnly: true,
    run: (context) => context.findNext(-1),
  },
  {
    id: 'zoom',
    scopes: ['global'],
    keys: ['z'],
    label: 'zoom',
    help: 'Show the focused pane alone, or all panes again.',
    hint: 88,
    run: (context) => context.update((view) => ({ ...view, zoom: !view.zoom })),
  },
];
