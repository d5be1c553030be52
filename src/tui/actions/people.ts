/**
 * People: senders of rejected messages, blocked senders, and everything that is kept about one person, shown and
 * erased.
 */

import { isPlatform, type Platform } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import { personKey } from '../lists/people.ts';
import { type Action, type ActionContext, onRow } from './action.ts';

/** A question has room for so many lines. */
const LINES = 12;

interface Kept {
  readonly goes: readonly string[];
  readonly stays: readonly string[];
}

function keptIn(data: unknown): Kept {
  const { goes, stays }: { goes?: unknown; stays?: unknown } = { ...Object(data) };
  const texts = (value: unknown): string[] =>
    Array.isArray(value) ? value.map((each) => clean(String(each), 100)) : [];
  return { goes: texts(goes), stays: texts(stays) };
}

function cut(lines: readonly string[]): string[] {
  return lines.length <= LINES
    ? [...lines]
    : [...lines.slice(0, LINES - 1), `and ${lines.length - LINES + 1} more; see: person show`];
}

/** The question names what goes; only then it is asked for. */
function askToErase(context: ActionContext, platform: Platform, userId: string): void {
  context.run(
    { type: 'person.show', platform, userId },
    {
      after({ data }) {
        const { goes, stays } = keptIn(data);
        context.ask({
          title: `Erase everything about ${platform} ${clean(userId, 60)}? This cannot be undone.`,
          lines: cut([
            ...goes.map((line) => `- ${line}`),
            ...(stays.length === 0 ? [] : ['Stays:', ...stays.map((line) => `- ${line}`)]),
          ]),
          verb: 'erase',
          confirmed: () => context.run({ type: 'person.erase', platform, userId }),
        });
      },
    },
  );
}

export const PEOPLE: readonly Action[] = [
  {
    id: 'allowlist.erase',
    scopes: ['allowlist'],
    keys: [],
    label: 'erase',
    help: 'Erase everything that is kept about the selected person; the question names what goes.',
    words: 'person erase',
    args: '<platform> <user-id>',
    run(context, [platform, userId]) {
      const row = context.target('allowlist');
      if (platform !== undefined && isPlatform(platform) && userId !== undefined)
        askToErase(context, platform, userId);
      else if (platform === undefined && row !== undefined) askToErase(context, row.platform, row.userId);
      else context.toast('Give a platform and a user id: person erase <platform> <user-id>', 'warn');
    },
  },
  {
    id: 'session.erase',
    scopes: ['sessions'],
    keys: [],
    label: 'erase person',
    help: 'Erase everything that is kept about the person of the selected session; the question names what goes.',
    ...onRow('sessions', (context, row) => askToErase(context, row.chat.platform, row.senderId)),
  },
];

/** What both decisions about the sender of the selected refusal share. */
const ABOUT_SENDER = {
  scopes: ['refusals', 'refusal'],
  careful: 'refusals',
} as const;

/** The question before such a decision, with the sender named. */
function askAbout(verb: string, line: string): NonNullable<Action['confirm']> {
  return (context) => {
    const row = context.target('refusals');
    return row === undefined
      ? undefined
      : {
          title: `${verb.charAt(0).toUpperCase()}${verb.slice(1)} ${clean(row.senderName, 60)} (${row.platform} ${clean(row.senderId, 40)})?`,
          lines: [line],
          verb,
        };
  };
}

export const REJECTED: readonly Action[] = [
  {
    id: 'refusals.open',
    scopes: ['refusals'],
    keys: ['enter'],
    label: 'details',
    help: 'Show what the selected person wrote, and why each message was rejected.',
    hint: 9,
    ...onRow('refusals', (context, row) =>
      context.open({ kind: 'page', page: 'refusal', subject: personKey(row), top: 0 }),
    ),
  },
  {
    id: 'refusals.block',
    ...ABOUT_SENDER,
    keys: ['b'],
    label: 'block sender',
    help: 'Ignore the selected person until you unblock them.',
    hint: 11,
    confirm: askAbout('block', 'The gateway ignores them until you unblock them.'),
    ...onRow('refusals', (context, row) => {
      const { platform, senderId: userId } = row;
      context.run(
        { type: 'block', platform, userId },
        {
          pending: personKey(row),
          undo: { list: 'refusals', command: () => ({ type: 'unblock', platform, userId }) },
        },
      );
    }),
  },
  {
    id: 'blocked.unblock',
    scopes: ['blocked'],
    keys: ['x'],
    label: 'unblock',
    help: 'Stop ignoring the selected sender.',
    hint: 10,
    careful: 'blocked',
    confirm(context) {
      const row = context.target('blocked');
      return row === undefined
        ? undefined
        : {
            title: `Unblock ${row.platform} ${clean(row.userId, 40)}?`,
            lines: ['They can ask for access again.'],
            verb: 'unblock',
          };
    },
    ...onRow('blocked', (context, row) => {
      const { platform, userId } = row;
      context.run(
        { type: 'unblock', platform, userId },
        {
          pending: `${platform} ${userId}`,
          undo: { list: 'blocked', command: () => ({ type: 'block', platform, userId }) },
          after(result) {
            context.toast(result.message);
            context.load('blocked');
          },
        },
      );
    }),
  },
  {
    id: 'refusals.allow',
    ...ABOUT_SENDER,
    keys: ['a'],
    label: 'allow sender',
    help: 'Add the sender of the selected rejected message to the allowlist.',
    hint: 10,
    confirm: askAbout('allow', 'They can talk to the agent at once.'),
    ...onRow('refusals', (context, row) => {
      const { platform, senderId: userId } = row;
      context.run(
        { type: 'allow', platform, userId, note: `was refused: ${row.code}` },
        {
          pending: `${platform} ${userId}`,
          done: () => `${clean(row.senderName, 60)} (${platform} ${clean(userId, 40)}) is on the allowlist`,
          undo: { list: 'refusals', command: () => ({ type: 'revoke', platform, userId }) },
        },
      );
    }),
  },
];
