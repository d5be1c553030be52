import type { ReferredMessage } from '../../gateway/model.ts';
import { attachmentsOf } from './attachments.ts';
import { contentText } from './contents.ts';
import { linked } from './entities.ts';
import type { TelegramMessage, TelegramOrigin, TelegramUser } from './wire.ts';

export function nameOf(user: TelegramUser): string {
  const name = [user.first_name, user.last_name]
    .filter((part) => part !== undefined && part !== '')
    .join(' ');
  return name === '' ? (user.username ?? String(user.id)) : name;
}

/** Who wrote a forwarded message first, as far as Telegram says. */
export function originOf(origin: TelegramOrigin, ownId: number): ReferredMessage {
  const chat = origin.sender_chat ?? origin.chat;
  const title = chat?.title ?? chat?.username;
  const name =
    origin.sender_user !== undefined
      ? nameOf(origin.sender_user)
      : (origin.sender_user_name ??
        (title !== undefined && origin.author_signature !== undefined
          ? `${title} (${origin.author_signature})`
          : (title ?? origin.author_signature)));
  return {
    ...(name === undefined ? {} : { author: name }),
    ...(origin.sender_user?.id === ownId ? { fromBot: true } : {}),
    ...(origin.date === undefined ? {} : { sentAt: origin.date * 1000 }),
  };
}

/** The message that this one answers, in this chat or in another; a quote is the part of it that is meant. */
export function repliedTo(
  message: TelegramMessage,
  ownId: number,
): (ReferredMessage & { readonly messageId: string }) | undefined {
  const { quote, reply_to_message: replied, external_reply: external, reply_to_story: story } = message;
  const marked = quote === undefined ? undefined : linked(quote.text, quote.entities ?? []);
  if (external !== undefined) {
    const id = external.message_id ?? 0;
    return {
      messageId: `external-${id}`,
      ...originOf(external.origin, ownId),
      ...contents(marked ?? contentText(external), attachmentsOf(external, id)),
    };
  }
  if (replied !== undefined && replied.forum_topic_created === undefined) {
    const { from, sender_chat: chat, date, message_id: id } = replied;
    const author = chat?.title ?? (from === undefined ? undefined : nameOf(from));
    return {
      messageId: String(id),
      ...(author === undefined ? {} : { author }),
      ...(from?.id === ownId ? { fromBot: true } : {}),
      ...(date === undefined ? {} : { sentAt: date * 1000 }),
      ...contents(marked ?? contentText(replied), attachmentsOf(replied, id)),
    };
  }
  if (story === undefined) return undefined;
  const author = story.chat.title ?? story.chat.username;
  return { messageId: 'story', text: '[story]', ...(author === undefined ? {} : { author }) };
}

function contents(
  text: string,
  attachments: readonly NonNullable<ReferredMessage['attachments']>[number][],
): Pick<ReferredMessage, 'text' | 'attachments'> {
  return {
    ...(text === '' ? {} : { text }),
    ...(attachments.length === 0 ? {} : { attachments }),
  };
}
