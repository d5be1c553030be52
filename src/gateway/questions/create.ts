import type { Core } from '../core.ts';
import { type ChatRef, chatKey, type InboundMessage } from '../model.ts';
import type { Outbox } from '../send/outbox.ts';
import { tellTurn } from '../send/tell-turn.ts';
import { ChatAnswers } from './chat-answers.ts';
import type { Dialog } from './dialog.ts';
import { Approvals } from './dialog.ts';
import { Dialogs, type DialogVoice } from './dialogs.ts';
import { choicesOf, closedNotice, closedText, endLine, questionText, withButtons } from './wording.ts';

interface ChatVoiceDeps extends Pick<Core, 'adapter'> {
  readonly outbox: Outbox;
  /** May the requester decide about tool calls? */
  readonly mayApprove: (chat: ChatRef, requester: NonNullable<Dialog['requester']>) => boolean;
  readonly prefix: (chat: ChatRef) => string;
}

/** Questions go to their chat through the outbox: durable, in the order of the chat, like everything that is said. */
function chatVoice({ outbox, adapter, mayApprove, prefix }: ChatVoiceDeps): DialogVoice {
  const post = (
    dialog: Dialog,
    chat: ChatRef,
    parts: ReturnType<Outbox['format']>,
    id?: string,
  ): Promise<unknown> =>
    outbox.post(
      {
        chat,
        meta: {
          kind: 'notice',
          sessionId: dialog.sessionId,
          ...(id === undefined ? {} : { amendable: true }),
        },
        parts,
      },
      id,
    );
  return {
    async ask(dialog) {
      const { chat, requester, question } = dialog;
      if (chat === undefined || requester === undefined) return;
      const wording = {
        prefix: prefix(chat),
        buttons: adapter(chat.platform)?.capabilities.buttons ?? false,
        mayApprove: question.kind !== 'approval' || mayApprove(chat, requester),
      };
      const parts = outbox.format(chat, questionText(dialog, wording), requester);
      const shown = wording.buttons
        ? withButtons(parts, choicesOf(dialog, wording), outbox, chat, requester)
        : parts;
      await post(dialog, chat, shown, rowOf(dialog.id));
    },
    closed({ id, chat, number, question, requester }, end) {
      if (chat === undefined) return;
      const line = endLine(end);
      outbox.amend(rowOf(id), (last, count) => {
        const whole =
          count === 1 && question !== undefined && number !== undefined
            ? outbox.format(chat, closedText({ question, number }, line), requester)
            : [];
        const [only, ...more] = whole;
        if (only !== undefined && more.length === 0) return only;
        const [said] = outbox.format(chat, line, requester);
        if (said === undefined) return undefined;
        const limit = adapter(chat.platform)?.capabilities.textLimit ?? Number.POSITIVE_INFINITY;
        if (last.text.length + said.text.length + 2 > limit) return said;
        return { text: `${last.text}\n\n${said.text}`, plain: `${last.plain}\n\n${said.plain}` };
      });
    },
    tell(dialog, answer) {
      const { chat, requester } = dialog;
      if (chat === undefined || requester === undefined) return;
      // Best effort: the agent has its answer already.
      post(dialog, chat, outbox.format(chat, closedNotice(dialog, answer), requester)).catch(() => {});
    },
    show({ chat, promptId }, event) {
      if (chat !== undefined) tellTurn(adapter(chat.platform), chat, promptId, event);
    },
  };
}

/** The row of a question, found again when it has ended, even after a restart. */
function rowOf(dialogId: string): string {
  return `question:${dialogId}`;
}

export interface CreateDialogsDeps extends Core {
  readonly outbox: Outbox;
  readonly listed: (message: Pick<InboundMessage, 'chat' | 'sender'>) => boolean;
  readonly prefix: (chat: ChatRef) => string;
}

/** The questions of agents, and what chats say to them. */
export function createDialogs(deps: CreateDialogsDeps): {
  readonly dialogs: Dialogs;
  readonly answers: ChatAnswers;
} {
  const { settings, outbox, adapter, listed, prefix, clock } = deps;
  const dialogs = new Dialogs({
    ...deps,
    approvals: new Approvals(() => settings.agent.approvals),
    voice: chatVoice({
      outbox,
      adapter,
      mayApprove: (chat, requester) => listed({ chat, sender: requester }),
      prefix,
    }),
    timeoutMs: () => settings.agent.questionMs,
  });
  const answers = new ChatAnswers({
    dialogs,
    buttons: ({ platform }) => adapter(platform)?.capabilities.buttons ?? false,
    showsOutcome: (dialog, chat) => {
      const { edit = false, editWindowMs = Number.POSITIVE_INFINITY } =
        adapter(chat.platform)?.capabilities ?? {};
      const here = dialog.chat !== undefined && chatKey(dialog.chat) === chatKey(chat);
      return edit && here && clock() - dialog.createdAt < editWindowMs;
    },
    mayApprove: listed,
    prefix,
  });
  return { dialogs, answers };
}
