/** What opens over the panes: lists, single records, the pager. */
import type { TranscriptEntry } from '../../gateway/model.ts';
import type { ConfigValue } from '../../gateway/operator/operator.ts';
import { clean } from '../draw/cells.ts';
import type { ListViewId } from '../lists/list.ts';
import { LISTS } from '../lists/lists.ts';
import { configText } from '../lists/views.ts';
import { openedList } from '../state/view.ts';
import type { Action } from './action.ts';

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
    disabled: (context) => (context.target('pairing') === undefined ? 'no pending requests' : undefined),
    run(context) {
      const row = context.target('pairing');
      if (row !== undefined) context.open({ kind: 'page', page: 'request', subject: row.id, top: 0 });
    },
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
    disabled: (context) => (context.target('config') === undefined ? 'no value is selected' : undefined),
    run(context) {
      const row = context.target('config');
      if (row === undefined) return;
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
    },
  },
  view('refusals', ['f'], 'Show rejected messages by sender, with the reason; a allows the sender.'),
  view('outbox', ['o'], 'Show pending and failed deliveries. Retry or discard them.'),
  view('schedules', ['t'], 'Show what runs at which time; pause, run or remove it.'),
  view('blocked', ['B'], 'Show who is blocked; x unblocks.'),
  view('allowlist', ['w'], 'Show who may talk to the agent; add or revoke.'),
  view('config', [','], 'Show every configuration value and where it comes from.'),
];
