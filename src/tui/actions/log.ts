/** The log as a pane and as a file: levels, sources, lines of a time, marks. */
import type { LogLine } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import { clockTime, dayOf, sinceOf } from '../draw/times.ts';
import { LEVELS } from '../state/list-state.ts';
import { openedList } from '../state/view.ts';
import type { Action, ActionContext } from './action.ts';

function logText(row: LogLine): string {
  return `${new Date(row.at).toISOString()} ${row.level.padEnd(5)} ${clean(row.source, 40)} ${clean(row.text, 20_000)}`;
}

/** A line of the file is no row of the pane: its page holds the text itself. */
function openRecord(context: ActionContext, row: LogLine): void {
  context.open({
    kind: 'page',
    page: 'report',
    subject: '',
    top: 0,
    title: `${row.level} of ${clean(row.source, 40)}`,
    lines: [
      `${dayOf(row.at)} ${clockTime(row.at)}`,
      '',
      clean(row.text, 20_000),
      '',
      ...Object.entries(row.fields ?? {}).map(
        ([name, value]) => `${clean(name, 40)}: ${clean(value, 8_000)}`,
      ),
    ],
  });
}

function since(context: ActionContext, text: string): string | undefined {
  if (sinceOf(text, context.slices.now) === undefined)
    return 'Since when? 10m, 2h, 3d, 09:30, 2026-11-29 or "2026-11-29 09:30".';
  context.load('past', text);
  context.update((view) => openedList({ ...view, modes: [] }, { kind: 'list', list: 'past', subject: text }));
  return undefined;
}

export const LOG: readonly Action[] = [
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
      if (row !== undefined) context.open({ kind: 'page', page: 'line', subject: String(row.seq), top: 0 });
    },
  },
  {
    id: 'log.level',
    scopes: ['log'],
    keys: ['L'],
    label: 'level',
    help: 'Show all log lines, then from info, from warn, errors only.',
    hint: 11,
    run: (context) =>
      context.update((state) => {
        const at = LEVELS.indexOf(state.logLevel ?? 'debug');
        return { ...state, logLevel: at === LEVELS.length - 1 ? undefined : LEVELS[at + 1] };
      }),
  },
  {
    id: 'log.source',
    scopes: ['log'],
    keys: ['s'],
    label: 'source',
    help: 'Show only lines from where the selected line came; again: from everywhere.',
    hint: 12,
    disabled: (context) =>
      context.view.logSource === undefined && context.target('log') === undefined
        ? 'no line is selected'
        : undefined,
    run(context) {
      const source = context.view.logSource === undefined ? context.target('log')?.source : undefined;
      context.update((state) => ({ ...state, logSource: source }));
    },
  },
  {
    id: 'log.wrap',
    scopes: ['log'],
    keys: ['W'],
    label: 'wrap',
    help: 'Wrap long log lines, or cut them again.',
    hint: 14,
    run: (context) => context.update((state) => ({ ...state, logWrap: !state.logWrap, logShift: 0 })),
  },
  {
    id: 'log.page',
    scopes: ['log'],
    keys: ['v'],
    label: 'pager',
    help: 'Open the filtered log in $PAGER.',
    hint: 13,
    run: (context) => context.effects.page(context.rows('log').map(logText)),
  },
  {
    id: 'log.since',
    scopes: ['log'],
    keys: ['t'],
    label: 'since',
    help: 'Show the log from a time on, including lines from before a restart: 10m, 2h, 09:30, 2026-11-29.',
    hint: 15,
    words: 'log since',
    args: '<time>',
    run(context, args) {
      if (args.length > 0) {
        const wrong = since(context, args.join(' '));
        if (wrong !== undefined) context.toast(wrong, 'warn');
      } else
        context.prompt({
          title: 'Log since',
          hint: '10m, 2h, 3d, 09:30, 2026-11-29, 2026-11-29 09:30',
          submit: (text) => (text.trim() === '' ? undefined : since(context, text.trim())),
        });
    },
  },
  {
    id: 'log.mark',
    scopes: ['log'],
    keys: ['m'],
    label: 'mark',
    help: 'Draw a line under what was logged so far.',
    hint: 16,
    run: (context) => context.note(`---- mark at ${clockTime(context.slices.now)} ----`),
  },
  {
    id: 'past.open',
    scopes: ['past'],
    keys: ['enter'],
    label: 'whole record',
    help: 'Show the selected line of the log in full.',
    hint: 10,
    disabled: (context) => (context.target('past') === undefined ? 'no line is selected' : undefined),
    run(context) {
      const row = context.target('past');
      if (row !== undefined) openRecord(context, row);
    },
  },
  {
    id: 'past.page',
    scopes: ['past'],
    keys: ['v'],
    label: 'pager',
    help: 'Open these lines, as they are filtered, in $PAGER.',
    hint: 13,
    run: (context) => context.effects.page(context.rows('past').map(logText)),
  },
];
