import type { ChatRef } from '../../gateway/model.ts';
import { fieldsOf, textOf } from './fields.ts';

export interface Deletion {
  readonly chat: ChatRef;
  readonly messageId: string;
}

/**
 * The message that an `events_api` payload says was deleted; undefined for every other event. One with answers below it
 * is not deleted but changed into a tombstone. Pure.
 */
export function readDeletion(body: unknown, teamId: string): Deletion | undefined {
  const event = fieldsOf(fieldsOf(body)['event']);
  const subtype = textOf(event, 'subtype');
  const channel = textOf(event, 'channel');
  if (textOf(event, 'type') !== 'message' || channel === undefined) return undefined;
  const changed = fieldsOf(event['message']);
  const tombstone = subtype === 'message_changed' && textOf(changed, 'subtype') === 'tombstone';
  if (subtype !== 'message_deleted' && !tombstone) return undefined;
  const before = tombstone ? changed : fieldsOf(event['previous_message']);
  const messageId = textOf(event, 'deleted_ts') ?? textOf(before, 'ts');
  if (messageId === undefined) return undefined;
  const direct = channel.startsWith('D') || textOf(event, 'channel_type') === 'im';
  const threadId = textOf(before, 'thread_ts') ?? (direct ? undefined : messageId);
  return {
    chat: {
      platform: 'slack',
      accountId: teamId,
      chatId: channel,
      ...(threadId === undefined ? {} : { threadId }),
    },
    messageId,
  };
}
