import type { proto } from 'baileys';
import type { Attachment } from '../../gateway/model.ts';
import { attachmentOf, numberOf } from './media.ts';

/** The kinds of message that WhatsApp has, by their field in `proto.Message`, and what becomes of each. */

/** Kinds that are given as they are. One table for each class of kinds: the docs are made of them. */
export const GIVEN = {
  conversation: 'the text',
  extendedTextMessage: 'the text, with its link',
  imageMessage: 'a picture, with its caption',
  videoMessage: 'a file, with its caption',
  ptvMessage: 'a file',
  audioMessage: 'a file; a recording is marked as a voice message',
  documentMessage: 'a file, with its caption',
  stickerMessage: 'a picture',
  albumMessage: 'its pictures and videos together, as one message',
} as const satisfies Readonly<Record<string, string>>;

/** Kinds that are read as text. */
export const DESCRIBED = {
  locationMessage: 'coordinates, name and address',
  liveLocationMessage: 'coordinates at the moment of sending, and its caption',
  contactMessage: 'name, phone numbers and email addresses',
  contactsArrayMessage: 'the same of each contact',
  pollCreationMessage: 'question and options',
  pollResultSnapshotMessage: 'question and options, with votes',
  buttonsMessage: 'its text and the labels of its buttons',
  listMessage: 'its text and the titles of its rows',
  interactiveMessage: 'its text',
  templateMessage: 'its text and the labels of its buttons',
  buttonsResponseMessage: 'the label that was tapped',
  listResponseMessage: 'the row that was chosen',
  templateButtonReplyMessage: 'the label that was tapped',
  interactiveResponseMessage: 'what was chosen',
  questionResponseMessage: 'the text',
} as const satisfies Readonly<Record<string, string>>;

/** Kinds that cannot be read, and what they are called. */
export const UNREADABLE = {
  lottieStickerMessage: 'an animated sticker',
  stickerPackMessage: 'a sticker pack',
  eventMessage: 'an event',
  productMessage: 'a product',
  orderMessage: 'an order',
  groupInviteMessage: 'an invitation to a group',
  newsletterAdminInviteMessage: 'an invitation to a channel',
  newsletterFollowerInviteMessageV2: 'an invitation to a channel',
  scheduledCallCreationMessage: 'a scheduled call',
  invoiceMessage: 'an invoice',
  sendPaymentMessage: 'a payment',
  requestPaymentMessage: 'a payment request',
  paymentInviteMessage: 'a payment request',
  requestPhoneNumberMessage: 'a request for a phone number',
  statusMentionMessage: 'a status update',
  groupStatusMentionMessage: 'a status update',
  groupStatusMessage: 'a status update',
  groupStatusMessageV2: 'a status update',
  richResponseMessage: 'an answer of Meta AI',
  placeholderMessage: 'a message that WhatsApp shows on the phone only',
} as const satisfies Readonly<Record<string, string>>;

/** What is no message of a person: keys, votes, reactions, notices between phones. */
export const NO_CONTENT: ReadonlySet<string> = new Set([
  'senderKeyDistributionMessage',
  'fastRatchetKeySenderKeyDistributionMessage',
  'messageContextInfo',
  'protocolMessage',
  'reactionMessage',
  'encReactionMessage',
  'pollUpdateMessage',
  'encEventResponseMessage',
  'encCommentMessage',
  'secretEncryptedMessage',
  'keepInChatMessage',
  'pinInChatMessage',
  'call',
  'callLogMesssage',
  'bcallMessage',
  'chat',
  'scheduledCallEditMessage',
  'declinePaymentRequestMessage',
  'cancelPaymentRequestMessage',
  'stickerSyncRmrMessage',
  'messageHistoryBundle',
  'messageHistoryNotice',
  'limitSharingMessage',
  'botTaskMessage',
  'statusAddYours',
  'statusNotificationMessage',
  'statusQuestionAnswerMessage',
  'statusQuotedMessage',
  'statusStickerInteractionMessage',
  'eventCoverImage',
]);

/** What a person wrote, taken out of its wrappers. */
export interface Content {
  readonly text: string;
  readonly attachments: readonly Attachment[];
  readonly context?: proto.IContextInfo;
  /** A voice message. */
  readonly voice?: true;
  /** What of it cannot be read, as a noun phrase. */
  readonly unreadable?: string;
  /** The album that it is a picture of. */
  readonly albumId?: string;
  /** It announces an album, whose pictures follow. */
  readonly album?: true;
}

/** What holds the message one level deeper. */
const WRAPPERS = [
  'ephemeralMessage',
  'viewOnceMessage',
  'viewOnceMessageV2',
  'viewOnceMessageV2Extension',
  'documentWithCaptionMessage',
  'associatedChildMessage',
  'editedMessage',
  'deviceSentMessage',
  'groupMentionedMessage',
  'botInvokeMessage',
  'botForwardedMessage',
  'questionMessage',
  'questionReplyMessage',
  'pollCreationMessageV4',
  'pollCreationOptionImageMessage',
] as const satisfies readonly (keyof proto.IMessage)[];

