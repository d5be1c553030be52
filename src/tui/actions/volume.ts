/** Many rows at once: marks, the order of a list, and filters that have a name. */
import { clean } from '../draw/cells.ts';
import type { ListId, RowOf } from '../lists/list.ts';
import { keyOf, LISTS } from '../lists/lists.ts';
import type { Bulk, BulkItem } from '../state/decisions.ts';
import { otherColumn } from '../state/rows.ts';
import { activeList, filterOf, type ViewState } from '../state/view.ts';
import type { Action, ActionContext } from './action.ts';

/** Lists whose acts take many rows. */
const MARKABLE: ReadonlySet<ListId> = new Set([
  'pairing',
  'sessions',
  'tasks',
  'outbox',
  'refusals',
  'allowlist',
]);

function marking(view: ViewState, list: ListId, keys: Iterable<string>): ViewState {
  return { ...view, marks: { ...view.marks, [list]: new Set(keys) } };
}

function unmarkable(context: ActionContext): string | undefined {
  const list = activeList(context.view);
  if (!MARKABLE.has(list)) return 'rows of this list are decided one by one';
  return context.rows(list).length === 0 ? 'no row can be marked' : undefined;
}

function mark<K extends ListId>(context: ActionContext, list: K): void {
  const row = context.target(list);
  if (row === undefined) return;
  const key = keyOf(list, row);
  context.update((view) => {
    const marks = new Set(view.marks[list]);
    if (!marks.delete(key)) marks.add(key);
    return marking(view, list, marks);
  });
  context.move({ kind: 'rows', rows: 1 });
}

/** All rows that pass the filter; again: none. Rows that come later are not marked. */
function markAll(context: ActionContext, list: ListId): void {
  const keys = context.rows(list).map((row) => keyOf(list, row));
  const before = context.view.marks[list];
  const all = keys.length > 0 && keys.every((key) => before?.has(key) === true);
  context.update((view) => marking(view, list, all ? [] : keys));
}

function unsorted({ view }: ActionContext): string | undefined {
  const list = activeList(view);
  return list === 'log' || LISTS[list].columns === undefined ? 'this list has one order' : undefined;
}

function sort(context: ActionContext, step: 1 | -1): void {
  const list = activeList(context.view);
  const next = otherColumn(list, context.view.sorts[list], step);
  context.update((view) => ({ ...view, sorts: { ...view.sorts, [list]: next } }));
}

/** What one act does to the marked rows it fits; undefined when no row is marked. */
export function bulkOf<K extends ListId>(
  context: ActionContext,
  list: K,
  words: Omit<Bulk, 'list' | 'items'>,
  itemOf: (row: RowOf[K]) => Omit<BulkItem, 'key'> | undefined,
): Bulk | undefined {
  const rows = context.marked(list);
  if (rows.length === 0) return undefined;
  const items = rows.flatMap((row) => {
    const item = itemOf(row);
    return item === undefined ? [] : [{ key: keyOf(list, row), ...item }];
  });
  return { list, ...words, items };
}

export const VOLUME: readonly Action[] = [
  {
    id: 'mark',
    scopes: ['list'],
    keys: ['space'],
    label: 'mark',
    help: 'Mark the selected row or remove its mark, and go to the next row. Keys then act on all marked rows.',
    hint: 60,
    disabled: unmarkable,
    run: (context) => mark(context, activeList(context.view)),
  },
  {
    id: 'mark.all',
    scopes: ['list'],
    keys: ['*'],
    label: 'mark all',
    help: 'Mark all rows that pass the filter; again: none.',
    disabled: unmarkable,
    run: (context) => markAll(context, activeList(context.view)),
  },
  {
    id: 'sort.next',
    scopes: ['list'],
    keys: ['>'],
    label: 'sort by next column',
    help: 'Sort the list by its next column; after the last one in its usual order.',
    disabled: unsorted,
    run: (context) => sort(context, 1),
  },
  {
    id: 'sort.previous',
    scopes: ['list'],
    keys: ['<'],
    label: 'sort by previous column',
    help: 'Sort the list by its previous column.',
    disabled: unsorted,
    run: (context) => sort(context, -1),
  },
  {
    id: 'sort.reverse',
    scopes: ['list'],
    keys: ['|'],
    label: 'reverse',
    help: 'Turn the order of a sorted list round.',
    disabled: ({ view }) =>
      view.sorts[activeList(view)] === undefined ? 'the list is not sorted' : undefined,
    run: (context) =>
      context.update((view) => {
        const list = activeList(view);
        const before = view.sorts[list];
        if (before === undefined) return view;
        return { ...view, sorts: { ...view.sorts, [list]: { ...before, reversed: !before.reversed } } };
      }),
  },
  {
    id: 'group',
    scopes: ['list'],
    keys: ['#'],
    label: 'group by platform',
    labelNow: ({ view }) => (view.grouped.has(activeList(view)) ? 'ungroup' : 'group by platform'),
    help: 'Group the list by platform, or show it as one list again.',
    disabled: ({ view }) => {
      const list = activeList(view);
      if (list === 'adapters') return 'each row is a platform of its own';
      return LISTS[list].columns?.['platform'] === undefined ? 'this list has no platforms' : undefined;
    },
    run: (context) =>
      context.update((view) => {
        const grouped = new Set(view.grouped);
        const list = activeList(view);
        if (!grouped.delete(list)) grouped.add(list);
        return { ...view, grouped };
      }),
  },
  {
    id: 'filter.remove',
    scopes: ['list'],
    keys: [],
    label: 'remove filter',
    help: 'Remove a saved filter.',
    words: 'filter remove',
    args: '<name>',
    run(context, [name]) {
      if (name === undefined || context.lists.savedFilters[name] === undefined) {
        const names = Object.keys(context.lists.savedFilters);
        const saved = names.length === 0 ? 'No filter is saved.' : `Saved filters: ${names.join(', ')}.`;
        context.toast(saved, 'warn');
      } else
        context.run(
          { type: 'config.set', key: `console.filters.${name}`, value: null },
          {
            after() {
              context.lists.saveFilters({ [name]: undefined });
              context.toast(`Removed @${name}`);
            },
          },
        );
    },
  },
  {
    id: 'filter.save',
    scopes: ['list'],
    keys: [],
    label: 'save filter',
    help: 'Save the filter of the list under a name; @name in a filter stands for it.',
    words: 'filter save',
    args: '<name>',
    run(context, [name]) {
      const text = filterOf(context.view, activeList(context.view));
      if (name === undefined || !/^[\w-]{1,40}$/u.test(name))
        context.toast('Which name? : filter save <name>', 'warn');
      else if (text === '') context.toast('The list has no filter. / sets one.', 'warn');
      else
        context.run(
          { type: 'config.set', key: `console.filters.${name}`, value: text },
          {
            after() {
              context.lists.saveFilters({ [name]: text });
              context.toast(`@${name} stands for ${clean(text, 60)}`);
            },
          },
        );
    },
  },
];
