import { createHash, randomBytes } from 'node:crypto';
import { access, constants } from 'node:fs/promises';
import type { AnyMessageContent, WAMessageKey } from 'baileys';
import { within } from '../../base/async.ts';
import { DeliveryError, messageOf } from '../../base/errors.ts';
import type { Part, SendReceipt, SendRequest } from '../../gateway/adapter.ts';
import type { ChatRef } from '../../gateway/model.ts';
import { checkGate } from '../../gateway/send/send-queue.ts';
import type { Groups } from './addresses.ts';
import { isBroadcast, isGroup, isPhone, jidOfChat } from './addresses.ts';
import type { Baileys, BaileysLogger, Socket } from './baileys.ts';
import { property } from './close-reason.ts';
import type { MessageStore } from './signal-gate.ts';

const RATE_LIMIT_MS = 60_000;

/** The server's refusal of a message (a "nack"): it was certainly not delivered. Undefined when it was taken. */
function refusalOf(ack: ServerAck): DeliveryError | undefined {
  if (ack.error === undefined) return undefined;
  const code = Number(ack.error);
  const text = `WhatsApp refused the message (${ack.error})`;
  switch (code) {
    // Restricted account, or no privacy token for this contact: new chats are closed, known ones stay open.
    case 463:
      return new DeliveryError('gone', `${text}: this account may not write to this person first`, {
        hint: 'Ask the person to write first; check the account in the WhatsApp app for a restriction.',
      });
    case 403:
    case 404:
    case 410:
      return new DeliveryError('gone', `${text}: the chat is closed to this account`);
    case 429:
      return new DeliveryError('rate-limited', `${text}: too many messages`, { retryAfterMs: RATE_LIMIT_MS });
    default:
      return code >= 500 ? new DeliveryError('unreachable', text) : new DeliveryError('rejected', text);
  }
}

/**
 * A failure while baileys prepared or wrote a message. Codes in `data` are the server's answers to questions that come
 * before the message (devices, keys, group members): it had not been sent then.
 */
function failureOf(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const text = messageOf(error);
  const code = property(error, 'data');
  if (typeof code === 'number') {
    if (code === 429)
      return new DeliveryError('rate-limited', `WhatsApp asks to slow down: ${text}`, {
        retryAfterMs: RATE_LIMIT_MS,
        cause: error,
      });
    if (code === 401 || code === 403 || code === 404 || code === 410)
      return new DeliveryError('gone', `WhatsApp does not let this account write there: ${text}`, {
        cause: error,
      });
    return new DeliveryError('unreachable', `WhatsApp could not prepare the message: ${text}`, {
      cause: error,
    });
  }
  if (text === 'All encryptions failed')
    return new DeliveryError('rejected', 'no device of this person can receive messages', { cause: error });
  return new DeliveryError('unknown', `the message may not have been sent: ${text}`, { cause: error });
}

/** Image formats that WhatsApp shows as pictures; others go as files. */
const PICTURES = new Set(['image/jpeg', 'image/png', 'image/webp']);

/** The text or file of a part as baileys sends it. Throws DeliveryError when the file cannot be read. */
async function contentOfPart(part: Part): Promise<AnyMessageContent> {
  const file = part.attachment;
  // Without a preview: baileys would fetch links of the answer from here.
  if (file === undefined) return { text: part.text, linkPreview: null };
  try {
    await access(file.path, constants.R_OK);
  } catch (error) {
    throw new DeliveryError('rejected', `the file ${file.name} cannot be read`, { cause: error });
  }
  const media = { url: file.path };
  const mimetype = file.mimeType;
  const caption = part.text === '' ? {} : { caption: part.text };
  // An empty thumbnail keeps baileys from looking for an image library or starting ffmpeg.
  if (PICTURES.has(mimetype)) return { image: media, mimetype, jpegThumbnail: '', ...caption };
  if (mimetype.startsWith('video/')) return { video: media, mimetype, jpegThumbnail: '', ...caption };
  if (mimetype.startsWith('audio/') && part.text === '') return { audio: media, mimetype };
  return { document: media, mimetype, fileName: file.name, ...caption };
}

/** A connection that messages can go out on. */
export interface Line {
  readonly baileys: Baileys;
  readonly socket: Socket;
  readonly acks: Acks;
  readonly messages: MessageStore;
  readonly groups: Groups;
  readonly logger: BaileysLogger;
  /** Aborts when the connection has ended. */
  readonly ended: AbortSignal;
}

