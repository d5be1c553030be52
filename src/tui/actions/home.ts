/** The chat that a platform's results and notices go to when a target says `home:<platform>`. */
import { isPlatform } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import type { Action } from './action.ts';

/** An id as targets are written: a colon inside it is `%3A`. */
function escaped(id: string): string {
  return id.replaceAll('%', '%25').replaceAll(':', '%3A').replaceAll(',', '%2C');
}

export const HOME: readonly Action[] = [
  {
    id: 'home.set',
    scopes: ['sessions'],
    keys: ['H'],
    label: 'home chat',
    help: 'Make the selected chat the home chat of its platform.',
    hint: 18,
    words: 'home',
    args: '<platform> [chat[:thread]]',
    careful: 'sessions',
    disabled: (context) => (context.target('sessions') === undefined ? 'no session is selected' : undefined),
    run(context, [platform, chat]) {
      if (platform !== undefined) {
        if (!isPlatform(platform)) context.toast(`There is no platform ${clean(platform, 40)}.`, 'warn');
        else context.run({ type: 'home.set', platform, ...(chat === undefined ? {} : { chat }) });
        return;
      }
      const row = context.target('sessions');
      if (row === undefined) {
        context.toast('No session is selected.', 'warn');
        return;
      }
      const { platform: own, chatId, threadId } = row.chat;
      const named = `${escaped(chatId)}${threadId === undefined ? '' : `:${escaped(threadId)}`}`;
      context.ask({
        title: `Make this the home chat of ${own}?`,
        lines: [clean(row.chatName ?? row.senderName, 80), `Results for home:${own} go there.`],
        verb: 'make it home',
        confirmed: () => context.run({ type: 'home.set', platform: own, chat: named }),
      });
    },
  },
];
