/** Moving about: focus, selection, scrolling, filter, zoom. */

import { fieldOf } from '../keys/field.ts';
import { PANES, type PaneId } from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';
import { besideIn } from '../screen/layout.ts';
import { activeList, filterOf, type ViewState, withMode } from '../state/view.ts';
import type { Action, ActionContext, Movement } from './action.ts';

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
