import { stat } from 'node:fs/promises';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { defined } from '../../base/defined.ts';
import { DeliveryError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Part, SendReceipt, SendRequest } from '../../gateway/adapter.ts';
import { type ChatRef, chatKey } from '../../gateway/model.ts';
import { Pacer, type PaceStep } from '../kit/pacer.ts';
import { LruMap } from '../kit/state-file.ts';
import {
  asCaption,
  type BotClient,
  keyboardOf,
  type MarkedCaption,
  markedText,
  TelegramFailure,
} from './client.ts';
import type { Migrations } from './updates.ts';

/** Descriptions of the Bot API for chats and topics that take no message anymore. */
const GONE =
  /chat not found|user not found|user is deactivated|peer_id_invalid|chat_write_forbidden|not enough rights|have no rights|bot is not a member|bot was kicked|bot was blocked|message thread not found|topic_closed|topic_deleted/i;
const MARKUP = /can't parse entities|can't find end of|unsupported start tag|unsupported parse_mode/i;

/** Telegram gives the wait with every 429; without one this is a safe guess. */
const DEFAULT_RETRY_MS = 5000;

/** What a failed call means for a message that was to be delivered. */
export function deliveryError(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  if (!(error instanceof TelegramFailure)) return new DeliveryError('unknown', messageOf(error));
  const { kind, code, message } = error;
  if (kind === 'unsent') return new DeliveryError('unreachable', message);
  if (kind !== 'refused') return new DeliveryError('unknown', message);
  if (code === 429)
    return new DeliveryError('rate-limited', message, {
      retryAfterMs: error.retryAfterMs ?? DEFAULT_RETRY_MS,
    });
  if (error.unauthorised)
    return new DeliveryError('unreachable', message, { hint: 'Check platforms.telegram.token.' });
  if (code === 403 || GONE.test(message)) return new DeliveryError('gone', message);
  if (MARKUP.test(message)) return new DeliveryError('markup', message);
  return new DeliveryError('rejected', message);
}

/** The edit changed nothing: what was wanted is there. */
export function isUnchanged(error: unknown): boolean {
  return error instanceof TelegramFailure && /message is not modified/i.test(error.message);
}

/** The message is not there anymore: what a delete wanted. */
export function isAlreadyDeleted(error: unknown): boolean {
  return error instanceof TelegramFailure && /message to delete not found/i.test(error.message);
}

function isCaptionMessage(error: unknown): boolean {
  return error instanceof TelegramFailure && /there is no text in the message to edit/i.test(error.message);
}

/** The file was no photo for Telegram (size, ratio, format): it can still go as a document. */
function isUnfitPhoto(error: unknown): boolean {
  return (
    error instanceof TelegramFailure &&
    /photo_invalid_dimensions|image_process_failed|photo_ext_invalid|photo_save_file_invalid/i.test(
      error.message,
    )
  );
}

const MB = 1024 * 1024;
/** Bot API limits: 50 MB for a file, 10 MB for a photo. */
const MAX_FILE_BYTES = 50 * MB;
const MAX_PHOTO_BYTES = 10 * MB;

type UploadMethod = 'sendPhoto' | 'sendAnimation' | 'sendVideo' | 'sendAudio' | 'sendDocument';

const METHODS: Readonly<Record<string, UploadMethod>> = {
  'image/jpeg': 'sendPhoto',
  'image/png': 'sendPhoto',
  'image/webp': 'sendPhoto',
  'image/gif': 'sendAnimation',
  'video/mp4': 'sendVideo',
  'audio/mpeg': 'sendAudio',
  'audio/mp4': 'sendAudio',
};

/** How a file is sent, so that people see or hear it in the chat where Telegram can show it. */
async function uploadMethod(file: NonNullable<Part['attachment']>): Promise<UploadMethod> {
  let size: number;
  try {
    const found = await stat(file.path);
    if (!found.isFile()) throw new Error('it is not a file');
    size = found.size;
  } catch (error) {
    throw new DeliveryError('rejected', `${file.name} cannot be read: ${messageOf(error)}`);
  }
  if (size === 0) throw new DeliveryError('rejected', `${file.name} is empty`);
  if (size > MAX_FILE_BYTES)
    throw new DeliveryError('rejected', `${file.name} is larger than the 50 MB a bot may send`);
  const method = METHODS[file.mimeType] ?? 'sendDocument';
  return method === 'sendPhoto' && size > MAX_PHOTO_BYTES ? 'sendDocument' : method;
}

