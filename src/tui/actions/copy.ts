/** What `y` copies: the id by which the selected thing is known elsewhere. */
import { activeList, topMode } from '../state/view.ts';
import type { ActionContext } from './action.ts';

const SHEET_LIST = {
  adapter: 'adapters',
  session: 'sessions',
  task: 'tasks',
  request: 'pairing',
  question: 'questions',
  line: 'log',
} as const;

export function copyText(context: ActionContext): string | undefined {
  const mode = topMode(context.view);
  if (mode?.kind === 'sheet') {
    if (mode.sheet === 'report') return mode.lines?.join('\n');
    if (mode.sheet === 'invite') return mode.invite?.code;
    if (mode.sheet === 'help' || mode.sheet === 'status' || mode.sheet === 'undo') return undefined;
    return rowId(context, SHEET_LIST[mode.sheet]);
  }
  return rowId(context, activeList(context.view));
}

function rowId(context: ActionContext, list: ReturnType<typeof activeList>): string | undefined {
  switch (list) {
    case 'adapters': {
      const row = context.target('adapters');
      return row?.pairingCode ?? row?.account?.id ?? row?.platform;
    }
    case 'sessions':
      return context.target('sessions')?.id;
    case 'tasks':
      return context.target('tasks')?.id;
    case 'pairing': {
      const row = context.target('pairing');
      return row?.code ?? row?.senderId;
    }
    case 'log':
      return context.target('log')?.text;
    case 'questions':
      return context.target('questions')?.id;
    case 'refusals':
      return context.target('refusals')?.senderId;
    case 'schedules':
      return context.target('schedules')?.id;
    case 'outbox':
      return context.target('outbox')?.text ?? context.target('outbox')?.id;
    case 'allowlist':
      return context.target('allowlist')?.userId;
    case 'config':
      return context.target('config')?.key;
    case 'queue':
      return context.target('queue')?.messageId;
  }
}
