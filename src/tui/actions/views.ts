/**
 * What opens over the panes: lists, single records, the pager. The log as a pane and as a file: levels, sources, marks.
 */

import type { LogLine, TranscriptEntry } from '../../gateway/model.ts';
import type { ConfigValue } from '../../gateway/operator/operator.ts';
import { clean } from '../draw/cells.ts';
import { clockTime, dayOf, sinceOf } from '../draw/times.ts';
import type { ListViewId } from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';
import { configText } from '../lists/views.ts';
import { LEVELS } from '../state/list-state.ts';
import { openedList } from '../state/view.ts';
import { type Action, type ActionContext, onRow, openReport } from './action.ts';

function view(
  list: Exclude<ListViewId, 'queue' | 'hits' | 'past' | 'contexts'>,
  keys: readonly string[],
  help: string,
): Action {
  return {
    id: `open.${list}`,
    scopes: ['global'],
    keys,
    label: LISTS[list].title.toLowerCase(),
    help,
    words: list,
    run(context) {
      if (list === 'config' || list === 'blocked') context.load(list);
      context.update((state) => openedList({ ...state, modes: [] }, { kind: 'list', list }));
    },
  };
}

function said(entries: readonly TranscriptEntry[]): string[] {
  return entries.flatMap(({ at, role, name, text }) => [
    `${new Date(at).toISOString()} ${role}${name === undefined ? '' : ` ${clean(name, 60)}`}`,
    ...text.split('\n').map((line) => `  ${clean(line, 20_000)}`),
  ]);
}

/** A secret is shown masked; its mask must not be saved as the new value. */
const MASKED = /[*•]{3}/u;

/** The value as it is typed; empty when it is not set, or when only its mask is known. */
function editable(value: unknown): string {
  const text = configText(value);
  return value === undefined || value === null || MASKED.test(text) ? '' : text;
}

/** What was typed as a value of its kind; nothing takes the key away. */
function typedValue({ kind }: ConfigValue, text: string): unknown {
  if (text === '') return null;
  if (kind === 'text' || kind === 'choice') return text;
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return kind === 'list' ? text.split(',').map((part) => part.trim()) : text;
  }
}

export const VIEWS: readonly Action[] = [
  {
    id: 'request.open',
    scopes: ['pairing'],
    keys: ['enter'],
    label: 'details',
    help: 'Show the whole request of the selected new user.',
    hint: 14,
    ...onRow('pairing', (context, row) =>
      context.open({ kind: 'page', page: 'request', subject: row.id, top: 0 }),
    ),
  },
  {
    id: 'session.page',
    scopes: ['session'],
    keys: ['v'],
    label: 'pager',
    help: 'Open the transcript in $PAGER.',
    hint: 16,
    run: (context) => context.effects.page(said(context.said())),
  },
  {
    id: 'config.edit',
    scopes: ['config'],
    keys: ['e', 'enter'],
    label: 'edit',
    help: 'Change the selected configuration value; it is checked before it is saved.',
    hint: 10,
    ...onRow('config', (context, row) => {
      const secret = row.secret === true;
      context.prompt({
        title: `Set ${clean(row.key, 60)}`,
        hint: clean(row.help, 200),
        secret,
        text: secret ? '' : editable(row.value),
        submit(typed) {
          const text = typed.trim();
          // A stored secret is not shown: an empty field says nothing about it.
          if (secret && text === '') return undefined;
          return {
            command: { type: 'config.set', key: row.key, value: typedValue(row, text) },
            options: {
              pending: row.key,
              after({ message }) {
                context.toast(message);
                context.load('config');
              },
            },
          };
        },
      });
    }),
  },
  view('refusals', ['f'], 'Show rejected messages by sender, with the reason; a allows the sender.'),
  view('outbox', ['o'], 'Show pending and failed deliveries. Retry or discard them.'),
  view('schedules', ['t'], 'Show what runs at which time; pause, run or remove it.'),
  view('blocked', ['B'], 'Show who is blocked; x unblocks.'),
  view('allowlist', ['w'], 'Show who may talk to the agent; add or revoke.'),
  view('config', [','], 'Show every configuration value and where it comes from.'),
];

function logText(row: LogLine): string {
  return `${new Date(row.at).toISOString()} ${row.level.padEnd(5)} ${clean(row.source, 40)} ${clean(row.text, 20_000)}`;
}

/** A line of the file is no row of the pane: its page holds the text itself. */
function openRecord(context: ActionContext, row: LogLine): void {
  openReport(context, `${row.level} of ${clean(row.source, 40)}`, [
    `${dayOf(row.at)} ${clockTime(row.at)}`,
    '',
    clean(row.text, 20_000),
    '',
    ...Object.entries(row.fields ?? {}).map(([name, value]) => `${clean(name, 40)}: ${clean(value, 8_000)}`),
  ]);
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
    ...onRow('log', (context, row) =>
      context.open({ kind: 'page', page: 'line', subject: String(row.seq), top: 0 }),
    ),
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
    ...onRow('past', (context, row) => openRecord(context, row)),
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