const Sent = Type.Object({ message_id: Type.Integer() });

const CAPTION_LIMIT = 1024;
const UPLOAD_TIMEOUT_MS = 180_000;
const TYPING_TIMEOUT_MS = 5000;

interface OutboundOptions {
  readonly client: BotClient;
  readonly migrations: Migrations;
  readonly log: Logger;
  /** False lifts Telegram's published send limits. */
  readonly sendLimits: boolean;
  /** The platform refused the token. */
  readonly onUnauthorised: (failure: TelegramFailure) => void;
}

interface Target {
  readonly chat_id: number | string;
  readonly message_thread_id?: number;
}

/** Everything that goes out. Never retries on its own; every failure is a DeliveryError without the token. */
export class Outbound {
  readonly #options: OutboundOptions;
  readonly #pacer = new Pacer();
  /** Texts sent ahead of their file, by idempotency key: a second try sends only the file. */
  readonly #textSent = new LruMap<string, true>(500);

  constructor(options: OutboundOptions) {
    this.#options = options;
  }

  async send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    const { chat, part } = request;
    return this.#deliver(
      chat,
      async (target) => {
        if (part.attachment !== undefined) return this.#sendFile(request, part.attachment, target, signal);
        return this.#sendText(request, target, signal);
      },
      signal,
    );
  }

  async edit(chat: ChatRef, messageId: string, part: Part, signal: AbortSignal): Promise<void> {
    await this.#guarded(chat, async ({ chat_id }) => {
      const message = { chat_id, message_id: Number(messageId) };
      const keyboard = keyboardOf(part);
      const markup = keyboard === undefined ? {} : { reply_markup: keyboard };
      const marked = markedText(part, isGroup(chat));
      const preview = { link_preview_options: { is_disabled: true } };
      try {
        await this.#options.client.call(
          'editMessageText',
          { ...message, ...marked, ...preview, ...markup },
          { signal },
        );
      } catch (error) {
        if (isUnchanged(error)) return;
        if (!isCaptionMessage(error)) throw error;
        await this.#options.client
          .call('editMessageCaption', { ...message, ...asCaption(marked), ...markup }, { signal })
          .catch((failure: unknown) => {
            if (!isUnchanged(failure)) throw failure;
          });
      }
    });
  }

  async delete(chat: ChatRef, messageId: string, signal: AbortSignal): Promise<void> {
    await this.#guarded(chat, async ({ chat_id }) => {
      try {
        await this.#options.client.call(
          'deleteMessage',
          { chat_id, message_id: Number(messageId) },
          { signal },
        );
      } catch (error) {
        if (!isAlreadyDeleted(error)) throw error;
      }
    });
  }

  /** Telegram hides it on its own after 5 s or with the next message: there is nothing to take back. */
  async typing(chat: ChatRef, on: boolean, signal: AbortSignal): Promise<void> {
    if (!on) return;
    try {
      await this.#options.client.call(
        'sendChatAction',
        { ...this.#target(chat), action: 'typing' },
        { signal, timeoutMs: TYPING_TIMEOUT_MS },
      );
    } catch (error) {
      // Best effort: the answer itself will report what is wrong.
      this.#options.log.debug('typing was not shown', { error: deliveryError(error).message });
    }
  }

  // ---- one message --------------------------------------------------------------------------------------------

  async #sendText(request: SendRequest, target: Target, signal: AbortSignal): Promise<SendReceipt> {
    const reply = replyOf(request);
    const keyboard = keyboardOf(request.part);
    return receipt(
      await this.#options.client.call(
        'sendMessage',
        {
          ...target,
          ...markedText(request.part, isGroup(request.chat)),
          // A preview makes Telegram fetch the address: text of a model must not be able to call one.
          link_preview_options: { is_disabled: true },
          ...defined({ reply_parameters: reply, reply_markup: keyboard }),
        },
        { signal },
      ),
    );
  }

  async #sendFile(
    request: SendRequest,
    file: NonNullable<Part['attachment']>,
    target: Target,
    signal: AbortSignal,
  ): Promise<SendReceipt> {
    const method = await uploadMethod(file);
    const { idempotencyKey, part } = request;
    const ahead = part.plain.length > CAPTION_LIMIT;
    if (ahead && this.#textSent.get(idempotencyKey) === undefined) {
      await this.#sendText(request, target, signal);
      this.#textSent.set(idempotencyKey, true);
    }
    const caption =
      ahead || part.text === '' ? undefined : asCaption(markedText(part, isGroup(request.chat)));
    const upload = (as: UploadMethod): Promise<unknown> => this.#upload(as, request, target, caption, signal);
    try {
      return receipt(await upload(method));
    } catch (error) {
      if (method !== 'sendPhoto' || !isUnfitPhoto(error)) throw error;
      return receipt(await upload('sendDocument'));
    }
  }

  #upload(
    method: UploadMethod,
    request: SendRequest,
    target: Target,
    caption: MarkedCaption | undefined,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { attachment } = request.part;
    const source = { source: attachment?.path ?? '', filename: attachment?.name ?? 'file' };
    const keyboard = keyboardOf(request.part);
    const common = {
      ...target,
      ...caption,
      ...defined({ reply_markup: keyboard }),
    };
    // telegraf encodes only some fields of an upload: the reply would be dropped if it were an object.
    const reply = replyOf(request);
    if (reply !== undefined) Object.assign(common, { reply_parameters: JSON.stringify(reply) });
    const { client } = this.#options;
    const options = { signal, timeoutMs: UPLOAD_TIMEOUT_MS };
    switch (method) {
      case 'sendPhoto':
        return client.call('sendPhoto', { ...common, photo: source }, options);
      case 'sendAnimation':
        return client.call('sendAnimation', { ...common, animation: source }, options);
      case 'sendVideo':
        return client.call('sendVideo', { ...common, video: source }, options);
      case 'sendAudio':
        return client.call('sendAudio', { ...common, audio: source }, options);
      case 'sendDocument':
        return client.call('sendDocument', { ...common, document: source }, options);
    }
  }

  // ---- the way out --------------------------------------------------------------------------------------------

  /** A send: paced, and with a block of the chat after a 429. */
  async #deliver<T>(chat: ChatRef, body: (target: Target) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#options.sendLimits) await this.#pacer.slot(paceOf(chat), signal);
    if (signal.aborted) throw new DeliveryError('unreachable', 'the delivery was canceled before it began');
    try {
      return await this.#guarded(chat, body);
    } catch (error) {
      if (error instanceof DeliveryError && error.retryAfterMs !== undefined)
        this.#pacer.block(chatKey(chat), error.retryAfterMs);
      throw error;
    }
  }

  /** Follows a group that became a supergroup, and turns every failure into a DeliveryError. */
  async #guarded<T>(chat: ChatRef, body: (target: Target) => Promise<T>): Promise<T> {
    try {
      try {
        return await body(this.#target(chat));
      } catch (error) {
        if (!(error instanceof TelegramFailure) || error.migrateToChatId === undefined) throw error;
        await this.#options.migrations.record(chat.chatId, error.migrateToChatId);
        return await body(this.#target(chat));
      }
    } catch (error) {
      if (error instanceof TelegramFailure && error.unauthorised) this.#options.onUnauthorised(error);
      throw deliveryError(error);
    }
  }

  #target(chat: ChatRef): Target {
    const chatId = this.#options.migrations.current(chat.chatId);
    return {
      chat_id: /^-?\d+$/.test(chatId) ? Number(chatId) : chatId,
      ...(chat.threadId === undefined ? {} : { message_thread_id: Number(chat.threadId) }),
    };
  }
}

function replyOf(
  request: SendRequest,
): { message_id: number; allow_sending_without_reply: boolean } | undefined {
  const id = Number(request.replyToMessageId);
  if (request.partIndex !== 0 || !Number.isSafeInteger(id)) return undefined;
  return { message_id: id, allow_sending_without_reply: true };
}

function receipt(result: unknown): SendReceipt {
  if (!Value.Check(Sent, result))
    throw new DeliveryError('unknown', 'Telegram took the message but did not say under which id');
  return { messageId: String(result.message_id) };
}

/** Ids of groups are negative. */
function isGroup(chat: ChatRef): boolean {
  return chat.chatId.startsWith('-');
}

/** Published limits: about 1 a second in a chat, 20 a minute in a group, 30 a second in all. */
function paceOf(chat: ChatRef): PaceStep[] {
  return [
    { key: 'all', limit: { burst: 30, everyMs: 1000 / 30 } },
    { key: chatKey(chat), limit: { burst: 3, everyMs: 1000 } },
    ...(isGroup(chat) ? [{ key: `group ${chat.chatId}`, limit: { burst: 20, everyMs: 3000 } }] : []),
  ];
}
