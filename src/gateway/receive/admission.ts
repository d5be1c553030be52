/**
 * May this sender speak? Pure decisions with their reason; the limits on how often; and the same admission for a
 * task of a chat client.
 */
import { createHash } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import { GatewayError } from '../../base/errors.ts';
import { namedBy } from '../chat.ts';
import type { ChatPolicy } from '../config/settings.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import type { ChatRef, InboundMessage, Sender, TaskView } from '../model.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { taskView } from '../tasks/task-record.ts';
import type { Tasks } from '../tasks/tasks.ts';
import type { Conversations } from '../turns/conversations.ts';

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

/** Messages of one sender per window: allowed, refused with one polite notice a window, or refused silently. */
type RateDecision = 'allowed' | 'notice' | 'silent';

interface Window {
  startedAt: number;
  count: number;
  noticed: boolean;
}

export class RateLimiter {
  readonly #maxRequests: number;
  readonly #windowMs: number;
  readonly #windows = new Map<string, Window>();

  constructor(maxRequests: number, windowMs: number) {
    this.#maxRequests = maxRequests;
    this.#windowMs = windowMs;
  }

  /** Counts one message of `key` at `now`. A clock that jumps backwards opens a new window. */
  hit(key: string, now: number): RateDecision {
    const known = this.#windows.get(key);
    if (known === undefined || now >= known.startedAt + this.#windowMs || now < known.startedAt) {
      if (this.#windows.size >= 10_000) this.#sweep(now);
      this.#windows.delete(key);
      this.#windows.set(key, { startedAt: now, count: 1, noticed: false });
      return 'allowed';
    }
    known.count += 1;
    if (known.count <= this.#maxRequests) return 'allowed';
    if (known.noticed) return 'silent';
    known.noticed = true;
    return 'notice';
  }

  /** Forgets windows that are over; insertion order is start order, so it stops at the first live one. */
  #sweep(now: number): void {
    for (const [key, window] of this.#windows) {
      if (now < window.startedAt + this.#windowMs) break;
      this.#windows.delete(key);
    }
  }
}

/** Bot-loop breaker: `limit` messages from one bot in `windowMs` mute the chat for `muteMs`. */
export class LoopBreaker {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #muteMs: number;
  readonly #seen = new Map<string, number[]>();
  readonly #mutedUntil = new Map<string, number>();

  constructor(limit = 20, windowMs = 5 * 60_000, muteMs = 10 * 60_000) {
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#muteMs = muteMs;
  }

  /** Counts a bot's message in a chat; true while the chat is muted. */
  hit(chat: string, bot: string, now: number): boolean {
    const until = this.#mutedUntil.get(chat);
    if (until !== undefined) {
      if (now < until) return true;
      this.#mutedUntil.delete(chat);
    }
    const key = JSON.stringify([chat, bot]);
    const recent = (this.#seen.get(key) ?? []).filter((at) => at > now - this.#windowMs && at <= now);
    recent.push(now);
    if (this.#seen.size > 1000) this.#seen.clear();
    this.#seen.set(key, recent);
    if (recent.length < this.#limit) return false;
    this.#mutedUntil.set(chat, now + this.#muteMs);
    this.#seen.delete(key);
    return true;
  }
}

export interface ClientTaskRequest {
  /** The same id of the same client names the same task. */
  readonly id?: string | undefined;
  readonly command: string;
  readonly sessionId?: string | undefined;
}

interface ClientTasksDeps {
  readonly judge: (message: InboundMessage) => Admission;
  readonly sessions: Sessions;
  readonly conversations: Conversations;
  readonly tasks: Tasks;
}

/** A prompt goes to the session of its client's chat: naming another one is an error, not a way to it. */
export function checkOwnSession(
  conversations: Pick<Conversations, 'sessionOfChat'>,
  chat: ChatRef,
  sender: Sender,
  sessionId: string,
): void {
  if (conversations.sessionOfChat(chat, sender.id)?.id === sessionId) return;
  throw new GatewayError('session_not_found', `you have no open session ${sessionId}`, {
    status: 404,
    hint: 'Leave sessionId out, or use the one of your last response.',
  });
}

/** A chat client starts a task by a frame: the same admission as for a message, and only below its own session. */
export async function startClientTask(
  deps: ClientTasksDeps,
  chat: ChatRef,
  sender: Sender,
  request: ClientTaskRequest,
): Promise<TaskView> {
  const verdict = deps.judge({
    dedupeKey: '',
    chat,
    chatKind: 'dm',
    sender,
    text: request.command,
    messageId: '',
    mentioned: true,
  });
  if (verdict.decision !== 'allow')
    throw new GatewayError('refused', 'you may not start tasks here', {
      status: 403,
      hint: 'Send a prompt first to be paired.',
    });
  const parent =
    request.sessionId === undefined
      ? deps.conversations.sessionOfChat(chat, sender.id)
      : deps.sessions.get(request.sessionId);
  const foreign = parent?.chat.chatId !== chat.chatId || parent.senderId !== sender.id;
  if (request.sessionId !== undefined && foreign)
    throw new GatewayError('session_not_found', `you have no session ${request.sessionId}`, {
      status: 404,
      hint: 'Leave sessionId out to use the one of this chat.',
    });
  const id = request.id === undefined ? undefined : clientTaskId(chat, request.id);
  const known = id === undefined ? undefined : deps.tasks.get(id);
  if (known !== undefined && known.command !== request.command)
    throw new GatewayError('duplicate_id', 'this id was used before: with another task', {
      status: 409,
      hint: 'Give each task an id of its own.',
    });
  if (known !== undefined) return taskView(known);
  const task = await deps.tasks.start({
    id,
    command: request.command,
    parentSessionId: parent?.id ?? null,
    chat,
    senderId: sender.id,
  });
  return taskView(task);
}

/** What a client sends again after a lost answer starts nothing, also after a restart: its id is that of the task. */
function clientTaskId({ chatId }: ChatRef, id: string): string {
  return `bg-${createHash('sha256')
    .update(JSON.stringify([chatId, id]))
    .digest('hex')
    .slice(0, 16)}`;
}
