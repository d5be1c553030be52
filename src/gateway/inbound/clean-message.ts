import type { InboundMessage } from '../model.ts';
import { sanitiseName, sanitiseText } from './sanitise.ts';

/** The longest text taken from outside; far above any platform's own limit, below a frame. */
const MAX_TEXT_CHARS = 1_000_000;
const MAX_ID_CHARS = 200;

const id = (raw: string): string => sanitiseText(raw, MAX_ID_CHARS).replaceAll('\n', ' ');

/** The one place where text from outside is cleaned: everything behind it may show it as it is. */
export function cleanMessage(raw: InboundMessage): InboundMessage {
  return {
    ...raw,
    text: sanitiseText(raw.text, MAX_TEXT_CHARS),
    sender: { ...raw.sender, id: id(raw.sender.id), name: sanitiseName(raw.sender.name) },
    ...(raw.chatName === undefined ? {} : { chatName: sanitiseName(raw.chatName) }),
    ...(raw.replyTo === undefined
      ? {}
      : {
          replyTo: {
            messageId: raw.replyTo.messageId,
            ...(raw.replyTo.text === undefined ? {} : { text: sanitiseText(raw.replyTo.text, 2000) }),
          },
        }),
    ...(raw.attachments === undefined
      ? {}
      : { attachments: raw.attachments.map((each) => ({ ...each, name: sanitiseName(each.name) })) }),
  };
}
