import type { Attachment, InboundMessage, ReferredMessage } from '../model.ts';
import { sanitiseName, sanitiseText } from './sanitise.ts';

/** The longest text taken from outside; far above any platform's own limit, below a frame. */
const MAX_TEXT_CHARS = 1_000_000;
const MAX_ID_CHARS = 200;

/** The longest quoted text, and the longest of a message above. */
const MAX_QUOTE_CHARS = 4000;
const MAX_ABOVE_CHARS = 2000;
const MAX_ABOVE = 50;
const MAX_QUOTED_FILES = 20;
/** The last moment that a date can name. */
const MAX_TIME = 8.64e15;

const id = (raw: string): string => sanitiseText(raw, MAX_ID_CHARS).replaceAll('\n', ' ');

/** The one place where text from outside is cleaned: everything behind it may show it as it is. */
export function cleanMessage(raw: InboundMessage): InboundMessage {
  const { replyTo, forwardedFrom, above, chatName, threadName, unreadable, sentAt, attachments, ...rest } =
    raw;
  return {
    ...rest,
    text: sanitiseText(raw.text, MAX_TEXT_CHARS),
    sender: { ...raw.sender, id: id(raw.sender.id), name: sanitiseName(raw.sender.name) },
    ...(chatName === undefined ? {} : { chatName: sanitiseName(chatName) }),
    ...(threadName === undefined ? {} : { threadName: sanitiseName(threadName) }),
    ...(unreadable === undefined ? {} : { unreadable: sanitiseName(unreadable) }),
    ...(isTime(sentAt) ? { sentAt } : {}),
    ...(replyTo === undefined
      ? {}
      : { replyTo: { ...cleanReferred(replyTo, MAX_QUOTE_CHARS), messageId: replyTo.messageId } }),
    ...(forwardedFrom === undefined ? {} : { forwardedFrom: cleanReferred(forwardedFrom, MAX_TEXT_CHARS) }),
    ...(above === undefined || above.length === 0
      ? {}
      : { above: above.slice(-MAX_ABOVE).map((each) => cleanReferred(each, MAX_ABOVE_CHARS)) }),
    ...(attachments === undefined ? {} : { attachments: attachments.map(cleanFile) }),
  };
}

function cleanReferred(raw: ReferredMessage, maxChars: number): ReferredMessage {
  const { author, text, attachments, sentAt, ...rest } = raw;
  return {
    ...rest,
    ...(author === undefined ? {} : { author: sanitiseName(author) }),
    ...(text === undefined ? {} : { text: sanitiseText(text, maxChars) }),
    ...(isTime(sentAt) ? { sentAt } : {}),
    ...(attachments === undefined || attachments.length === 0
      ? {}
      : { attachments: attachments.slice(0, MAX_QUOTED_FILES).map(cleanFile) }),
  };
}

function cleanFile(raw: Attachment): Attachment {
  return { ...raw, name: sanitiseName(raw.name) };
}

function isTime(value: number | undefined): value is number {
  return value !== undefined && Math.abs(value) <= MAX_TIME;
}