/** Wrappers (disappearing, view once, document with caption, album…) are nested a few levels at most. */
const MAX_WRAPPERS = 6;

/** The message and what it is wrapped in, outermost first. */
function layers(message: proto.IMessage | null | undefined): proto.IMessage[] {
  const found: proto.IMessage[] = [];
  for (let inner = message ?? undefined; inner !== undefined && found.length <= MAX_WRAPPERS; ) {
    found.push(inner);
    const outer = inner;
    const wrapper = WRAPPERS.map((name) => outer[name]).find((each) => each);
    if (!wrapper) break;
    inner = wrapper.message ?? undefined;
  }
  return found;
}

/** The message inside its wrappers. */
export function unwrap(message: proto.IMessage | null | undefined): proto.IMessage | undefined {
  return layers(message).at(-1);
}

/** `MessageAssociation.AssociationType` values; the library that names them is loaded on demand only. */
const MEDIA_ALBUM = 1;
/** A better copy of a picture or video that comes as a message as well: HD video, HD picture, motion photo. */
const COPIES: ReadonlySet<number> = new Set([5, 10, 12]);

/** Undefined for everything that is no message of a person to the bot: reactions, votes, keys, protocol. */
export function contentOf(message: proto.IMessage | null | undefined): Content | undefined {
  const all = layers(message);
  const inner = all.at(-1);
  if (inner === undefined) return undefined;
  const association = all.map((each) => each.messageContextInfo?.messageAssociation).find((each) => each);
  if (COPIES.has(association?.associationType ?? 0)) return undefined;
  const albumId = association?.associationType === MEDIA_ALBUM ? association.parentMessageKey?.id : undefined;
  const found = plainText(inner) ?? media(inner) ?? choice(inner) ?? described(inner) ?? unreadable(inner);
  return found === undefined || !albumId ? found : { ...found, albumId };
}

function content(
  text: string | null | undefined,
  context: proto.IContextInfo | null | undefined,
  attachment?: Attachment,
): Content {
  return {
    text: text ?? '',
    attachments: attachment === undefined ? [] : [attachment],
    ...(context ? { context } : {}),
  };
}

function plainText(m: proto.IMessage): Content | undefined {
  if (m.albumMessage) return { ...content('', m.albumMessage.contextInfo), album: true };
  if (m.conversation) return content(m.conversation, undefined);
  if (m.extendedTextMessage) return content(m.extendedTextMessage.text, m.extendedTextMessage.contextInfo);
  if (m.questionResponseMessage) return content(m.questionResponseMessage.text, undefined);
  return undefined;
}

function media(m: proto.IMessage): Content | undefined {
  const image = m.imageMessage;
  if (image) return file('a picture', image.caption, image, attachmentOf('image', image, 'image/jpeg'));
  const video = m.videoMessage ?? m.ptvMessage;
  if (video) return file('a video', video.caption, video, attachmentOf('video', video, 'video/mp4'));
  const audio = m.audioMessage;
  if (audio) {
    const found = file('a recording', '', audio, attachmentOf('audio', audio, 'audio/ogg'));
    return audio.ptt === true ? { ...found, voice: true } : found;
  }
  const sticker = m.stickerMessage;
  if (sticker?.isLottie === true)
    return { ...content('', sticker.contextInfo), unreadable: UNREADABLE.lottieStickerMessage };
  if (sticker) return file('a sticker', '', sticker, attachmentOf('sticker', sticker, 'image/webp'));
  const document = m.documentMessage;
  if (document) {
    const name = document.fileName ?? document.title;
    return file(
      'a file',
      document.caption,
      document,
      attachmentOf('document', document, 'application/octet-stream', name),
    );
  }
  return undefined;
}

/** Without the file, which WhatsApp gives to phones only (view once), or which an edited caption does not carry. */
function file(
  what: string,
  caption: string | null | undefined,
  { contextInfo }: { contextInfo?: proto.IContextInfo | null },
  found: Attachment | undefined,
): Content {
  const read = content(caption, contextInfo, found);
  return found === undefined && read.text === '' ? { ...read, unreadable: what } : read;
}

/** A tapped button or list row counts as its label being written. */
function choice(m: proto.IMessage): Content | undefined {
  const button = m.buttonsResponseMessage;
  if (button) return content(button.selectedDisplayText ?? button.selectedButtonId, button.contextInfo);
  const template = m.templateButtonReplyMessage;
  if (template) return content(template.selectedDisplayText ?? template.selectedId, template.contextInfo);
  const list = m.listResponseMessage;
  if (list) return content(list.title ?? list.singleSelectReply?.selectedRowId, list.contextInfo);
  const flow = m.interactiveResponseMessage;
  if (flow) return content(flow.body?.text || flow.nativeFlowResponseMessage?.paramsJson, flow.contextInfo);
  return undefined;
}

