/**
 * Inside a transcript: the chats next to it, tool calls, the file it is exported to. Search in everything that was
 * said.
 */

import type { Hit } from '../lists/list.ts';
import { personKey } from '../lists/people.ts';
import { sentenceOf } from '../state/decisions.ts';
import { type Mode, openedList, replaceMode, topMode, withMode } from '../state/view.ts';
import { type Action, type ActionContext, needsRow } from './action.ts';

const FORMATS = ['md', 'json', 'html'] as const;

/** Goes to the chat above or below in the list, and takes the cursor along. */
function beside(context: ActionContext, step: 1 | -1): void {
  const mode = topMode(context.view);
  if (mode?.kind !== 'page') return;
  const rows = context.rows('sessions');
  const index = rows.findIndex((row) => row.id === mode.subject) + step;
  const row = rows[index];
  if (row === undefined || index < 0) {
    context.toast(
      step > 0 ? 'This is the last chat of the list.' : 'This is the first chat of the list.',
      'warn',
    );
    return;
  }
  context.update((view) => {
    const page: Mode = { kind: 'page', page: 'session', subject: row.id, top: undefined };
    return { ...replaceMode(view, page), cursors: { ...view.cursors, sessions: { key: row.id, index } } };
  });
}

function exportTranscript(context: ActionContext): void {
  const mode = topMode(context.view);
  if (mode?.kind !== 'page') return;
  const id = mode.subject;
  const session = context.target('sessions') ?? { id };
  context.prompt({
    title: 'Export the transcript',
    hint: 'A new file on this machine; its ending chooses the format: .md, .json or .html.',
    text: `${id.replaceAll(/[^\w.-]/gu, '_')}.md`,
    submit(text) {
      const path = text.trim();
      const ending = /\.(\w+)$/u.exec(path)?.[1]?.toLowerCase();
      if (path === '') return undefined;
      const format = FORMATS.find((each) => each === ending);
      if (format === undefined)
        return `The name must end with ${FORMATS.map((each) => `.${each}`).join(', ')}.`;
      context.effects.exportTranscript(session, path, format).then(
        (said) => context.toast(said),
        (error: unknown) => context.toast(sentenceOf(error), 'bad'),
      );
      return undefined;
    },
  });
}

/** Messages whose steps are shown. */
const TIMED = 50;

/** The session of the open page, or the selected one. */
function sessionOf(context: ActionContext): string | undefined {
  const mode = topMode(context.view);
  return mode?.kind === 'page' ? mode.subject : context.target('sessions')?.id;
}

export const TRANSCRIPTS: readonly Action[] = [
  {
    id: 'session.timings',
    scopes: ['sessions', 'session', 'timings'],
    keys: ['w'],
    label: 'durations',
    help: 'Show how long each step of the last messages took, as bars; again: reload.',
    hint: 60,
    disabled: (context) => (sessionOf(context) === undefined ? 'no session is selected' : undefined),
    run(context) {
      const id = sessionOf(context);
      if (id === undefined) return;
      context.query('timings', { sessionId: id, limit: TIMED }, (timelines) =>
        context.update((view) => {
          const page: Mode = { kind: 'page', page: 'timings', subject: id, top: 0, timelines };
          const open = topMode(view);
          return open?.kind === 'page' && open.page === 'timings'
            ? replaceMode(view, page)
            : withMode(view, page);
        }),
      );
    },
  },
  {
    id: 'session.previous',
    scopes: ['session'],
    keys: ['['],
    label: 'previous chat',
    help: 'Show the transcript of the previous chat in the list.',
    hint: 18,
    run: (context) => beside(context, -1),
  },
  {
    id: 'session.next',
    scopes: ['session'],
    keys: [']'],
    label: 'next chat',
    help: 'Show the transcript of the next chat in the list.',
    hint: 18,
    run: (context) => beside(context, 1),
  },
  {
    id: 'session.tools',
    scopes: ['session'],
    keys: ['T'],
    label: 'tool calls',
    help: 'Show what tool calls were given and returned, or fold them to one line.',
    hint: 16,
    labelNow: ({ view }) => (view.toolsOpen ? 'fold tool calls' : 'open tool calls'),
    run: (context) => context.update((view) => ({ ...view, toolsOpen: !view.toolsOpen })),
  },
  {
    id: 'session.export',
    scopes: ['session'],
    keys: ['e'],
    label: 'export',
    help: 'Write the whole transcript to a file: Markdown, JSON or HTML.',
    hint: 16,
    run: exportTranscript,
  },
];

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
    disabled: needsRow('hits'),
    run(context) {
      const hit = context.target('hits');
      const mode = context.view.modes.findLast((each) => each.kind === 'list');
      if (hit !== undefined) open(context, hit, mode?.subject ?? '');
    },
  },
];
