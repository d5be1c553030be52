/**
 * Blocks, and the `attachments` of a message (previews of links, cards of apps, other messages that it shares), as the
 * text that a message with them has: Slack's own inbound markup (`<@U1>`, `<https://…|word>`, escaped `& < >`), so that
 * names and mentions are resolved in one place. https://docs.slack.dev/reference/block-kit/blocks and
 * https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments
 */

import { decodeEntities, type Fields, fieldsOf, listOf, numberOf, onlyNew, textOf } from './mrkdwn.ts';

/** Blocks within blocks, and unknown things within unknown things. */
const MAX_DEPTH = 8;

/** The texts of blocks, a line for each; empty where they have none. */
export function blocksText(blocks: readonly Fields[], depth = 0): string {
  if (depth > MAX_DEPTH) return '';
  return lines(blocks.map((block) => blockText(block, depth)));
}

/** Plain text as inbound markup. Text that is escaped already stays unchanged. */
export function escaped(text: string): string {
  return decodeEntities(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** A link as inbound markup; with `label` as its words. */
export function linkTo(address: string, label = ''): string {
  const url = decodeEntities(address);
  // Only addresses with a scheme are links in the markup.
  if (!/^[a-z][a-z0-9+.-]*:/i.test(url)) return escaped([label, url].filter((part) => part !== '').join(' '));
  const target = url.replaceAll('<', '%3C').replaceAll('>', '%3E').replaceAll('|', '%7C');
  const words = escaped(label);
  return `<${target.replaceAll('&', '&amp;')}${words === '' ? '' : `|${words}`}>`;
}

/** Parts that say something, each on lines of its own. */
export function lines(parts: readonly string[]): string {
  return parts
    .map((part) => part.trimEnd())
    .filter((part) => part.trim() !== '')
    .join('\n');
}

function blockText(block: Fields, depth: number): string {
  switch (textOf(block, 'type')) {
    case 'rich_text':
      return lines(listOf(block, 'elements').map((element) => richText(element, depth)));
    case 'section':
      return lines([objectText(block['text']), ...listOf(block, 'fields').map(objectText)]);
    case 'header':
      return objectText(block['text']);
    case 'markdown':
      return escaped(textOf(block, 'text') ?? '');
    case 'context':
      return listOf(block, 'elements')
        .map((element) => (textOf(element, 'type') === 'image' ? '' : objectText(element)))
        .filter((text) => text !== '')
        .join(' ');
    case 'image':
      return imageText(block);
    case 'video':
      return lines([
        linkTo(
          textOf(block, 'title_url') ?? textOf(block, 'video_url') ?? '',
          textOf(fieldsOf(block['title']), 'text') ?? textOf(block, 'alt_text') ?? '',
        ),
        objectText(block['description']),
      ]);
    case 'table':
      return tableText(block['rows'], depth);
    case 'actions':
      return lines(listOf(block, 'elements').map(actionText));
    case 'input':
      return lines([objectText(block['label']), actionText(fieldsOf(block['element']))]);
    case 'divider':
    case 'call':
    case 'file':
      return '';
    default:
      return unknownText(block, depth);
  }
}

function imageText(block: Fields): string {
  const what = [textOf(fieldsOf(block['title']), 'text') ?? '', textOf(block, 'alt_text') ?? ''];
  const label = what.find((part) => part !== '') ?? 'image';
  const address = textOf(block, 'image_url') ?? textOf(fieldsOf(block['slack_file']), 'url');
  return address === undefined ? escaped(`[image ${label}]`) : linkTo(address, label);
}

/** Buttons and choices by what stands on them. */
function actionText(element: Fields): string {
  const label = objectText(element['text']);
  if (label !== '') {
    const address = textOf(element, 'url');
    return `- ${address === undefined ? label : linkTo(address, label)}`;
  }
  return lines(listOf(element, 'options').map((option) => `- ${objectText(option['text'])}`));
}

/** A row on each line. */
function tableText(rows: unknown, depth: number): string {
  if (!Array.isArray(rows)) return '';
  return lines(
    rows.map((row: unknown) =>
      Array.isArray(row)
        ? row
            .map((cell: unknown) => {
              const fields = fieldsOf(cell);
              return textOf(fields, 'type') === 'rich_text'
                ? blockText(fields, depth + 1)
                : objectText(fields);
            })
            .join(' | ')
        : '',
    ),
  );
}

/** A text object: only `mrkdwn` holds markup. */
function objectText(value: unknown): string {
  const object = fieldsOf(value);
  const text = textOf(object, 'text') ?? '';
  return textOf(object, 'type') === 'mrkdwn' ? text : escaped(text);
}

/** Slack adds kinds of blocks several times a year: whatever texts stand in one are its text. */
function unknownText(value: Fields, depth: number): string {
  if (depth > MAX_DEPTH) return '';
  if (textOf(value, 'text') !== undefined) return objectText(value);
  return lines(
    Object.values(value).map((inner) => {
      if (!Array.isArray(inner)) return innerText(fieldsOf(inner), depth + 1);
      return lines(inner.map((each) => innerText(fieldsOf(each), depth + 1)));
    }),
  );
}

function innerText(value: Fields, depth: number): string {
  const known = textOf(value, 'type') !== undefined && textOf(value, 'text') === undefined;
  return known ? blockText(value, depth) : unknownText(value, depth);
}

function richText(element: Fields, depth: number): string {
  const inner = listOf(element, 'elements');
  switch (textOf(element, 'type')) {
    case 'rich_text_list':
      return listText(element, inner, depth);
    case 'rich_text_quote':
      return inlineText(inner).replace(/\n$/, '').replace(/^/gm, '&gt; ');
    case 'rich_text_preformatted':
      return `\`\`\`\n${inlineText(inner, true)}\n\`\`\``;
    case 'rich_text_section':
      return inlineText(inner);
    default:
      return inner.length > 0 ? inlineText(inner) : unknownText(element, depth + 1);
  }
}

function listText(list: Fields, items: readonly Fields[], depth: number): string {
  const indent = '  '.repeat(Math.min(Math.max(numberOf(list, 'indent') ?? 0, 0), MAX_DEPTH));
  const first = (numberOf(list, 'offset') ?? 0) + 1;
  const ordered = textOf(list, 'style') === 'ordered';
  return items
    .map((item, at) => {
      const mark = ordered ? `${first + at}. ` : '- ';
      const text = depth > MAX_DEPTH ? '' : richText(item, depth + 1);
      return `${indent}${mark}${text.trimEnd().replaceAll('\n', `\n${indent}  `)}`;
    })
    .join('\n');
}

function inlineText(elements: readonly Fields[], plain = false): string {
  return elements.map((element) => inline(element, plain)).join('');
}

function inline(element: Fields, plain: boolean): string {
  const text = textOf(element, 'text') ?? '';
  const id = (key: string): string => textOf(element, key) ?? '';
  switch (textOf(element, 'type')) {
    case 'text':
      return plain ? escaped(text) : styled(escaped(text), fieldsOf(element['style']));
    case 'link':
      return linkTo(id('url'), text);
    case 'user':
      return `<@${id('user_id')}>`;
    case 'usergroup':
      return `<!subteam^${id('usergroup_id')}>`;
    case 'channel':
      return `<#${id('channel_id')}>`;
    case 'broadcast':
      return `<!${id('range')}>`;
    case 'emoji':
      return `:${id('name')}:${skinTone(numberOf(element, 'skin_tone'))}`;
    case 'date':
      return dateText(element);
    case 'color':
      return escaped(id('value'));
    default:
      return escaped(text);
  }
}

function skinTone(tone: number | undefined): string {
  return tone === undefined ? '' : `:skin-tone-${tone}:`;
}

function dateText(element: Fields): string {
  const fallback = textOf(element, 'fallback');
  const at = numberOf(element, 'timestamp');
  const words = fallback === undefined ? '' : `|${escaped(fallback)}`;
  const format = escaped(textOf(element, 'format') ?? '{date}').replaceAll('|', '');
  return at === undefined ? escaped(fallback ?? '') : `<!date^${at}^${format}${words}>`;
}

/** Marks stand close to the words they mark. */
function styled(text: string, style: Fields): string {
  const words = text.trim();
  if (words === '') return text;
  const before = text.slice(0, text.length - text.trimStart().length);
  const after = text.slice(text.trimEnd().length);
  let marked = words;
  if (style['code'] === true) marked = `\`${marked}\``;
  if (style['bold'] === true) marked = `*${marked}*`;
  if (style['italic'] === true) marked = `_${marked}_`;
  if (style['strike'] === true) marked = `~${marked}~`;
  return `${before}${marked}${after}`;
}

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
