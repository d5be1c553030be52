import { defined } from '../../base/defined.ts';
import type {
  Attachment,
  ChatKind,
  ChatRef,
  InboundMessage,
  ReferredMessage,
  Sender,
} from '../../gateway/model.ts';
import type { SharedMessage } from './blocks.ts';
import { type Contents, readContents, readFiles, subtypeKind, UNREADABLE, writtenText } from './contents.ts';
import { channelName, originOfMessage, person, type SlackIdentity, sentAtOf } from './directory.ts';
import {
  decodeMrkdwn,
  type Fields,
  fieldsOf,
  idsIn,
  mentions,
  type Names,
  namedMrkdwn,
  textOf,
} from './mrkdwn.ts';

/** What an event means for the gateway. */
export type Reading =
  | { readonly message: InboundMessage }
  /** Nothing to hand in; acknowledged anyway. */
  | { readonly ignored: string }
  /** The app was removed or its tokens were revoked. */
  | { readonly revoked: string };

/** What the event itself does not say of the thread that a message answers in. */
export interface Around {
  /** The bot was called into this thread before: the agent knows how it began. */
  readonly known: boolean;
  /** The first message of the thread. */
  readonly parent?: ReferredMessage;
  /** What else stands above, oldest first, as far as the agent does not have it. */
  readonly above?: readonly ReferredMessage[];
}

/** An `events_api` payload. Pure: names are looked up, not fetched. */
export function readEvent(body: unknown, me: SlackIdentity, names: Names, around?: Around): Reading {
  const payload = fieldsOf(body);
  const event = fieldsOf(payload['event']);
  const type = textOf(event, 'type');
  if (type === 'app_uninstalled') return { revoked: 'the app was removed from the workspace' };
  if (type === 'tokens_revoked') return revocation(event, me);
  if (type !== 'message' && type !== 'app_mention') return { ignored: `event ${type ?? 'without a type'}` };
  if (textOf(event, 'subtype') === 'message_changed') {
    const message = fieldsOf(event['message']);
    // Slack also reports its own link previews this way, and the edits of our own drafts.
    if (writtenText(message) === writtenText(fieldsOf(event['previous_message'])))
      return { ignored: 'edit without a new text' };
    if (subtypeKind(textOf(message, 'subtype')) !== 'written') return { ignored: 'edit of a notice' };
    return asEdit(readMessage({ payload, event, message, me, names, around }), event, message);
  }
  const reading = readMessage({ payload, event, message: event, me, names, around });
  // An edit that adds a mention comes as a mention as well.
  const edited = type === 'app_mention' && 'ts' in fieldsOf(event['edited']);
  return edited ? asEdit(reading, event, event) : reading;
}

