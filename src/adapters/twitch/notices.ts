import { DeliveryError, type DeliveryFailure } from '../../base/errors.ts';

/** What a NOTICE means for the message that was sent before it. https://dev.twitch.tv/docs/irc/msg-id/ */
const FAILURES: Readonly<Record<string, DeliveryFailure>> = {
  msg_ratelimit: 'rate-limited',
  msg_slowmode: 'rate-limited',
  msg_duplicate: 'rate-limited',
  msg_timedout: 'rate-limited',
  msg_banned: 'gone',
  msg_banned_email_alias: 'gone',
  msg_banned_phone_number_alias: 'gone',
  msg_channel_blocked: 'gone',
  msg_channel_suspended: 'gone',
  msg_room_not_found: 'gone',
  msg_suspended: 'gone',
  tos_ban: 'gone',
  msg_bad_characters: 'rejected',
  msg_emoteonly: 'rejected',
  msg_facebook: 'rejected',
  msg_followersonly: 'rejected',
  msg_followersonly_followed: 'rejected',
  msg_followersonly_zero: 'rejected',
  msg_r9k: 'rejected',
  msg_rejected: 'rejected',
  msg_rejected_mandatory: 'rejected',
  msg_requires_verified_phone_number: 'rejected',
  msg_subsonly: 'rejected',
  msg_verified_email: 'rejected',
  no_permission: 'rejected',
  unrecognized_cmd: 'rejected',
};

const HINTS: Readonly<Record<string, string>> = {
  msg_emoteonly: 'The channel is in emote-only mode; a moderator can make the bot a moderator.',
  msg_followersonly: 'The channel is for followers only: let the bot follow it or make the bot a moderator.',
  msg_subsonly: 'The channel is for subscribers only: make the bot a moderator.',
  msg_verified_email: "Verify the email address of the bot's account.",
  msg_requires_verified_phone_number: "Verify the phone number of the bot's account.",
  msg_banned: 'The bot is banned from the channel.',
};

/** The error for a NOTICE, or undefined for one that is not about a message. `windowMs` is the rate window. */
export function deliveryErrorOf(msgId: string, text: string, windowMs: number): DeliveryError | undefined {
  const failure = FAILURES[msgId];
  if (failure === undefined) return undefined;
  const hint = HINTS[msgId];
  const message = `Twitch refused the message (${msgId}): ${text}`;
  if (failure !== 'rate-limited')
    return new DeliveryError(failure, message, hint === undefined ? {} : { hint });
  // "You will be able to talk again in 12 seconds." "You are timed out for 590 more seconds."
  const named = /(\d+)\s*(?:more )?seconds?/.exec(text)?.[1];
  return new DeliveryError(failure, message, {
    retryAfterMs: named === undefined ? windowMs : Number(named) * 1000 + 500,
  });
}

/** Sentences of a refused login; they come as a NOTICE without `msg-id` before the welcome. */
export function loginRefusal(text: string): 'token' | 'name' | undefined {
  if (/Login authentication failed|Login unsuccessful|Error logging in|Improperly formatted auth/i.test(text))
    return 'token';
  return /Invalid NICK/i.test(text) ? 'name' : undefined;
}
