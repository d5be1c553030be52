import { defined } from '../../base/defined.ts';
import type { ChatKind, ChatRef, InboundMessage } from '../../gateway/model.ts';
import { originOfCommand, originOfPress, person, type SlackIdentity } from './directory.ts';
import { decodeMrkdwn, type Fields, fieldsOf, listOf, type Names, textOf } from './mrkdwn.ts';
import { channelName, sentAtOf } from './receive.ts';

/** Buttons of ours carry this in front of their `action_id`. */
export const ACTION_PREFIX = 'pi-gateway:';

/**
 * A slash command as a message. `/pi status` and `/status` both become `/status`; a first word that is no command of
 * the gateway makes the text a plain prompt.
 */
export function readSlashCommand(
  body: unknown,
  me: SlackIdentity,
  names: Names,
  known: ReadonlySet<string>,
): InboundMessage | undefined {
  const command = fieldsOf(body);
  const channel = textOf(command, 'channel_id');
  const user = textOf(command, 'user_id');
  const trigger = textOf(command, 'trigger_id');
  if (channel === undefined || user === undefined || trigger === undefined) return undefined;
  const args = decodeMrkdwn(textOf(command, 'text') ?? '', me.userId, me.name, names).trim();
  const name = textOf(command, 'channel_name');
  const kind: ChatKind = channel.startsWith('D') ? 'dm' : 'group';
  return {
    dedupeKey: `slash:${trigger}`,
    chat: { platform: 'slack', accountId: me.teamId, chatId: channel },
    chatKind: kind,
    ...(kind === 'dm' || name === undefined ? {} : { chatName: channelName(name) }),
    sender: person(
      originOfCommand(command),
      user,
      names.user(user) ?? textOf(command, 'user_name') ?? user,
      me,
      names,
    ),
    text: commandText(textOf(command, 'command') ?? '', args, known),
    messageId: `slash:${trigger}`,
    mentioned: true,
  };
}

function commandText(slash: string, args: string, known: ReadonlySet<string>): string {
  const name = slash.replace(/^\//, '');
  if (known.has(name)) return `/${name} ${args}`.trim();
  if (args === '') return '/help';
  const [first = ''] = args.split(/\s/, 1);
  const word = first.replace(/^[/!]/, '');
  return known.has(word) ? `/${word}${args.slice(first.length)}` : args;
}

/** A press of one of our buttons as the message that its command would be; undefined for anything else. */
export function readButton(body: unknown, me: SlackIdentity, names: Names): InboundMessage | undefined {
  const press = fieldsOf(body);
  if (textOf(press, 'type') !== 'block_actions') return undefined;
  const action = listOf(press, 'actions').find(
    (a) => textOf(a, 'action_id')?.startsWith(ACTION_PREFIX) === true,
  );
  const user = fieldsOf(press['user']);
  const container = fieldsOf(press['container']);
  const channel = textOf(container, 'channel_id') ?? textOf(fieldsOf(press['channel']), 'id');
  const userId = textOf(user, 'id');
  const command = action === undefined ? undefined : textOf(action, 'value');
  const at = action === undefined ? undefined : textOf(action, 'action_ts');
  if (channel === undefined || userId === undefined || command === undefined || at === undefined)
    return undefined;
  const kind: ChatKind = channel.startsWith('D') ? 'dm' : 'group';
  const shown = textOf(container, 'message_ts');
  const name = names.user(userId) ?? textOf(user, 'name') ?? textOf(user, 'username') ?? userId;
  return {
    dedupeKey: `button:${channel}:${userId}:${at}`,
    chat: pressedIn(me, channel, press, container, kind),
    chatKind: kind,
    sender: person(originOfPress(press), userId, name, me, names),
    text: command,
    messageId: `button:${at}`,
    ...(shown === undefined ? {} : { replyTo: { messageId: shown, fromBot: true } }),
    mentioned: true,
    ...sentAtOf(at),
  };
}

function pressedIn(
  me: SlackIdentity,
  channel: string,
  press: Fields,
  container: Fields,
  kind: ChatKind,
): ChatRef {
  const shown = fieldsOf(press['message']);
  const thread =
    textOf(container, 'thread_ts') ??
    textOf(shown, 'thread_ts') ??
    (kind === 'group' ? textOf(container, 'message_ts') : undefined);
  return {
    platform: 'slack',
    accountId: me.teamId,
    chatId: channel,
    ...defined({ threadId: thread }),
  };
}
