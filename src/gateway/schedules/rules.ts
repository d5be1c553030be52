import type { People } from '../access/people.ts';
import type { Settings } from '../config/settings.ts';
import type { Core } from '../core.ts';
import type { ChatRef, InboundMessage, Platform, Sender } from '../model.ts';
import { admit } from '../receive/admission.ts';
import { ORIGIN, type Target } from '../send/target.ts';
import type { Conversations } from '../turns/conversations.ts';
import type { SchedulesDeps } from './deps.ts';
import type { ScheduleRecord } from './schedule-record.ts';

export interface ScheduleRulesDeps extends Pick<Core, 'settings'> {
  readonly people: () => Pick<People, 'idsFor' | 'isAllowed' | 'isBlocked'>;
  /** Is the sender on the allowlist, and not merely let in by an open chat? */
  readonly listed: (message: Pick<InboundMessage, 'chat' | 'sender'>) => boolean;
  readonly conversations: Pick<Conversations, 'sessionOfChat'>;
  readonly chatsFor: (targets: readonly Target[], origin: ChatRef | undefined) => readonly ChatRef[];
}

/** What the rest of the gateway has to say about a run: whose it is, where its result goes, whether it may be. */
export function scheduleRules(deps: ScheduleRulesDeps): Pick<SchedulesDeps, 'mayRun' | 'chats' | 'parent'> {
  const { settings, people, listed, conversations, chatsFor } = deps;
  return {
    mayRun: (schedule) => mayRun(schedule, settings, people(), listed),
    chats({ targets, chat }) {
      // A schedule of the operator that names no chat: its results are in the console.
      if (chat === undefined && targets.every(({ kind }) => kind === 'origin')) return [];
      return chatsFor(targets.length === 0 ? [ORIGIN] : targets, chat);
    },
    parent: ({ chat, senderId }) =>
      chat === undefined || senderId === undefined
        ? null
        : (conversations.sessionOfChat(chat, senderId)?.id ?? null),
  };
}

/** Anyone who could not ask for it now does not get it now: the same admission as for a message of theirs. */
function mayRun(
  { chat, chatKind, senderId, senderName }: ScheduleRecord,
  settings: Settings,
  people: Pick<People, 'idsFor' | 'isAllowed' | 'isBlocked'>,
  listed: ScheduleRulesDeps['listed'],
): boolean {
  if (chat === undefined || senderId === undefined) return true;
  const platform: Platform = chat.platform;
  // They may be listed under another id than the one under which they write.
  const aliases = people.idsFor(platform, senderId);
  const sender: Sender = { id: senderId, aliases, name: senderName ?? senderId };
  const verdict = admit({
    message: {
      dedupeKey: '',
      chat,
      chatKind: chatKind ?? 'dm',
      sender,
      text: '',
      messageId: '',
      mentioned: true,
    },
    policy: settings.chats(platform),
    allowAll: settings.allowAll,
    blocked: people.isBlocked(platform, sender),
    allowlisted: people.isAllowed(platform, sender),
    control: false,
    rate: () => 'allowed',
    botMuted: () => false,
  });
  return verdict.decision === 'allow' && listed({ chat, sender });
}
