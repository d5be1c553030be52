import { defined } from '../../base/defined.ts';
import type { Attachment, ReferredMessage } from '../../gateway/model.ts';
import type { SharedMessage } from './attached.ts';
import { type Contents, readContents, subtypeKind } from './contents.ts';
import { type Fields, fieldsOf, textOf } from './fields.ts';
import { readFiles } from './files.ts';
import type { SlackIdentity } from './identity.ts';
import { decodeMrkdwn, type Names, namedMrkdwn } from './mrkdwn.ts';

/** A message of the same chat as another one refers to it: it began the thread, or stands above in it. Pure. */
export function referredOf(message: Fields, me: SlackIdentity, names: Names): ReferredMessage {
  const ts = textOf(message, 'ts');
  const when = ts === undefined ? {} : { messageId: ts, ...sentAtOf(ts) };
  const author = authorOfReferred(message, me, names);
  if (textOf(message, 'subtype') === 'tombstone')
    return { ...when, ...author, text: '[a message that was deleted]' };
  const contents = readContents(message);
  const named = (text: string): string => namedMrkdwn(text, me.userId, me.name, names).trim();
  const forwards = contents.shared.map((each) => {
    const { author: from, text = '' } = forwardedOf(each, me, names);
    return [
      `[forwarded${from === undefined ? '' : ` from ${from}`}] ${text}`,
      ...filesOf(each).notes.map(named),
    ]
      .join('\n')
      .trim();
  });
  const strange = contents.unreadable === undefined ? [] : [`[${contents.unreadable}]`];
  const text = [named(contents.written), named(contents.below), ...forwards, ...strange]
    .filter((part) => part !== '')
    .join('\n');
  const attachments = [
    ...contents.attachments,
    ...contents.shared.flatMap((each) => filesOf(each).attachments),
  ];
  return {
    ...when,
    ...author,
    ...(text === '' ? {} : { text }),
    ...(attachments.length === 0 ? {} : { attachments }),
  };
}

function authorOfReferred(
  message: Fields,
  me: SlackIdentity,
  names: Names,
): Pick<ReferredMessage, 'author' | 'fromBot'> {
  if (isOwn(message, me)) return { fromBot: true };
  const name = authorName(message, names);
  if (name === undefined) return {};
  return { author: writtenByBot(message) ? `${name} (bot)` : name };
}

export function isOwn(message: Fields, me: SlackIdentity): boolean {
  const botId = textOf(message, 'bot_id');
  return textOf(message, 'user') === me.userId || (botId !== undefined && botId === me.botId);
}

interface Said {
  readonly text: string;
  readonly attachments: readonly Attachment[];
  readonly forwardedFrom: ReferredMessage | undefined;
}

/** With a comment the shared message is quoted below it; without one it is what the message says. */
export function saidIn(contents: Contents, me: SlackIdentity, names: Names): Said {
  const written = decodeMrkdwn(contents.written, me.userId, me.name, names);
  const below = namedMrkdwn(contents.below, me.userId, me.name, names);
  const own = [written, below].filter((part) => part.trim() !== '').join('\n');
  const { attachments, shared } = contents;
  const [first, ...more] = shared;
  if (first === undefined) return { text: own, attachments, forwardedFrom: undefined };
  const forwarded = more.length === 0 ? forwardedOf(first, me, names) : severalOf(shared, me, names);
  if (own !== '' || attachments.length > 0) return { text: own, attachments, forwardedFrom: forwarded };
  const { text = '', attachments: files = [], ...origin } = forwarded;
  return { text, attachments: files, forwardedFrom: origin };
}

function forwardedOf(shared: SharedMessage, me: SlackIdentity, names: Names): ReferredMessage {
  const files = filesOf(shared);
  const text = [shared.text, ...files.notes]
    .map((part) => namedMrkdwn(part, me.userId, me.name, names).trim())
    .filter((part) => part !== '')
    .join('\n');
  const own = shared.authorId === me.userId;
  const author = originOf(shared, names);
  return {
    ...(own ? { fromBot: true } : {}),
    ...defined({ author }),
    ...(text === '' ? {} : { text }),
    ...(files.attachments.length === 0 ? {} : { attachments: files.attachments }),
    ...(shared.ts === undefined ? {} : sentAtOf(shared.ts)),
  };
}

/** Several messages in one: each names its author. */
function severalOf(shared: readonly SharedMessage[], me: SlackIdentity, names: Names): ReferredMessage {
  const all = shared.map((each) => forwardedOf(each, me, names));
  const authors = [...new Set(all.map(({ author }) => author).filter((name) => name !== undefined))];
  const attachments = all.flatMap((each) => each.attachments ?? []);
  return {
    ...(authors.length === 0 ? {} : { author: authors.join(', ') }),
    text: all.map(({ author, text = '' }) => (author === undefined ? text : `${author}: ${text}`)).join('\n'),
    ...(attachments.length === 0 ? {} : { attachments }),
  };
}

function filesOf({ files }: SharedMessage): ReturnType<typeof readFiles> {
  return readFiles(files);
}

/** `Bob in #general`, as far as Slack says it. */
function originOf({ author, authorId, channelId, channelName: told }: SharedMessage, names: Names) {
  const name = author ?? (authorId === undefined ? undefined : (names.user(authorId) ?? authorId));
  const channel = told ?? (channelId === undefined ? undefined : names.channel(channelId));
  const place = channel === undefined ? undefined : channelName(channel.replace(/^#/, ''));
  if (name === undefined || place === undefined) return name ?? place;
  return `${name} in ${place}`;
}

/** Group conversations have a made-up name, which is no channel's. */
export function channelName(name: string): string {
  return name.startsWith('mpdm-') ? name : `#${name}`;
}

/** Who wrote it; a huddle or a call counts as its beginner's. */
export function authorOf(message: Fields): string | undefined {
  const beginner = textOf(fieldsOf(message['room']), 'created_by');
  return subtypeKind(textOf(message, 'subtype')) === 'unreadable'
    ? (beginner ?? textOf(message, 'user'))
    : textOf(message, 'user');
}

/** Slack's own assistant, which writes like a person. */
const SLACKBOT = 'USLACKBOT';

/** A webhook writes under any name that it likes, so anyone who is shown a name is told that a bot has it. */
export function writtenByBot(message: Fields): boolean {
  return textOf(message, 'bot_id') !== undefined || authorOf(message) === SLACKBOT;
}

/** The name that people see, as far as it is known; else the id. */
export function authorName(message: Fields, names: Names): string | undefined {
  const user = authorOf(message);
  const profile = fieldsOf(message['user_profile']);
  return (
    (user === undefined ? undefined : names.user(user)) ??
    textOf(profile, 'display_name') ??
    textOf(profile, 'real_name') ??
    textOf(message, 'username') ??
    textOf(fieldsOf(message['bot_profile']), 'name') ??
    user ??
    textOf(message, 'bot_id')
  );
}

export function sentAtOf(ts: string): { sentAt?: number } {
  const seconds = Number(ts);
  return ts !== '' && Number.isFinite(seconds) ? { sentAt: Math.round(seconds * 1000) } : {};
}
