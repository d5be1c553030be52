/**
 * The `attachments` of a message: previews of links, cards of apps, and other messages that it shares. Their texts are
 * inbound markup. https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments
 */
import { blocksText, escaped, lines, linkTo } from './blocks.ts';
import { type Fields, fieldsOf, listOf, numberOf, textOf } from './fields.ts';
import { onlyNew } from './same-text.ts';

/** A message of another place that this one shares. */
export interface SharedMessage {
  /** Display name of its author, as Slack sends it along. */
  readonly author: string | undefined;
  readonly authorId: string | undefined;
  readonly channelId: string | undefined;
  readonly channelName: string | undefined;
  readonly ts: string | undefined;
  /** Its text, as inbound markup. */
  readonly text: string;
  readonly files: readonly Fields[];
}

/** "Forward message", "Share message", and the preview of a link to a message. */
export function isShared(attachment: Fields): boolean {
  return (
    attachment['is_share'] === true ||
    attachment['is_msg_unfurl'] === true ||
    listOf(attachment, 'message_blocks').length > 0
  );
}

export function sharedMessage(attachment: Fields): SharedMessage {
  const messages = listOf(attachment, 'message_blocks').map((each) => fieldsOf(each['message']));
  const blocks = messages.flatMap((message) => listOf(message, 'blocks'));
  const files = [...listOf(attachment, 'files'), ...messages.flatMap((message) => listOf(message, 'files'))];
  const known = new Set<unknown>();
  const text = lines([
    onlyNew([textOf(attachment, 'text') ?? '', blocksText([...blocks, ...listOf(attachment, 'blocks')])]),
    cardText({
      ...attachment,
      text: undefined,
      blocks: undefined,
      fallback: undefined,
      author_name: undefined,
    }),
    ...messages.flatMap((message) => listOf(message, 'attachments')).map(cardText),
  ]);
  const ts = attachment['ts'];
  return {
    author: textOf(attachment, 'author_name') ?? textOf(attachment, 'author_subname'),
    authorId: textOf(attachment, 'author_id'),
    channelId: textOf(attachment, 'channel_id'),
    channelName: textOf(attachment, 'channel_name'),
    ts: typeof ts === 'number' ? String(ts) : textOf(attachment, 'ts'),
    // The fallback is a summary of all of it, for clients that show nothing else.
    text: text === '' && files.length === 0 ? (textOf(attachment, 'fallback') ?? '') : text,
    files: files.filter(({ id }) => id === undefined || (!known.has(id) && known.add(id))),
  };
}

/** A preview of a link, or a card of an app. The fallback counts where nothing else says anything. */
export function cardText(attachment: Fields): string {
  const title = textOf(attachment, 'title') ?? '';
  const address = textOf(attachment, 'title_link') ?? textOf(attachment, 'from_url');
  const image = textOf(attachment, 'image_url');
  const text = lines([
    textOf(attachment, 'pretext') ?? '',
    escaped(textOf(attachment, 'author_name') ?? ''),
    title === '' ? '' : address === undefined ? escaped(title) : linkTo(address, title),
    onlyNew([textOf(attachment, 'text') ?? '', blocksText(listOf(attachment, 'blocks'))]),
    ...listOf(attachment, 'fields').map(fieldText),
    ...listOf(attachment, 'actions').map((action) => {
      const label = textOf(action, 'text');
      return label === undefined ? '' : `- ${escaped(label)}`;
    }),
  ]);
  const picture = image === undefined ? '' : linkTo(image, 'image');
  return lines([text, picture]) || (textOf(attachment, 'fallback') ?? '');
}

function fieldText(field: Fields): string {
  const value = textOf(field, 'value') ?? String(numberOf(field, 'value') ?? '');
  return [textOf(field, 'title') ?? '', value].filter((part) => part !== '').join(': ');
}
