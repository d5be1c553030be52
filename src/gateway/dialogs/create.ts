import type { Adapter } from '../adapter.ts';
import type { Clock } from '../clock.ts';
import type { Settings } from '../config/settings.ts';
import type { EventStream } from '../events.ts';
import type { Logger } from '../log.ts';
import type { ChatRef, InboundMessage, Platform } from '../model.ts';
import type { Outbox } from '../outbound/outbox.ts';
import type { Database } from '../store/database.ts';
import { Approvals } from './approvals.ts';
import { ChatAnswers } from './chat-answers.ts';
import { chatVoice } from './chat-voice.ts';
import { Dialogs } from './dialogs.ts';

export interface CreateDialogsDeps {
  readonly settings: Settings;
  readonly stores: { readonly security: Database };
  readonly outbox: Outbox;
  readonly adapter: (platform: Platform) => Adapter | undefined;
  readonly egress: (text: string) => string;
  readonly listed: (message: Pick<InboundMessage, 'chat' | 'sender'>) => boolean;
  readonly prefix: (chat: ChatRef) => string;
  readonly events: EventStream;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The questions of agents, and what chats say to them. */
export function createDialogs(deps: CreateDialogsDeps): {
  readonly dialogs: Dialogs;
  readonly answers: ChatAnswers;
} {
  const { settings, stores, outbox, adapter, egress, listed, prefix, events, clock, log } = deps;
  const dialogs = new Dialogs({
    db: stores.security,
    clock,
    events,
    log,
    approvals: new Approvals(() => settings.agent.approvals),
    voice: chatVoice({
      outbox,
      adapter,
      mayApprove: (chat, requester) => listed({ chat, sender: requester }),
      prefix,
    }),
    timeoutMs: () => settings.agent.questionMs,
    egress,
  });
  const answers = new ChatAnswers({
    dialogs,
    buttons: ({ platform }) => adapter(platform)?.capabilities.buttons ?? false,
    mayApprove: listed,
    prefix,
  });
  return { dialogs, answers };
}
