/** People whose messages were rejected, and those who are blocked. */
import { clean } from '../draw/cells.ts';
import { personKey } from '../lists/rejected.ts';
import type { Action } from './action.ts';

export const REJECTED: readonly Action[] = [
  {
    id: 'refusals.open',
    scopes: ['refusals'],
    keys: ['enter'],
    label: 'details',
    help: 'Show what the selected person wrote, and why each message was rejected.',
    hint: 9,
    disabled: (context) => (context.target('refusals') === undefined ? 'no message was rejected' : undefined),
    run(context) {
      const row = context.target('refusals');
      if (row !== undefined)
        context.open({ kind: 'sheet', sheet: 'refusal', subject: personKey(row), top: 0 });
    },
  },
  {
    id: 'refusals.block',
    scopes: ['refusals', 'refusal'],
    keys: ['b'],
    label: 'block sender',
    help: 'Ignore the selected person until you unblock them.',
    hint: 11,
    careful: 'refusals',
    confirm: (context) => {
      const row = context.target('refusals');
      return row === undefined
        ? undefined
        : {
            title: `Block ${clean(row.senderName, 60)} (${row.platform} ${clean(row.senderId, 40)})?`,
            lines: ['The gateway ignores them until you unblock them.'],
            verb: 'block',
          };
    },
    disabled: (context) => (context.target('refusals') === undefined ? 'no message was rejected' : undefined),
    run(context) {
      const row = context.target('refusals');
      if (row === undefined) return;
      const { platform, senderId: userId } = row;
      context.run(
        { type: 'block', platform, userId },
        {
          pending: personKey(row),
          undo: { list: 'refusals', command: () => ({ type: 'unblock', platform, userId }) },
        },
      );
    },
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
    disabled: (context) => (context.target('blocked') === undefined ? 'no one is blocked' : undefined),
    run(context) {
      const row = context.target('blocked');
      if (row === undefined) return;
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
    },
  },
  {
    id: 'refusals.allow',
    scopes: ['refusals', 'refusal'],
    keys: ['a'],
    label: 'allow sender',
    help: 'Put the sender of the selected refusal on the allowlist.',
    hint: 10,
    careful: 'refusals',
    confirm(context) {
      const row = context.target('refusals');
      return row === undefined
        ? undefined
        : {
            title: `Allow ${clean(row.senderName, 60)} (${row.platform} ${clean(row.senderId, 40)})?`,
            lines: ['They can talk to the agent at once.'],
            verb: 'allow',
          };
    },
    disabled: (context) => (context.target('refusals') === undefined ? 'no message was rejected' : undefined),
    run(context) {
      const row = context.target('refusals');
      if (row === undefined) return;
      const { platform, senderId: userId } = row;
      context.run(
        { type: 'allow', platform, userId, note: `was refused: ${row.code}` },
        {
          pending: `${platform} ${userId}`,
          done: () => `${clean(row.senderName, 60)} (${platform} ${clean(userId, 40)}) is on the allowlist`,
          undo: { list: 'refusals', command: () => ({ type: 'revoke', platform, userId }) },
        },
      );
    },
  },
];
