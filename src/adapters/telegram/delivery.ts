import { DeliveryError, messageOf } from '../../gateway/errors.ts';
import { TelegramFailure } from './client.ts';

/** Descriptions of the Bot API for chats and topics that take no message any more. */
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

/** The message is not there any more: what a delete wanted. */
export function isAlreadyDeleted(error: unknown): boolean {
  return error instanceof TelegramFailure && /message to delete not found/i.test(error.message);
}

export function isCaptionMessage(error: unknown): boolean {
  return error instanceof TelegramFailure && /there is no text in the message to edit/i.test(error.message);
}

/** The file was no photo for Telegram (size, ratio, format): it can still go as a document. */
export function isUnfitPhoto(error: unknown): boolean {
  return (
    error instanceof TelegramFailure &&
    /photo_invalid_dimensions|image_process_failed|photo_ext_invalid|photo_save_file_invalid/i.test(
      error.message,
    )
  );
}
