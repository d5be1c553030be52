/** What a message says: its text, what it shares, its files, and whether there is anything that cannot be read. */
import type { Attachment } from '../../gateway/model.ts';
import { cardText, isShared, type SharedMessage, sharedMessage } from './attached.ts';
import { blocksText, lines } from './blocks.ts';
import { type Fields, listOf, textOf } from './fields.ts';
import { readFiles, UNREADABLE_FILES } from './files.ts';
import { onlyNew, saysMore } from './same-text.ts';

/** Kinds that the agent gets. One table: the docs are made of it. */
export const GIVEN = {
  text: 'the text; people, channels, groups and dates by name, links with their addresses',
  blocks:
    'their texts unless `text` says the same: rich text with lists, quotes and code, sections, headers, tables, buttons',
  attachments: 'cards of apps and previews of links: title with its address, text, fields',
  is_share:
    'the forwarded message with all of these and its files, marked as a forward, quoted below a comment',
  files: 'files and pictures, snippets and canvases, several in one message',
  slack_audio: "a file and Slack's transcript; the message is marked as a voice message",
  external: 'title and address of a file that another service stores',
  email: 'subject, sender and text',
  thread_broadcast: 'the text, like any reply in a thread',
  me_message: 'the text',
  thread_ts:
    'in a thread new to the bot: author, text and files of its first message, and up to 30 messages above',
} as const satisfies Readonly<Record<string, string>>;

/** Kinds that cannot be read, and what they are called. */
export const UNREADABLE = {
  huddle_thread: 'a huddle',
  sh_room_created: 'a call',
  sh_room_shared: 'a call',
  call: 'a call',
  workflow: 'a workflow',
  ...UNREADABLE_FILES,
  'anything else': 'this kind of message',
} as const satisfies Readonly<Record<string, string>>;

/** Subtypes of messages that a person or another bot wrote. */
const WRITTEN: ReadonlySet<string> = new Set([
  'file_share',
  'thread_broadcast',
  'reply_broadcast',
  'me_message',
  'bot_message',
  'file_comment',
  'file_mention',
]);

/** Subtypes of notices: Slack writes them about something that happened, in someone's name or in no one's. */
const NOTICE =
  /^(?:channel|group|mpim|im|bot|app|pinned|unpinned|reminder|list|canvas|document|ekm|assistant|joiner|sh_|message_|tabbed|file_(?:change|created|public)|tombstone|unfurl)/;

/** Subtypes of things that happen in a conversation and that no one can read. */
const HAPPENINGS = {
  huddle_thread: UNREADABLE.huddle_thread,
  sh_room_created: UNREADABLE.sh_room_created,
  sh_room_shared: UNREADABLE.sh_room_shared,
} as const satisfies Readonly<Record<string, string>>;

function happening(subtype: string | undefined): string | undefined {
  return Object.entries(HAPPENINGS).find(([kind]) => kind === subtype)?.[1];
}

/** Was it written by someone, is it a notice, something that cannot be read, or nothing that we know? */
export function subtypeKind(subtype: string | undefined): 'written' | 'notice' | 'unreadable' | 'unknown' {
  if (subtype === undefined || WRITTEN.has(subtype)) return 'written';
  if (happening(subtype) !== undefined) return 'unreadable';
  return NOTICE.test(subtype) ? 'notice' : 'unknown';
}

export interface Contents {
  /** What its author wrote, as inbound markup. */
  readonly written: string;
  /** What is below it: cards, transcripts, addresses of files elsewhere. No one is addressed in it. */
  readonly below: string;
  readonly shared: readonly SharedMessage[];
  readonly attachments: readonly Attachment[];
  readonly voice: boolean;
  readonly unreadable: string | undefined;
}

/** Pure; never throws. */
export function readContents(message: Fields): Contents {
  // An answer that also goes to the channel shows there what it answers.
  const attached = listOf(message, 'attachments').filter((each) => each['is_thread_root_unfurl'] !== true);
  const happened = happening(textOf(message, 'subtype'));
  // What stands in those is Slack's own sentence about them.
  const written = happened === undefined ? writtenText(message) : '';
  const cards = attached.filter((each) => !isShared(each)).map(cardText);
  const below = onlyNew(cards.filter((card) => saysMore(card, written)));
  const files = readFiles(listOf(message, 'files'));
  const strange = happened ?? strangeBlock(listOf(message, 'blocks'));
  return {
    written,
    below: lines([below, ...files.notes]),
    shared: attached.filter(isShared).map(sharedMessage),
    attachments: files.attachments,
    voice: files.voice,
    unreadable: strange ?? files.unreadable,
  };
}

/** What the author wrote, without what Slack put below it. */
export function writtenText(message: Fields): string {
  return onlyNew([textOf(message, 'text') ?? '', blocksText(listOf(message, 'blocks'))]);
}

function strangeBlock(blocks: readonly Fields[]): string | undefined {
  for (const block of blocks) {
    const type = textOf(block, 'type') ?? '';
    if (type === 'call') return UNREADABLE.call;
    if (type.startsWith('workflow')) return UNREADABLE.workflow;
  }
  return undefined;
}