/** Things without words become lines that say what they are. */
function described(m: proto.IMessage): Content | undefined {
  const place = m.locationMessage ?? m.liveLocationMessage;
  if (place) {
    const { name, address, comment } = m.locationMessage ?? {};
    const about = [name, address].filter((part) => part).join(', ');
    const live = m.liveLocationMessage || m.locationMessage?.isLive === true ? 'live ' : '';
    const where = `[${live}location ${place.degreesLatitude ?? 0}, ${place.degreesLongitude ?? 0}${about === '' ? '' : `, ${about}`}]`;
    return content(lines(where, comment ?? m.liveLocationMessage?.caption), place.contextInfo);
  }
  if (m.contactMessage) return content(contact(m.contactMessage), m.contactMessage.contextInfo);
  if (m.contactsArrayMessage)
    return content(
      lines(...(m.contactsArrayMessage.contacts ?? []).map(contact)),
      m.contactsArrayMessage.contextInfo,
    );
  const poll =
    m.pollCreationMessage ?? m.pollCreationMessageV2 ?? m.pollCreationMessageV3 ?? m.pollCreationMessageV5;
  if (poll)
    return content(
      lines(`[poll] ${poll.name ?? ''}`, ...(poll.options ?? []).map((each) => `- ${each.optionName ?? ''}`)),
      poll.contextInfo,
    );
  const votes = m.pollResultSnapshotMessage ?? m.pollResultSnapshotMessageV3;
  if (votes)
    return content(
      lines(
        `[poll, results] ${votes.name ?? ''}`,
        ...(votes.pollVotes ?? []).map(
          (each) => `- ${each.optionName ?? ''} (${numberOf(each.optionVoteCount) ?? 0})`,
        ),
      ),
      votes.contextInfo,
    );
  return business(m);
}

/** What businesses write with buttons and lists. */
function business(m: proto.IMessage): Content | undefined {
  const label = (text: string | null | undefined): string | undefined => (text ? `- ${text}` : undefined);
  const buttons = m.buttonsMessage;
  if (buttons)
    return content(
      lines(
        buttons.text,
        buttons.contentText,
        buttons.footerText,
        ...(buttons.buttons ?? []).map((each) => label(each.buttonText?.displayText)),
      ),
      buttons.contextInfo,
    );
  const list = m.listMessage;
  if (list) {
    const rows = (list.sections ?? []).flatMap((section) => section.rows ?? []);
    return content(
      lines(list.title, list.description, list.footerText, ...rows.map((row) => label(row.title))),
      list.contextInfo,
    );
  }
  const template = m.templateMessage;
  const rows = template?.hydratedTemplate ?? template?.hydratedFourRowTemplate;
  if (template && rows)
    return content(
      lines(
        rows.hydratedTitleText,
        rows.hydratedContentText,
        rows.hydratedFooterText,
        ...(rows.hydratedButtons ?? []).map(({ quickReplyButton: quick, urlButton: url, callButton: call }) =>
          label(
            quick?.displayText ?? (url ? `${url.displayText ?? ''} ${url.url ?? ''}` : call?.displayText),
          ),
        ),
      ),
      template.contextInfo,
    );
  const interactive = m.interactiveMessage ?? template?.interactiveMessageTemplate;
  if (!interactive) return undefined;
  const { header, body, footer, carouselMessage } = interactive;
  const cards = (carouselMessage?.cards ?? []).map((card) => label(card.body?.text));
  return content(
    lines(header?.title, header?.subtitle, body?.text, footer?.text, ...cards),
    interactive.contextInfo,
  );
}

function unreadable(m: proto.IMessage): Content | undefined {
  for (const [field, name] of Object.entries(UNREADABLE)) {
    const found: unknown = m[field as keyof typeof UNREADABLE];
    if (!found) continue;
    const context = (found as { contextInfo?: proto.IContextInfo | null }).contextInfo;
    return { ...content('', context), unreadable: name };
  }
  const fields = Object.entries(m).filter(([, value]) => value !== null && value !== undefined);
  if (fields.some(([field, value]) => field === 'conversation' && value === '')) return undefined;
  const known = fields.every(([field]) => NO_CONTENT.has(field));
  // The library drops fields that it does not know: a new kind of message is one in which nothing is left.
  const nothing = fields.every(([field]) => field === 'messageContextInfo');
  return known && !nothing ? undefined : { ...content('', undefined), unreadable: 'this kind of message' };
}

/** What stands on a card: the name and how to reach the person. */
function contact({ displayName, vcard }: proto.Message.IContactMessage): string {
  // A long line goes on in the next one, which begins with a space.
  const card = (vcard ?? '').replace(/\r?\n[ \t]/g, '');
  const values = [...card.matchAll(/^(?:[\w-]+\.)?(?:TEL|EMAIL)[^:\r\n]*:(.+)$/gim)].map(([, value = '']) =>
    value.trim(),
  );
  const name = displayName || /^FN[^:\r\n]*:(.+)$/im.exec(card)?.[1]?.trim();
  return `[contact ${[name, ...values].filter((part) => part).join(', ')}]`;
}

function lines(...parts: readonly (string | null | undefined)[]): string {
  return parts.filter((part) => part).join('\n');
}
