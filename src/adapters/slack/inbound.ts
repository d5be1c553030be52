import type { Attachment, ChatKind, ChatRef, InboundMessage, Sender } from '../../gateway/model.ts';
import { type Fields, fieldsOf, listOf, textOf } from './fields.ts';
import { attachmentOf } from './files.ts';
import { decodeMrkdwn, mentions, type Names } from './mrkdwn.ts';

/** Who the bot is, from `auth.test`. */
export interface SlackIdentity {
  readonly teamId: string;
  readonly teamName: string;
  readonly userId: string;
  readonly botId: string | undefined;
  readonly name: string;
}

/** What an event means for the gateway. */
export type Reading =
  | { readonly message: InboundMessage }
  /** Nothing to hand in; acknowledged all the same. */
  | { readonly ignored: string }
  /** The app was removed or its tokens were revoked. */
  | { readonly revoked: string };

/** Message subtypes that a person (or another bot) wrote; every other subtype is a notice of Slack's. */
const WRITTEN = new Set(['file_share', 'thread_broadcast', 'me_message', 'bot_message']);

/** An `events_api` payload. Pure: names are looked up, not fetched. */
export function readEvent(body: unknown, me: SlackIdentity, names: Names): Reading {
  const payload = fieldsOf(body);
  const event = fieldsOf(payload['event']);
  const type = textOf(event, 'type');
  if (type === 'app_uninstalled') return { revoked: 'the app was removed from the workspace' };
  if (type === 'tokens_revoked') return revocation(event, me);
  if (type !== 'message' && type !== 'app_mention') return { ignored: `event ${type ?? 'without a type'}` };
  if (textOf(event, 'subtype') === 'message_changed') return readEdit(payload, event, me, names);
  return readMessage(payload, event, event, me, names);
}

/** The ids whose names `readEvent` would use. */
export function namesWanted(body: unknown): {
  readonly user?: string;
  readonly channel?: string;
  readonly text: string;
} {
  const event = fieldsOf(fieldsOf(body)['event']);
  const inner = textOf(event, 'subtype') === 'message_changed' ? fieldsOf(event['message']) : event;
  const user = textOf(inner, 'user');
  const channel = textOf(event, 'channel');
  return {
    ...(user === undefined ? {} : { user }),
    ...(channel === undefined || channel.startsWith('D') ? {} : { channel }),
    text: textOf(inner, 'text') ?? '',
  };
}

/** The chat of an event, known before anything else is: lanes are kept by it. */
export function chatOfEvent(body: unknown, me: SlackIdentity): ChatRef {
  const event = fieldsOf(fieldsOf(body)['event']);
  const inner = textOf(event, 'subtype') === 'message_changed' ? fieldsOf(event['message']) : event;
  return chatOf(me, textOf(event, 'channel') ?? '', kindOf(event), inner);
}

function readEdit(payload: Fields, event: Fields, me: SlackIdentity, names: Names): Reading {
  const message = fieldsOf(event['message']);
  const before = fieldsOf(event['previous_message']);
  // Slack also reports its own link previews this way, and the edits of our own drafts.
  if (textOf(message, 'text') === textOf(before, 'text')) return { ignored: 'edit without a new text' };
  const reading = readMessage(payload, event, message, me, names);
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

/** `event` tells the channel, `message` what was written: they differ for edits. */
function readMessage(
  payload: Fields,
  event: Fields,
  message: Fields,
  me: SlackIdentity,
  names: Names,
): Reading {
  const subtype = textOf(message, 'subtype');
  if (subtype !== undefined && !WRITTEN.has(subtype)) return { ignored: `message of type ${subtype}` };
  const channel = textOf(event, 'channel');
  const ts = textOf(message, 'ts');
  const eventId = textOf(payload, 'event_id');
  const sender = senderOf(payload, message, me, names);
  if (channel === undefined || ts === undefined || eventId === undefined || sender === undefined)
    return { ignored: 'message without channel, time, id or sender' };
  if (sender.isSelf === true) return { ignored: 'our own message' };
  const kind = kindOf(event);
  const raw = textOf(message, 'text') ?? sharedText(message);
  const threadTs = textOf(message, 'thread_ts');
  const chatName = kind === 'group' ? names.channel(channel) : undefined;
  const attachments = listOf(message, 'files')
    .map(attachmentOf)
    .filter((attachment): attachment is Attachment => attachment !== undefined);
  return {
    message: {
      dedupeKey: `event:${eventId}`,
      alsoKnownAs: [`message:${channel}:${ts}`],
      chat: chatOf(me, channel, kind, message),
      chatKind: kind,
      ...(chatName === undefined ? {} : { chatName: `#${chatName}` }),
      sender,
      text: decodeMrkdwn(raw, me.userId, me.name, names),
      messageId: ts,
      mentioned:
        kind === 'dm' ||
        textOf(event, 'type') === 'app_mention' ||
        mentions(raw, me.userId) ||
        textOf(message, 'parent_user_id') === me.userId,
      ...(threadTs === undefined || threadTs === ts ? {} : { replyTo: { messageId: threadTs } }),
      ...(attachments.length === 0 ? {} : { attachments }),
      ...sentAtOf(ts),
    },
  };
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
    ...(thread === undefined ? {} : { threadId: thread }),
  };
}

/** `app_mention` events lack `channel_type`; ids of direct conversations begin with D. */
function kindOf(event: Fields): ChatKind {
  const type = textOf(event, 'channel_type');
  if (type !== undefined) return type === 'im' ? 'dm' : 'group';
  return textOf(event, 'channel')?.startsWith('D') === true ? 'dm' : 'group';
}

function senderOf(payload: Fields, message: Fields, me: SlackIdentity, names: Names): Sender | undefined {
  const user = textOf(message, 'user');
  const botId = textOf(message, 'bot_id');
  const id = user ?? botId;
  if (id === undefined) return undefined;
  const team =
    textOf(message, 'user_team') ??
    textOf(message, 'source_team') ??
    textOf(message, 'team') ??
    textOf(payload, 'team_id') ??
    me.teamId;
  const isSelf = user === me.userId || (botId !== undefined && botId === me.botId);
  const name =
    (user === undefined ? undefined : names.user(user)) ??
    textOf(message, 'username') ??
    textOf(fieldsOf(message['bot_profile']), 'name') ??
    id;
  return {
    ...person(team, id, name, me),
    ...(botId === undefined ? {} : { isBot: true }),
    ...(isSelf ? { isSelf } : {}),
  };
}

/** The stable id is team and user. People of the bot's own team are also known by the member id Slack shows them. */
export function person(team: string, id: string, name: string, me: SlackIdentity): Sender {
  return { id: `${team}:${id}`, ...(team === me.teamId ? { aliases: [id] } : {}), name };
}

/** A message that only forwards another one carries its text in the old attachments. */
function sharedText(message: Fields): string {
  return listOf(message, 'attachments')
    .map((attachment) => textOf(attachment, 'text') ?? textOf(attachment, 'fallback') ?? '')
    .filter((text) => text !== '')
    .join('\n');
}

export function sentAtOf(ts: string): { sentAt?: number } {
  const seconds = Number(ts);
  return ts !== '' && Number.isFinite(seconds) ? { sentAt: Math.round(seconds * 1000) } : {};
}

/** `tokens_revoked` names users; only the bot's own token concerns us. */
function revocation(event: Fields, me: SlackIdentity): Reading {
  const bots: unknown = fieldsOf(event['tokens'])['bot'];
  const ours = Array.isArray(bots) && bots.includes(me.userId);
  return ours ? { revoked: 'the bot token was revoked' } : { ignored: "another user's token was revoked" };
}
