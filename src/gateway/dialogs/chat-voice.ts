import type { Adapter } from '../adapter.ts';
import type { ChatRef, Platform } from '../model.ts';
import type { Outbox } from '../outbound/outbox.ts';
import { tellTurn } from '../outbound/tell-turn.ts';
import type { Dialog } from './dialog.ts';
import type { DialogVoice } from './dialogs.ts';
import { choicesOf, closedNotice, questionText, withButtons } from './wording.ts';

export interface ChatVoiceDeps {
  readonly outbox: Outbox;
  readonly adapter: (platform: Platform) => Adapter | undefined;
  /** May the requester decide about tool calls? */
  readonly mayApprove: (chat: ChatRef, requester: NonNullable<Dialog['requester']>) => boolean;
  readonly prefix: (chat: ChatRef) => string;
}

/** Questions go to their chat through the outbox: durable, in the order of the chat, like everything that is said. */
export function chatVoice({ outbox, adapter, mayApprove, prefix }: ChatVoiceDeps): DialogVoice {
  const post = (dialog: Dialog, chat: ChatRef, parts: ReturnType<Outbox['format']>): Promise<unknown> =>
    outbox.post({ chat, meta: { kind: 'notice', sessionId: dialog.sessionId }, parts });
  return {
    async ask(dialog) {
      const { chat, requester, question } = dialog;
      if (chat === undefined || requester === undefined) return;
      const wording = {
        prefix: prefix(chat),
        buttons: adapter(chat.platform)?.capabilities.buttons ?? false,
        mayApprove: question.kind !== 'approval' || mayApprove(chat, requester),
      };
      const parts = outbox.format(chat, questionText(dialog, wording));
      await post(dialog, chat, wording.buttons ? withButtons(parts, choicesOf(dialog, wording)) : parts);
    },
    tell(dialog, answer) {
      const { chat, requester } = dialog;
      if (chat === undefined || requester === undefined) return;
      // A courtesy: the agent has its answer already.
      post(dialog, chat, outbox.format(chat, closedNotice(dialog, answer))).catch(() => {});
    },
    show({ chat, promptId }, event) {
      if (chat !== undefined) tellTurn(adapter(chat.platform), chat, promptId, event);
    },
  };
}
