/** What a message refers to and Discord did not send along: the message it answers, and what stands above it in a thread. */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { ReferredMessage } from '../../gateway/model.ts';
import { type Place, referredOf } from './inbound.ts';
import type { OwnName } from './mentions.ts';
import { DiscordFailure, type DiscordRest } from './rest.ts';
import { isLater } from './seen-marks.ts';
import { type DiscordMessage, type DiscordQuoted, Quoted } from './wire.ts';

const REPLY = 19;
/** The first message of a thread shows the one in the channel that it was begun from. */
const THREAD_STARTER = 21;
const MAX_ABOVE = 30;
/** A message never waits longer for what stands around it. */
const PATIENCE_MS = 5000;

const History = Type.Array(Type.Unknown());

/** The message that was answered; null: it was deleted; undefined: there is none, or it cannot be had. Never rejects. */
export async function quotedBy(
  message: DiscordMessage,
  rest: DiscordRest,
  signal: AbortSignal,
): Promise<DiscordQuoted | null | undefined> {
  if (message.type !== REPLY || message.referenced_message !== undefined) return message.referenced_message;
  const { channel_id: channelId = message.channel_id, message_id: id } = message.message_reference ?? {};
  if (id === undefined) return undefined;
  try {
    const quoted = await rest.call('GET', `/channels/${channelId}/messages/${id}`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    });
    return Value.Check(Quoted, quoted) ? quoted : undefined;
  } catch (error) {
    return error instanceof DiscordFailure && error.kind === 'refused' ? null : undefined;
  }
}

/**
 * What was said in the thread since the bot last spoke there, oldest first: all that it has not had yet. Never rejects.
 */
export async function aboveIn(
  place: Place,
  messageId: string,
  own: OwnName,
  rest: DiscordRest,
  signal: AbortSignal,
): Promise<readonly ReferredMessage[]> {
  const { threadId } = place.chat;
  if (threadId === undefined) return [];
  const query = new URLSearchParams({ before: messageId, limit: String(MAX_ABOVE) });
  try {
    const page = await rest.call('GET', `/channels/${threadId}/messages`, {
      query,
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    });
    const earlier = (Value.Check(History, page) ? page : [])
      .filter((each): each is DiscordQuoted => Value.Check(Quoted, each))
      .filter((each) => isLater(messageId, each.id))
      .toSorted((a, b) => (isLater(a.id, b.id) ? 1 : -1));
    const spoke = earlier.findLastIndex((each) => each.author.id === own.id);
    return earlier
      .slice(spoke + 1)
      .map((each) => (each.type === THREAD_STARTER ? (each.referenced_message ?? each) : each))
      .map((each) => referredOf(each, threadId, own));
  } catch {
    // Best effort: the message itself is what counts.
    return [];
  }
}
