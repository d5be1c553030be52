/** What a message says: its text with the addresses behind its words, and everything that is no text, in words. */

import { Value } from 'typebox/value';
import { Content, type TelegramContent, type TelegramEntity, type TelegramMessage } from './wire.ts';

/** Who we are, as far as a text can name us. */
export interface OwnName {
  readonly id: number;
  /** Without the at sign; compared without regard to case. */
  readonly username: string | undefined;
  /** Names of the commands in our menu, without the slash. */
  readonly commands: readonly string[];
}

interface Addressed {
  /** The text without the mention at its start or end; `/status@our_bot` becomes `/status`. */
  readonly text: string;
  readonly mentioned: boolean;
}

/** Entity offsets count UTF-16 units, as JavaScript strings do. */
function spanOf(text: string, entity: TelegramEntity): string {
  return text.slice(entity.offset, entity.offset + entity.length);
}

/** The text with the address behind each linked word: `[word](url)`. */
export function linked(text: string, entities: readonly TelegramEntity[]): string {
  return applied(
    text,
    entities.flatMap((entity) => linkEdits(text, entity)),
  );
}

/** A change of a text: what stands in `from`–`to` becomes `by`. */
interface Edit {
  readonly from: number;
  readonly to: number;
  readonly by: string;
}

function linkEdits(text: string, entity: TelegramEntity): Edit[] {
  const { url, offset, length } = entity;
  if (entity.type !== 'text_link' || url === undefined || length === 0) return [];
  const span = spanOf(text, entity);
  if (bare(span) === bare(url)) return [];
  const end = offset + length;
  return [
    { from: offset, to: offset, by: '[' },
    { from: end, to: end, by: `](${url})` },
  ];
}

