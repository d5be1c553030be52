import { DeliveryError, messageOf } from '../../gateway/errors.ts';
import { DiscordFailure } from './rest.ts';

/** Discord's codes for chats that take no message (any more). */
const GONE = new Set([
  10003, // unknown channel
  10004, // unknown guild
  10013, // unknown user
  40001, // unauthorised for this action
  50001, // missing access
  50007, // cannot send messages to this user
  50008, // cannot send messages in a non-text channel
  50013, // missing permissions
  160005, // the thread is locked
  50278, // no mutual servers with this user
]);
const SLOW_MODE = 20016;
const UNKNOWN_MESSAGE = 10008;

/** Slow mode and 429 answers without a wait: a safe guess. */
const DEFAULT_RETRY_MS = 5000;

/** What a failed call means for a message that was to be delivered. */
export function deliveryError(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  if (!(error instanceof DiscordFailure)) return new DeliveryError('unknown', messageOf(error));
  const { kind, code, message } = error;
  if (kind === 'unsent') return new DeliveryError('unreachable', message);
  if (kind === 'rate-limited' || code === SLOW_MODE)
    return new DeliveryError('rate-limited', message, {
      retryAfterMs: error.retryAfterMs ?? DEFAULT_RETRY_MS,
    });
  if (kind !== 'refused') return new DeliveryError('unknown', message);
  if (error.unauthorised)
    return new DeliveryError('unreachable', message, { hint: 'Check platforms.discord.botToken.' });
  if (code !== undefined && GONE.has(code)) return new DeliveryError('gone', message);
  return new DeliveryError('rejected', message);
}

/** The message is not there any more: what a delete wanted. */
export function isAlreadyDeleted(error: unknown): boolean {
  return error instanceof DiscordFailure && error.code === UNKNOWN_MESSAGE;
}
