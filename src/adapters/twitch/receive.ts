import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { DeliveryError, type DeliveryFailure } from '../../base/errors.ts';
import type { InboundMessage, ReferredMessage } from '../../gateway/model.ts';
import { channelName } from './api.ts';

/** One line of the chat server. Tag values are the server's own text: ids stay what they are. */
export interface IrcLine {
  readonly tags: Readonly<Record<string, string>>;
  /** `nick!user@host`, a server name, or empty. */
  readonly prefix: string;
  readonly command: string;
  readonly params: readonly string[];
}

/** What tmi.js's parser makes of a line, before it turns tag values into booleans (a user id "1" into `true`). */
const ParsedLine = Type.Object({
  tags: Type.Record(Type.String(), Type.Unknown()),
  prefix: Type.Union([Type.String(), Type.Null()]),
  command: Type.String(),
  params: Type.Array(Type.String()),
});

export function readLine(parsed: unknown): IrcLine | undefined {
  if (!Value.Check(ParsedLine, parsed)) return undefined;
  const tags: Record<string, string> = Object.create(null);
  // An empty value arrives as `true`.
  for (const [key, value] of Object.entries(parsed.tags))
    tags[key] = typeof value === 'string' ? unescapeTag(value) : '';
  return { tags, prefix: parsed.prefix ?? '', command: parsed.command, params: parsed.params };
}

const ESCAPES: Readonly<Record<string, string>> = { ':': ';', s: ' ', r: '\r', n: '\n', '\\': '\\' };

/** https://ircv3.net/specs/extensions/message-tags#escaping-values */
function unescapeTag(value: string): string {
  return value.replace(/\\(.?)/g, (_, symbol: string) => ESCAPES[symbol] ?? symbol);
}

function nickOf(line: IrcLine): string {
  return (line.prefix.split('!')[0] ?? '').toLowerCase();
}

/** Who the bot is, as the server told at login. */
export interface TwitchIdentity {
  readonly login: string;
  readonly userId: string | undefined;
}

/** Lines of the chat that are messages, and what the agent gets of them. The docs are made of it. */
export const GIVEN = {
  message: 'the text; emotes and cheers are the words that they are typed as',
  '/me': 'the text, without the `/me`',
  reply: 'the text, with the author and the text of what it answers',
  announcement: 'the text',
  'resubscription message': 'the text',
} as const satisfies Readonly<Record<string, string>>;

/** A line `PRIVMSG`, or a `USERNOTICE` in which someone says something, as a message, or why it is none. Pure. */
export function readMessage(
  line: IrcLine,
  me: TwitchIdentity,
  receivedAt: number,
): { readonly message: InboundMessage } | { readonly ignored: string } {
  const { tags } = line;
  const channel = channelName(line.params[0] ?? '');
  const raw = line.params[1];
  if (channel === '' || raw === undefined) return { ignored: 'a message without a channel or a text' };
  const userId = tags['user-id'];
  // A login name changes hands; without the id no one can be recognized.
  if (!userId) return { ignored: 'a message without the id of its sender' };
  // A notice comes from the server and names its author in a tag.
  const login = line.command === 'USERNOTICE' ? tags['login'] : nickOf(line);
  const sentAt = Number(tags['tmi-sent-ts'] || Number.NaN);
  const id = tags['id'] || `${channel}:${userId}:${tags['tmi-sent-ts'] || receivedAt}`;
  const original = tags['source-id'];
  const parent = tags['reply-parent-msg-id'];
  const text = withoutAction(raw);
  const toBot = parent ? isMe(me, tags['reply-parent-user-id'], tags['reply-parent-user-login']) : false;
  const mentioned = toBot || mentions(text, me.login);
  const source = tags['source-room-id'];
  const elsewhere = Boolean(source) && source !== tags['room-id'];
  const isBot = /(?:^|,)bot-badge\//.test(tags['badges'] ?? '');
  return {
    message: {
      dedupeKey: `message:${id}`,
      // In a shared chat every channel gets its own copy of a message.
      ...(original && original !== id ? { alsoKnownAs: [`message:${original}`] } : {}),
      chat: { platform: 'twitch', accountId: 'default', chatId: channel },
      chatKind: 'group',
      chatName: `#${channel}`,
      sender: {
        id: userId,
        name: tags['display-name'] || login || userId,
        ...(isBot ? { isBot } : {}),
        ...(isMe(me, userId, login) ? { isSelf: true } : {}),
      },
      text: withoutAddress(text, me.login),
      messageId: id,
      ...(parent ? { replyTo: { messageId: parent, ...quoted(tags, toBot) } } : {}),
      ...(elsewhere ? { fromElsewhere: true } : {}),
      ...(mentioned ? { pairsHere: true } : {}),
      mentioned,
      ...(Number.isFinite(sentAt) ? { sentAt } : {}),
    },
  };
}

function isMe(me: TwitchIdentity, userId: string | undefined, login: string | undefined): boolean {
  return me.userId !== undefined && userId ? userId === me.userId : login?.toLowerCase() === me.login;
}

function quoted(tags: IrcLine['tags'], fromBot: boolean): ReferredMessage {
  const author = tags['reply-parent-display-name'] || tags['reply-parent-user-login'];
  const text = withoutAction(tags['reply-parent-msg-body'] ?? '');
  return {
    ...(author ? { author } : {}),
    ...(fromBot ? { fromBot } : {}),
    ...(text === '' ? {} : { text }),
  };
}

/** `/me waves` arrives as a CTCP action. */
function withoutAction(text: string): string {
  return /^\u0001ACTION ([^\u0001]*)\u0001?$/.exec(text)?.[1] ?? text;
}

function mentions(text: string, login: string): boolean {
  return new RegExp(`(?:^|[^\\w@])@${login}(?!\\w)`, 'i').test(text);
}

/** `@bot` at the start or the end only addresses the bot; Twitch itself puts it in front of a reply. */
function withoutAddress(text: string, login: string): string {
  return text
    .replace(new RegExp(`^(?:\\s*@${login}(?!\\w)[:,]?\\s*)+`, 'i'), '')
    .replace(new RegExp(`(?:(?:^|\\s+)@${login}\\s*)+$`, 'i'), '');
}

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