interface OutboundOptions {
  /** The live connection; undefined while there is none. */
  readonly line: () => Line | undefined;
  /** How long to wait for the server's ack; default 15 s. */
  readonly ackTimeoutMs?: number;
  /** How long an upload may take; default 5 min. */
  readonly uploadTimeoutMs?: number;
}

/** The stanza's `edit` attribute: what kind of change a protocol message makes. */
type Change = '1' | '7';

interface Delivery {
  readonly signal: AbortSignal;
  /** Id of the message to quote. */
  readonly quoted?: string | undefined;
  readonly change?: Change;
  /** Id of our message that is changed. */
  readonly target?: string;
  /** What to send; gets the key of the message that is changed. */
  readonly content: (target: WAMessageKey) => AnyMessageContent;
}

const BEFORE_SENDING = 'before the message was sent';
const TYPING_TIMEOUT_MS = 2000;

/** Sends, edits, deletes and types. Every message counts as delivered only when the server has acknowledged it. */
export class Outbound {
  readonly #options: OutboundOptions;

  constructor(options: OutboundOptions) {
    this.#options = options;
  }

  async send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    const { chat, part } = request;
    const quoted = request.partIndex === 0 && isGroup(chat.chatId) ? request.replyToMessageId : undefined;
    const messageId = messageIdOf(request.idempotencyKey);
    const content = await contentOfPart(part);
    await this.#deliver(chat, messageId, { signal, quoted, content: () => content });
    return { messageId };
  }

  /** An edit is a message of its own that refers to the first one. WhatsApp takes it for about 15 minutes. */
  async edit(chat: ChatRef, messageId: string, part: Part, signal: AbortSignal): Promise<void> {
    const content = (edit: WAMessageKey): AnyMessageContent => ({ text: part.text, linkPreview: null, edit });
    await this.#deliver(chat, freshId(), { signal, content, change: '1', target: messageId });
  }

  async delete(chat: ChatRef, messageId: string, signal: AbortSignal): Promise<void> {
    const content = (key: WAMessageKey): AnyMessageContent => ({ delete: key });
    await this.#deliver(chat, freshId(), { signal, content, change: '7', target: messageId });
  }

  /** Best effort: a failure only means that nobody sees "typing…". */
  async typing(chat: ChatRef, on: boolean): Promise<void> {
    const line = this.#options.line();
    const jid = jidOfChat(chat.chatId);
    if (line === undefined || jid === undefined) return;
    const sent = line.socket.sendPresenceUpdate(on ? 'composing' : 'paused', jid).catch(() => undefined);
    await within(sent, TYPING_TIMEOUT_MS, line.ended);
  }

  async #deliver(chat: ChatRef, id: string, how: Delivery): Promise<void> {
    if (how.signal.aborted) throw new DeliveryError('unreachable', 'the send was cancelled');
    const line = this.#options.line();
    if (line === undefined) throw new DeliveryError('unreachable', 'WhatsApp is not connected');
    const jid = jidOfChat(chat.chatId);
    if (jid === undefined)
      throw new DeliveryError('rejected', `"${chat.chatId}" is not a WhatsApp chat`, {
        hint: 'Use the chat id the console shows, or a phone number with country code.',
      });
    if (isBroadcast(jid))
      throw new DeliveryError('rejected', 'status updates and channels are not written to');
    const stop = AbortSignal.any([how.signal, line.ended]);
    await this.#prepareChat(line, jid, stop);
    const message = await this.#compose(line, jid, id, how, stop);
    checkGate();
    const acked = line.acks.expect(id);
    try {
      const relayed = line.socket.relayMessage(jid, message, {
        messageId: id,
        ...(how.change === undefined ? {} : { additionalAttributes: { edit: how.change } }),
      });
      // A relay that outlives the race below (the connection ended) has nobody left to report to.
      relayed.catch(() => undefined);
      await before(relayed, stop, 'while the message was being sent').catch((error: unknown) => {
        throw failureOf(error);
      });
      const limit = AbortSignal.any([stop, AbortSignal.timeout(this.#options.ackTimeoutMs ?? 15_000)]);
      const ack: ServerAck = await before(acked, limit, 'before WhatsApp confirmed the message');
      const refusal = refusalOf(ack);
      if (refusal !== undefined) throw refusal;
    } finally {
      line.acks.forget(id);
    }
  }

  /** Looks the chat up. baileys would send to nobody, and be told that all is well, when nobody has this number. */
  async #prepareChat(line: Line, jid: string, stop: AbortSignal): Promise<void> {
    const { socket, groups } = line;
    try {
      if (isGroup(jid)) return await before(groups.learn(jid, socket), stop, BEFORE_SENDING);
      const devices = await before(socket.getUSyncDevices([jid], true, false), stop, BEFORE_SENDING);
      if (devices.length > 0) return;
      // An empty list is also what baileys makes of no answer at all.
      const known = isPhone(jid) ? await before(socket.onWhatsApp(jid), stop, BEFORE_SENDING) : undefined;
      throw known?.length === 0
        ? new DeliveryError('gone', 'this number does not use WhatsApp')
        : new DeliveryError('unreachable', 'WhatsApp did not report the devices of this person');
    } catch (error) {
      const failure = failureOf(error);
      // Whatever happened here happened before the message was sent.
      throw failure.failure === 'unknown'
        ? new DeliveryError('unreachable', failure.message, { cause: error })
        : failure;
    }
  }

  /** Builds the message and uploads its file. Nothing has been sent when this fails. */
  async #compose(line: Line, jid: string, id: string, how: Delivery, stop: AbortSignal) {
    const quoted = how.quoted === undefined ? undefined : line.messages.seen(how.quoted);
    const { user } = line.socket;
    const content = how.content({ remoteJid: jid, id: how.target ?? id, fromMe: true });
    const composing = line.baileys.generateWAMessage(jid, content, {
      logger: line.logger,
      userJid: user?.lid ?? user?.id ?? '',
      upload: line.socket.waUploadToServer,
      mediaUploadTimeoutMs: this.#options.uploadTimeoutMs ?? 300_000,
      messageId: id,
      ...(quoted?.key ? { quoted: { ...quoted, key: quoted.key } } : {}),
    });
    composing.catch(() => undefined);
    try {
      const { message } = await before(composing, stop, BEFORE_SENDING);
      if (!message) throw new Error('the message is empty');
      // A changed draft is not kept: baileys itself remembers it for the minutes in which it may be asked for again.
      if (how.change === undefined) await line.messages.keep(id, { jid, message });
      return message;
    } catch (error) {
      throw new DeliveryError('unreachable', `the message could not be prepared: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

/** The promise, or a DeliveryError `unknown` when the signal comes first. */
async function before<T>(promise: Promise<T>, signal: AbortSignal, when: string): Promise<T> {
  const cut = Promise.withResolvers<never>();
  const onAbort = (): void => {
    const timedOut = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
    cut.reject(new DeliveryError('unknown', `${timedOut ? 'time ran out' : 'the connection ended'} ${when}`));
  };
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([promise, cut.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * The message id of a send: the same for every try, so that a repeat is recognisable as such to whoever keeps messages
 * by id. The form is that of WhatsApp Web.
 */
export function messageIdOf(idempotencyKey: string): string {
  return `3EB0${createHash('sha256').update(idempotencyKey).digest('hex').slice(0, 18).toUpperCase()}`;
}

function freshId(): string {
  return `3EB0${randomBytes(9).toString('hex').toUpperCase()}`;
}

/** How the server answered a message of ours. */
interface ServerAck {
  /** The refusal's code, as WhatsApp wrote it; absent when the message was taken. */
  readonly error?: string;
}

/** Waits for the server's ack of sent messages: baileys reports a message as sent without one. */
export class Acks {
  readonly #waiting = new Map<string, PromiseWithResolvers<ServerAck>>();
  #ended = false;

  /** Expects an ack. Call before sending: the ack may come before the send has returned. */
  expect(id: string): Promise<ServerAck> {
    const waiter = Promise.withResolvers<ServerAck>();
    // Anyone who gave up waiting (time, abort) leaves no one to handle the rejection of `end`.
    waiter.promise.catch(() => undefined);
    if (this.#ended) waiter.reject(connectionLost());
    else this.#waiting.set(id, waiter);
    return waiter.promise;
  }

  forget(id: string): void {
    this.#waiting.delete(id);
  }

  arrived(id: string | undefined, error: string | undefined): void {
    if (id === undefined) return;
    this.#waiting.get(id)?.resolve(error === undefined ? {} : { error });
    this.#waiting.delete(id);
  }

  /** The connection is gone: no one will hear of what was sent on it. */
  end(): void {
    this.#ended = true;
    for (const waiter of this.#waiting.values()) waiter.reject(connectionLost());
    this.#waiting.clear();
  }
}

function connectionLost(): DeliveryError {
  return new DeliveryError('unknown', 'the connection to WhatsApp ended before it confirmed the message');
}
