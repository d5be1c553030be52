/** People: everything that is kept about one of them, shown and erased. */
import { isPlatform, type Platform } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import type { Action, ActionContext } from './action.ts';

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
    disabled: (context) => (context.target('sessions') === undefined ? 'no session is selected' : undefined),
    run(context) {
      const row = context.target('sessions');
      if (row !== undefined) askToErase(context, row.chat.platform, row.senderId);
    },
  },
];
