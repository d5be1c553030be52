/** Looking for words in everything that was said, and opening the place. */
import type { Hit } from '../lists/list.ts';
import { personKey } from '../lists/rejected.ts';
import { type Mode, openedList } from '../state/view.ts';
import type { Action, ActionContext } from './action.ts';

function look(context: ActionContext, text: string): void {
  const words = text.trim();
  if (words === '') return;
  context.load('hits', words);
  context.update((view) =>
    openedList({ ...view, modes: [] }, { kind: 'list', list: 'hits', subject: words }),
  );
}

/** What is marked on the page: the words as they were typed when they are there like that, else the longest. */
function marked(words: string, text: string): string {
  if (text.toLowerCase().includes(words.toLowerCase())) return words;
  const longest = (words.match(/[\p{L}\p{N}\p{M}]+/gu) ?? []).sort((a, b) => b.length - a.length)[0];
  return longest ?? words;
}

function open(context: ActionContext, hit: Hit, words: string): void {
  if (hit.kind === 'refusal') {
    const index = context
      .rows('refusals')
      .findIndex(({ messages }) => messages.some(({ id }) => id === hit.id));
    const person = context.rows('refusals')[index];
    if (person === undefined) {
      context.toast('This rejected message is no longer kept.', 'warn');
      return;
    }
    context.update((view) => {
      const opened = openedList(view, { kind: 'list', list: 'refusals' });
      return { ...opened, cursors: { ...opened.cursors, refusals: { key: personKey(person), index } } };
    });
    return;
  }
  const find = marked(words, hit.text);
  const page: Mode =
    hit.kind === 'task'
      ? { kind: 'page', page: 'task', subject: hit.id, top: 0, find }
      : { kind: 'page', page: 'session', subject: hit.id, top: undefined, find, place: hit.at };
  context.open(page);
}

export const SEARCH: readonly Action[] = [
  {
    id: 'search.everywhere',
    scopes: ['global'],
    keys: ['ctrl+f'],
    label: 'search everything',
    help: 'Search all transcripts, tasks and rejected messages.',
    words: 'search',
    args: '<words>',
    run(context, args) {
      if (args.length > 0) look(context, args.join(' '));
      else
        context.prompt({
          title: 'Search everything',
          hint: 'Words that must all occur; the newest places come first.',
          submit(text) {
            look(context, text);
            return undefined;
          },
        });
    },
  },
  {
    id: 'hits.open',
    scopes: ['hits'],
    keys: ['enter'],
    label: 'open',
    help: 'Open the transcript, the task or the rejected message at this place.',
    hint: 10,
    disabled: (context) => (context.target('hits') === undefined ? 'nothing is selected' : undefined),
    run(context) {
      const hit = context.target('hits');
      const mode = context.view.modes.findLast((each) => each.kind === 'list');
      if (hit !== undefined) open(context, hit, (mode?.kind === 'list' ? mode.subject : undefined) ?? '');
    },
  },
];