/** What of an event was written: an edit has it inside. */
export function messageOfEvent(body: unknown): Fields {
  const event = fieldsOf(fieldsOf(body)['event']);
  return textOf(event, 'subtype') === 'message_changed' ? fieldsOf(event['message']) : event;
}

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
function saidIn(contents: Contents, me: SlackIdentity, names: Names): Said {
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

/** Who wrote it; a huddle or a call counts as its beginner's. */
function authorOf(message: Fields): string | undefined {
  const beginner = textOf(fieldsOf(message['room']), 'created_by');
  return subtypeKind(textOf(message, 'subtype')) === 'unreadable'
    ? (beginner ?? textOf(message, 'user'))
    : textOf(message, 'user');
}

/** Slack's own assistant, which writes like a person. */
const SLACKBOT = 'USLACKBOT';

/** A webhook writes under any name that it likes, so anyone who is shown a name is told that a bot has it. */
function writtenByBot(message: Fields): boolean {
  return textOf(message, 'bot_id') !== undefined || authorOf(message) === SLACKBOT;
}

/** The name that people see, as far as it is known; else the id. */
function authorName(message: Fields, names: Names): string | undefined {
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

/** The ids whose names a message would use, its author's first. */
export function namesWanted(
  message: Fields,
  channel: string | undefined,
): { readonly users: readonly string[]; readonly channels: readonly string[] } {
  const { written, below, shared } = readContents(message);
  const ids = idsIn([written, below, ...shared.map(({ text }) => text)].join('\n'));
  const known = (id: string | undefined): readonly string[] => (id === undefined ? [] : [id]);
  return {
    users: [...known(authorOf(message)), ...known(textOf(message, 'parent_user_id')), ...ids.users],
    channels: [
      ...(channel?.startsWith('D') === true ? [] : known(channel)),
      ...shared.flatMap(({ channelId, channelName }) =>
        channelName === undefined && channelId?.startsWith('D') !== true ? known(channelId) : [],
      ),
      ...ids.channels,
    ],
  };
}

/** The chat of an event, known before anything else is: the queues go by it. */
export function chatOfEvent(body: unknown, me: SlackIdentity): ChatRef {
  const event = fieldsOf(fieldsOf(body)['event']);
  return chatOf(me, textOf(event, 'channel') ?? '', kindOf(event), messageOfEvent(body));
}

/** One edit has one identity, under whichever event it comes. */
function asEdit(reading: Reading, event: Fields, message: Fields): Reading {
  if (!('message' in reading)) return reading;
  const editedAt = textOf(fieldsOf(message['edited']), 'ts') ?? textOf(event, 'event_ts') ?? '';
  const { chat, messageId } = reading.message;
  return {
    message: {
      ...reading.message,
      alsoKnownAs: [`edit:${chat.chatId}:${messageId}:${editedAt}`],
      edited: true,
      ...sentAtOf(editedAt),
    },
  };
}

interface Source {
  readonly payload: Fields;
  /** Tells the channel. */
  readonly event: Fields;
  /** What was written: another object than the event for edits. */
  readonly message: Fields;
  readonly me: SlackIdentity;
  readonly names: Names;
  readonly around: Around | undefined;
}

function readMessage({ payload, event, message, me, names, around }: Source): Reading {
  const subtype = textOf(message, 'subtype');
  const kind = kindOf(event);
  const what = subtypeKind(subtype);
  // What no one wrote is told to no one, except to a person who is alone with the bot.
  if (what === 'notice' || (what !== 'written' && kind === 'group'))
    return { ignored: `message of type ${subtype}` };
  const channel = textOf(event, 'channel');
  const ts = textOf(message, 'ts');
  const eventId = textOf(payload, 'event_id');
  const sender = senderOf(payload, message, me, names);
  if (channel === undefined || ts === undefined || eventId === undefined || sender === undefined)
    return { ignored: 'message without channel, time, id or sender' };
  if (sender.isSelf === true) return { ignored: 'own message' };
  const contents = readContents(message);
  const chatName = kind === 'group' ? names.channel(channel) : undefined;
  const said = saidIn(contents, me, names);
  const empty = said.text === '' && said.attachments.length === 0 && said.forwardedFrom === undefined;
  // A bare mention is no message that cannot be read: it gets a greeting.
  const strange = empty && contents.written === '' ? UNREADABLE['anything else'] : undefined;
  const unreadable = contents.unreadable ?? strange;
  return {
    message: {
      dedupeKey: `event:${eventId}`,
      alsoKnownAs: [`message:${channel}:${ts}`],
      chat: chatOf(me, channel, kind, message),
      chatKind: kind,
      ...(chatName === undefined ? {} : { chatName: channelName(chatName) }),
      sender,
      text: said.text,
      messageId: ts,
      mentioned:
        kind === 'dm' ||
        textOf(event, 'type') === 'app_mention' ||
        mentions(contents.written, me.userId) ||
        textOf(message, 'parent_user_id') === me.userId,
      ...replyOf(message, me, names, around),
      ...defined({ forwardedFrom: said.forwardedFrom }),
      ...((around?.above ?? []).length === 0 ? {} : { above: around?.above ?? [] }),
      ...(contents.voice ? { voice: true } : {}),
      ...defined({ unreadable, language: names.locale?.(sender.id) }),
      ...(said.attachments.length === 0 ? {} : { attachments: said.attachments }),
      ...sentAtOf(ts),
    },
  };
}

/** What the message answers. In a thread that the agent knows, that is nothing but the thread itself. */
function replyOf(
  message: Fields,
  me: SlackIdentity,
  names: Names,
  around: Around | undefined,
): Pick<InboundMessage, 'replyTo'> {
  const threadTs = textOf(message, 'thread_ts');
  if (threadTs === undefined || threadTs === textOf(message, 'ts')) return {};
  if (around?.parent !== undefined) return { replyTo: { ...around.parent, messageId: threadTs } };
  if (around?.known === true) return {};
  const root = fieldsOf(message['root']);
  if (textOf(root, 'ts') === threadTs)
    return { replyTo: { ...referredOf(root, me, names), messageId: threadTs } };
  const parent = textOf(message, 'parent_user_id');
  if (parent === me.userId) return { replyTo: { messageId: threadTs, fromBot: true } };
  const author = parent === undefined ? undefined : (names.user(parent) ?? parent);
  return { replyTo: { messageId: threadTs, ...defined({ author }) } };
}

/**
 * A message in a channel is the root of its own thread, where the answer goes. In a direct conversation only real
 * threads are kept apart.
 */
function chatOf(me: SlackIdentity, channel: string, kind: ChatKind, message: Fields): ChatRef {
  const thread = textOf(message, 'thread_ts') ?? (kind === 'group' ? textOf(message, 'ts') : undefined);
  return {
    platform: 'slack',
    accountId: me.teamId,
    chatId: channel,
    ...defined({ threadId: thread }),
  };
}

/** `app_mention` events lack `channel_type`; ids of direct conversations begin with D. */
function kindOf(event: Fields): ChatKind {
  const type = textOf(event, 'channel_type');
  if (type === 'im' || type === 'app_home') return 'dm';
  return type === undefined && textOf(event, 'channel')?.startsWith('D') === true ? 'dm' : 'group';
}

function senderOf(payload: Fields, message: Fields, me: SlackIdentity, names: Names): Sender | undefined {
  const user = authorOf(message);
  const botId = textOf(message, 'bot_id');
  const id = user ?? botId;
  if (id === undefined) return undefined;
  return {
    ...person(originOfMessage(payload, message, me), id, authorName(message, names) ?? id, me, names),
    ...(writtenByBot(message) ? { isBot: true } : {}),
    ...(isOwn(message, me) ? { isSelf: true } : {}),
  };
}

/** `tokens_revoked` names users; only the bot's own token concerns us. */
function revocation(event: Fields, me: SlackIdentity): Reading {
  const bots: unknown = fieldsOf(event['tokens'])['bot'];
  const ours = Array.isArray(bots) && bots.includes(me.userId);
  return ours ? { revoked: 'the bot token was revoked' } : { ignored: "another user's token was revoked" };
}
