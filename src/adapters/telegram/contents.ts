/** What a message says: its text with the addresses behind its words, and everything that is no text, in words. */
import { linked } from './entities.ts';
import { richText } from './rich-message.ts';
import type { TelegramContent, TelegramMessage } from './wire.ts';

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
