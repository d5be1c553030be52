import { defined } from '../../base/defined.ts';
import type { RateDecision } from '../access/rate-limit.ts';
import { namedBy } from '../chat.ts';
import type { ChatPolicy } from '../config/settings.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import type { InboundMessage } from '../model.ts';

/** Everything the decision rests on; gathered by the caller so that the decision itself is pure. */
export interface AdmissionFacts {
  readonly message: InboundMessage;
  readonly policy: ChatPolicy;
  readonly allowAll: boolean;
  readonly blocked: boolean;
  readonly allowlisted: boolean;
  /** A control word passes the rate limit of those who may speak: anyone who started something can always stop it. */
  readonly control: boolean;
  /** Asked only when the message got that far: counting is part of asking. */
  readonly rate: () => RateDecision;
  /** The same for a bot's message: is this chat muted by the loop breaker? */
  readonly botMuted: () => boolean;
}

/**
 * What happens to a message and why. `code` is stable, `reason` is a sentence for the operator;
 * `notice` (when present) is the one sentence that the sender is told.
 */
export type Admission =
  | { readonly decision: 'allow' }
  | { readonly decision: 'pair' }
  | { readonly decision: 'ignore'; readonly code: string; readonly reason: string }
  | {
      readonly decision: 'refuse';
      readonly code: string;
      readonly reason: string;
      readonly notice?: ChatText;
    };

const ignore = (code: string, reason: string): Admission => ({ decision: 'ignore', code, reason });
const refuse = (code: string, reason: string, notice?: ChatText): Admission => ({
  decision: 'refuse',
  code,
  reason,
  ...defined({ notice }),
});

/** `/word@bot`: an adapter has taken our own name away. */
const FOR_ANOTHER = /^\s*\/[A-Za-z]\w*@\w/;

/** May this sender speak, here, now? Order matters: cheap and silent answers first. */
export function admit(facts: AdmissionFacts): Admission {
  const { message, policy } = facts;
  if (message.sender.isSelf) return ignore('own_message', 'own message or its echo');
  if (message.sender.isBot && !facts.allowlisted) return ignore('bot', 'the sender is a bot');
  if (facts.blocked) return ignore('blocked', 'the sender is blocked');

  if (message.chatKind === 'dm') {
    if (policy.dmPolicy === 'disabled')
      return refuse('dm_disabled', 'direct messages are disabled (dmPolicy)');
  } else {
    if (policy.groupPolicy === 'disabled')
      return refuse('group_disabled', 'groups are disabled (groupPolicy)');
    if (policy.groupPolicy === 'allowlist' && !policy.groups.includes(message.chat.chatId))
      return refuse('group_not_listed', 'the group is not listed in groups');
    if (!message.mentioned && FOR_ANOTHER.test(message.text))
      return ignore('for_another_bot', 'a command for another bot');
    if (policy.requireMention && !message.mentioned && message.followsUp !== true)
      return ignore('not_mentioned', 'the bot was not mentioned (requireMention)');
    if (message.fromElsewhere)
      return refuse('other_chat', 'written in another channel, which only shares its chat with this one');
  }

  const unknown = unknownSender(facts);
  // Before a new user costs anything: what is beyond the limit is neither paired nor answered.
  const rate = facts.control && unknown === undefined ? 'allowed' : facts.rate();
  if (rate !== 'allowed') {
    const notice = rate === 'notice' && unknown === undefined ? say('access.tooFast') : undefined;
    return refuse('rate_limited', 'too many messages in one window (security.rateLimit)', notice);
  }
  if (unknown !== undefined) return unknown;
  if (message.sender.isBot && facts.botMuted())
    return ignore('bot_loop', 'too many messages from one bot: the chat is muted for ten minutes');
  return { decision: 'allow' };
}

/** Is the sender named by `allowFrom`, by whichever of their ids (WhatsApp: number or LID)? */
export function isListed(
  { allowFrom }: Pick<ChatPolicy, 'allowFrom'>,
  { chat, sender }: Pick<InboundMessage, 'chat' | 'sender'>,
): boolean {
  return namedBy(chat.platform, allowFrom, [sender.id, ...(sender.aliases ?? [])]).length > 0;
}

/** What becomes of a sender who is not on the list; undefined for anyone who may speak. */
function unknownSender({ message, policy, allowlisted, allowAll }: AdmissionFacts): Admission | undefined {
  if (allowlisted || allowAll || isListed(policy, message)) return undefined;
  if (message.chatKind === 'group') {
    // A group is opened as a whole by its own policy; pairing happens in public only where there is nowhere else.
    if (policy.groupPolicy === 'open') return undefined;
    return message.pairsHere === true && message.mentioned && policy.dmPolicy === 'pairing'
      ? { decision: 'pair' }
      : refuse('sender_not_listed', 'the sender is not on the allowlist');
  }
  if (policy.dmPolicy === 'pairing') return { decision: 'pair' };
  if (policy.dmPolicy !== 'allowlist') return undefined;
  return refuse(
    'sender_not_listed',
    'the sender is not on the allowlist (dmPolicy allowlist)',
    say('access.none'),
  );
}
