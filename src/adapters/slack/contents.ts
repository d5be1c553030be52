/** What a message says: its text, what it shares, its files, and whether there is anything that cannot be read. */

import { defined } from '../../base/defined.ts';
import type { Attachment } from '../../gateway/model.ts';
import {
  blocksText,
  cardText,
  escaped,
  isShared,
  lines,
  linkTo,
  type SharedMessage,
  sharedMessage,
} from './blocks.ts';
import { type Fields, fieldsOf, listOf, numberOf, onlyNew, saysMore, textOf } from './mrkdwn.ts';

/** What `Attachment.ref` holds: enough to fetch the bytes after a restart. */
export interface FileRef {
  readonly id: string;
  /** Absent where Slack wants `files.info` to be asked first (files of other organizations). */
  readonly url?: string;
}

/** Files that no one can read here, and what they are called. */
const UNREADABLE_FILES = {
  list: 'a list',
  tombstone: 'a file that was deleted',
  hidden_by_limit: 'a file that the workspace hides because of its limit',
  access_denied: 'a file that the bot may not see',
} as const satisfies Readonly<Record<string, string>>;

/** What the files of a message are to the agent. */
export interface FilesRead {
  /** Those that can be fetched. */
  readonly attachments: readonly Attachment[];
  /** What Slack says about them in words, as inbound markup: transcripts, emails, addresses of files elsewhere. */
  readonly notes: readonly string[];
  /** The message was spoken. */
  readonly voice: boolean;
  readonly unreadable: string | undefined;
}

/** The file objects of a message. Pure; never throws. */
export function readFiles(files: readonly Fields[]): FilesRead {
  const attachments: Attachment[] = [];
  const notes: string[] = [];
  let unreadable: string | undefined;
  for (const file of files) {
    const strange = unreadableFile(file);
    unreadable ??= strange;
    if (strange !== undefined) continue;
    const note = noteOf(file);
    if (note !== undefined) notes.push(note);
    const attachment = isElsewhere(file) || isEmailText(file) ? undefined : attachmentOf(file);
    if (attachment !== undefined) attachments.push(attachment);
  }
  return { attachments, notes, voice: files.some(isRecording), unreadable };
}

function unreadableFile(file: Fields): string | undefined {
  const mode = textOf(file, 'mode');
  const access = textOf(file, 'file_access');
  if (mode === 'tombstone' || access === 'file_not_found') return UNREADABLE_FILES.tombstone;
  if (mode === 'hidden_by_limit') return UNREADABLE_FILES.hidden_by_limit;
  if (access === 'access_denied') return UNREADABLE_FILES.access_denied;
  const list = [mode, textOf(file, 'filetype')].includes('list');
  return list || textOf(file, 'mimetype') === 'application/vnd.slack-list'
    ? UNREADABLE_FILES.list
    : undefined;
}

/** Slack calls the recordings of its own clients so; some come with a type of video. */
function isRecording(file: Fields): boolean {
  return textOf(file, 'subtype') === 'slack_audio';
}

/** A document of Slack's own: it has no file name, and its content is a page. */
function isCanvas(file: Fields): boolean {
  return (
    [textOf(file, 'filetype'), textOf(file, 'mode')].some((kind) => kind === 'canvas' || kind === 'quip') ||
    textOf(file, 'mimetype') === 'application/vnd.slack-docs'
  );
}

/** Kept by another service: its address is all that Slack has. */
function isElsewhere(file: Fields): boolean {
  return file['is_external'] === true || textOf(file, 'mode') === 'external';
}

function isEmailText(file: Fields): boolean {
  return textOf(file, 'mode') === 'email' && textOf(file, 'plain_text') !== undefined;
}

function noteOf(file: Fields): string | undefined {
  const title = textOf(file, 'title') ?? textOf(file, 'name') ?? textOf(file, 'id') ?? 'file';
  if (isElsewhere(file)) {
    const address = textOf(file, 'external_url') ?? textOf(file, 'url_private') ?? textOf(file, 'permalink');
    return address === undefined ? escaped(`[file ${title}]`) : linkTo(address, title);
  }
  if (textOf(file, 'mode') === 'email') {
    const from = listOf(file, 'from').map(
      (each) => textOf(each, 'original') ?? textOf(each, 'address') ?? '',
    );
    const text = textOf(file, 'plain_text') ?? textOf(file, 'preview_plain_text') ?? '';
    const sender = from.join(', ');
    const heading = `[email "${textOf(file, 'subject') ?? title}"${sender === '' ? '' : ` from ${sender}`}]`;
    return escaped([heading, text].filter((part) => part !== '').join('\n'));
  }
  return transcriptOf(file);
}

/** What Slack has heard in a recording. Slack sends only its beginning where it is long. */
function transcriptOf(file: Fields): string | undefined {
  const preview = fieldsOf(fieldsOf(file['transcription'])['preview']);
  const heard = textOf(preview, 'content');
  if (heard === undefined) return undefined;
  return escaped(`[transcript by Slack] ${heard}${preview['has_more'] === true ? ' …' : ''}`);
}

/** A file object of an event; undefined for what cannot be downloaded. */
function attachmentOf(file: Fields): Attachment | undefined {
  const id = textOf(file, 'id');
  if (id === undefined) return undefined;
  const mimeType = mimeTypeOf(file);
  const url = urlOf(file);
  const sizeBytes = numberOf(file, 'size');
  const ref: FileRef = { id, ...defined({ url }) };
  const [name, title] = [textOf(file, 'name'), textOf(file, 'title')];
  return {
    kind: kindOf(mimeType),
    name: (isCanvas(file) ? (title ?? name) : (name ?? title)) ?? id,
    mimeType,
    ...defined({ sizeBytes }),
    ref: JSON.stringify(ref),
  };
}

function mimeTypeOf(file: Fields): string {
  if (isCanvas(file)) return 'text/html';
  const type = textOf(file, 'mimetype') ?? 'application/octet-stream';
  return isRecording(file) ? type.replace(/^video\//, 'audio/') : type;
}

export function urlOf(file: Fields): string | undefined {
  return textOf(file, 'url_private_download') ?? textOf(file, 'url_private');
}

/** Undefined for a text that is not a reference made by `readFiles`. */
export function readRef(ref: string): FileRef | undefined {
  try {
    const fields = fieldsOf(JSON.parse(ref));
    const id = textOf(fields, 'id');
    const url = textOf(fields, 'url');
    return id === undefined ? undefined : { id, ...defined({ url }) };
  } catch {
    // Not JSON, so not ours: the caller says so.
    return undefined;
  }
}

function kindOf(mimeType: string): Attachment['kind'] {
  const family = mimeType.split('/')[0];
  return family === 'image' || family === 'audio' || family === 'video' ? family : 'file';
}

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