const bare = (url: string): string =>
  url
    .trim()
    .replace(/^https?:\/\//i, '')
    .replace(/\/$/, '');

/** From the end to the beginning, so that the offsets of what is left stay right. */
function applied(text: string, edits: readonly Edit[]): string {
  return edits
    .toSorted((a, b) => b.from - a.from || b.to - a.to)
    .reduce((left, { from, to, by }) => left.slice(0, from) + by + left.slice(to), text);
}

/**
 * Whether a text speaks to us: `@our_bot`, a mention or link of our id or name, `/command@our_bot`, or a bare command
 * of our menu at its start. A command addressed to another bot does not.
 */
export function addressed(text: string, entities: readonly TelegramEntity[], own: OwnName): Addressed {
  const ours = own.username?.toLowerCase();
  let mentioned = false;
  const cuts: Edit[] = [];
  const edits: Edit[] = [];
  for (const entity of entities) {
    const end = entity.offset + entity.length;
    if (namesUs(text, entity, own)) {
      mentioned = true;
      if (atEdge(text, entity.offset, end)) cuts.push({ from: entity.offset, to: end, by: '' });
    } else if (entity.type === 'bot_command') {
      const [name = '', target] = spanOf(text, entity).slice(1).split('@');
      if (target !== undefined && target.toLowerCase() === ours) {
        mentioned = true;
        cuts.push({ from: entity.offset + 1 + name.length, to: end, by: '' });
      } else if (target === undefined && entity.offset === 0 && own.commands.includes(name.toLowerCase()))
        mentioned = true;
    } else edits.push(...linkEdits(text, entity));
  }
  const rest = applied(text, [...cuts, ...edits]);
  if (cuts.length === 0) return { text: rest, mentioned };
  // "Gate, look": the comma belonged to the address.
  const addressedFirst = cuts.some((cut) => text.slice(0, cut.from).trim() === '');
  return { text: (addressedFirst ? rest.replace(/^\s*[,:;]\s*/, '') : rest).trim(), mentioned };
}

function namesUs(text: string, entity: TelegramEntity, own: OwnName): boolean {
  const ours = own.username?.toLowerCase();
  if (entity.type === 'mention')
    return ours !== undefined && spanOf(text, entity).toLowerCase() === `@${ours}`;
  if (entity.type === 'text_mention') return entity.user?.id === own.id;
  if (entity.type !== 'text_link') return false;
  const url = entity.url?.toLowerCase() ?? '';
  if (url === `tg://user?id=${own.id}`) return true;
  const name =
    /^(?:(?:https?:\/\/)?(?:www\.)?(?:t|telegram)\.me\/|tg:\/\/resolve\/?\?domain=)([a-z0-9_]+)\/?$/.exec(
      url,
    )?.[1];
  return ours !== undefined && name === ours;
}

/** A mention inside a sentence belongs to it; one at the start or the end is only an address. */
function atEdge(text: string, from: number, to: number): boolean {
  return text.slice(0, from).trim() === '' || text.slice(to).trim() === '';
}

/** Deeper than any message that Telegram takes. */
const MAX_DEPTH = 24;
/** Fields whose text stands on a line of its own. */
const BLOCKS = [
  'title',
  'summary',
  'header',
  'blocks',
  'items',
  'rows',
  'cells',
  'caption',
  'credit',
] as const;
const MEDIA = ['photo', 'video', 'animation', 'audio', 'voice', 'document'] as const;

type Rich = TelegramContent['rich_message'];

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Text inside one block: a string, a list of pieces, or a piece with a style around it. */
function inline(value: unknown, depth: number): string {
  if (typeof value === 'string') return value;
  if (depth > MAX_DEPTH) return '';
  if (Array.isArray(value)) return value.map((each) => inline(each, depth + 1)).join('');
  if (!isRecord(value)) return '';
  const text = inline(value['text'] ?? value['expression'] ?? value['alternative_text'], depth + 1);
  const { url } = value;
  return typeof url === 'string' && url !== text ? `[${text}](${url})` : text;
}

function lines(value: unknown, depth: number): string[] {
  if (depth > MAX_DEPTH) return [];
  if (Array.isArray(value)) return value.flatMap((each) => lines(each, depth + 1));
  if (typeof value === 'string') return [value];
  if (!isRecord(value)) return [];
  const own = inline(value, depth);
  return [...(own === '' ? [] : [own]), ...BLOCKS.flatMap((key) => lines(value[key], depth + 1))];
}

/** The text of a rich message, a line for each block. */
function richText(message: NonNullable<Rich>): string {
  return lines(message.blocks, 0).join('\n').trim();
}

/** The blocks of a rich message that hold a file, read like messages. */
export function mediaOf(message: Rich): TelegramContent[] {
  const found: TelegramContent[] = [];
  const look = (value: unknown, depth: number): void => {
    if (depth > MAX_DEPTH || found.length >= 20) return;
    if (Array.isArray(value)) for (const each of value) look(each, depth + 1);
    else if (isRecord(value)) {
      const files = Object.fromEntries(MEDIA.flatMap((key) => (key in value ? [[key, value[key]]] : [])));
      if (Object.keys(files).length > 0 && Value.Check(Content, files)) found.push(files);
      for (const key of BLOCKS) look(value[key], depth + 1);
    }
  };
  look(message?.blocks, 0);
  return found;
}

/** Kinds that cannot be read, and what they are called. One table: the docs are made of it. */
export const UNREADABLE = {
  dice: 'a dice roll',
  story: 'a story',
  game: 'a game',
  paid_media: 'paid media',
  giveaway: 'a giveaway',
  giveaway_winners: 'the winners of a giveaway',
  invoice: 'an invoice',
  gift: 'a gift',
  unique_gift: 'a gift',
  passport_data: 'passport data',
} as const satisfies Readonly<Record<string, string>>;

/** Kinds that are given as they are. */
export const GIVEN = {
  text: 'the text, with the address behind each linked word',
  photo: 'a picture, with its caption',
  document: 'a file or picture, with its caption',
  audio: 'a file, with its caption',
  voice: 'a file; the message is marked as a voice message',
  video: 'a file, with its caption',
  video_note: 'a file',
  animation: 'a file, with its caption',
} as const satisfies Readonly<Record<string, string>>;

/** Kinds that are read as text. */
export const DESCRIBED = {
  location: 'coordinates',
  venue: 'title, address and coordinates',
  contact: 'name and phone number',
  poll: 'question and options, with votes',
  checklist: 'title and tasks',
  rich_message: 'the text of its blocks, its media as files',
  sticker: 'its emoji; one that does not move is a picture as well',
} as const satisfies Readonly<Record<string, string>>;

/** What is not known at all. */
export const STRANGE = 'this kind of message';

/** Fields that say something about a message, and notices of the chat itself: none of them is content. */
const NO_CONTENT =
  /^(message_id|message_thread_id|date|edit_date|chat|from|via_bot|author_signature|quote|reply_.*|external_reply|forward_.*|sender_.*|is_.*|has_.*|show_.*|business_.*|direct_message.*|media_group_id|paid_(star_count|message_.*)|link_preview_options|effect_id|entities|caption.*|migrate_.*|new_chat_.*|left_chat_.*|delete_chat_photo|(group|supergroup|channel)_chat_created|message_auto_delete_timer_changed|pinned_message|.*_payment|(users?|chat)_shared|connected_website|write_access_allowed|proximity_alert_triggered|boost_added|chat_(background_set|owner_.*)|checklist_tasks_.*|(general_)?forum_topic_.*|giveaway_(created|completed)|video_chat_.*|voice_chat_.*|web_app_data|suggested_post_.*|gift_upgrade_sent|guest_.*|receiver_.*|ephemeral_.*)$/;

/** The text of a message, a line for each thing; empty where it has none. */
export function contentText(message: TelegramContent): string {
  const { text, caption, entities = [], caption_entities: captions = [] } = message;
  const written = text === undefined ? linked(caption ?? '', captions) : linked(text, entities);
  return [written, described(message)].filter((part) => part !== '').join('\n');
}

/** What a message holds next to text and files, in words. */
export function described(message: TelegramContent): string {
  const { venue, location, contact, poll, checklist, sticker, rich_message: rich } = message;
  const parts: string[] = [];
  if (venue !== undefined)
    parts.push(
      `[place ${venue.title}, ${venue.address}, ${venue.location.latitude}, ${venue.location.longitude}]`,
    );
  else if (location !== undefined) parts.push(`[location ${location.latitude}, ${location.longitude}]`);
  if (contact !== undefined) {
    const name = [contact.first_name, contact.last_name].filter((part) => part !== undefined).join(' ');
    parts.push(`[contact ${name}, ${contact.phone_number}]`);
  }
  if (poll !== undefined) {
    const voted = poll.options.some(({ voter_count: votes = 0 }) => votes > 0);
    const options = poll.options.map(
      ({ text, voter_count: votes = 0 }) => `- ${text}${voted ? ` (${votes})` : ''}`,
    );
    parts.push(
      [`[poll${poll.is_closed === true ? ', closed' : ''}] ${poll.question}`, ...options].join('\n'),
    );
  }
  if (checklist !== undefined) {
    const tasks = checklist.tasks.map(
      ({ text, completion_date: done = 0 }) => `- [${done > 0 ? 'x' : ' '}] ${text}`,
    );
    parts.push([`[checklist] ${checklist.title}`, ...tasks].join('\n'));
  }
  if (sticker !== undefined && (sticker.is_animated === true || sticker.emoji !== undefined))
    parts.push(sticker.emoji ?? '[sticker]');
  if (rich !== undefined) parts.push(richText(rich));
  return parts.filter((part) => part !== '').join('\n');
}

/** What cannot be read of a message; undefined where there is nothing of the kind. */
export function unreadableOf(message: TelegramMessage): string | undefined {
  for (const [field, name] of Object.entries(UNREADABLE)) if (field in message) return name;
  // The Bot API adds kinds several times a year.
  const strange = Object.keys(message).some(
    (field) => !NO_CONTENT.test(field) && !(field in GIVEN) && !(field in DESCRIBED),
  );
  return strange ? STRANGE : undefined;
}
