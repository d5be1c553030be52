import type { InboundMessage, ReferredMessage } from '../../gateway/model.ts';
import { type IrcLine, nickOf } from './irc-line.ts';
import { channelName } from './settings.ts';

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
